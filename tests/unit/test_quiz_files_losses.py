"""What is not imported is said, and never graded as if it were."""

from __future__ import annotations

from typing import Any

import pytest

from quiz_files import FileError, read_file
from tests.harness.quiz_files import gift, line, moodle_question, only, packed, read, table


def choices(*answers: tuple[float, str], single: str = "true") -> str:
    listed = "".join(f'<answer fraction="{share}"><text>{text}</text></answer>' for share, text in answers)
    return moodle_question("multichoice", f"<single>{single}</single>{listed}")


def item(declaration: str, body: str, processing: str = "") -> str:
    """An item of QTI 3.0."""
    return (
        '<qti-assessment-item xmlns="http://www.imsglobal.org/xsd/imsqtiasi_v3p0" identifier="i" title="t">'
        f"{declaration}<qti-item-body>{body}</qti-item-body>{processing}</qti-assessment-item>"
    )


def declared(cardinality: str, base_type: str, *values: str, mapping: str = "") -> str:
    listed = "".join(f"<qti-value>{value}</qti-value>" for value in values)
    return (
        f'<qti-response-declaration identifier="R" cardinality="{cardinality}" base-type="{base_type}">'
        f"<qti-correct-response>{listed}</qti-correct-response>{mapping}</qti-response-declaration>"
    )


FIELD = '<p>What?</p><p><qti-text-entry-interaction response-identifier="R"/></p>'
CHOICE = (
    '<qti-choice-interaction response-identifier="R" max-choices="1"><qti-prompt>What?</qti-prompt>'
    '<qti-simple-choice identifier="A">a</qti-simple-choice>'
    '<qti-simple-choice identifier="B">b</qti-simple-choice></qti-choice-interaction>'
)
FORMATTED = "&lt;p&gt;&lt;b&gt;a&lt;/b&gt;&lt;/p&gt;"
NO_KEY_AT_ALL = "its key: the file says of no answer that it is right"
NO_NUMBER = "its key: several numbers are right, or what is right is none"
NO_SUCH_GAP = "<selectoption><text>a</text><group>1</group></selectoption>"


def answered(kind: str, *answers: str) -> str:
    """A question of Moodle to which all of these are right."""
    return moodle_question(
        kind, "".join(f'<answer fraction="100"><text>{text}</text></answer>' for text in answers)
    )


NO_KEY: list[tuple[str, str]] = [
    (choices((100, "a"), (100, "b")), "its key: several options are right, and students choose one"),
    (choices((0, "a"), (0, "b")), NO_KEY_AT_ALL),
    (choices((50, "a"), (0, "b")), NO_KEY_AT_ALL),
    (
        answered("shortanswer", "b*"),
        "its key: an answer with a wildcard (*) is right",
    ),
    (
        moodle_question(
            "numerical",
            '<answer fraction="100"><text>1</text></answer><answer fraction="100"><text>2</text></answer>',
        ),
        "its key: several numbers are right",
    ),
    (
        answered("numerical", "one"),
        "its key: the right answer is not a number",
    ),
    (
        moodle_question(
            "gapselect", "<selectoption><text>a</text><group>1</group></selectoption>", "A [[7]]"
        ),
        "its key: its gaps are not those of its options",
    ),
    ("What? {#=1 =2}", "its key: several numbers are right"),
    ("What? {#one}", "its key: the right answer is not a number"),
    (
        item(declared("single", "float", "1", "2"), FIELD),
        "its key: several numbers are right, or what is right is none",
    ),
    (item(declared("single", "identifier"), CHOICE), NO_KEY_AT_ALL),
    (
        item(declared("ordered", "identifier", "A", "B"), CHOICE),
        "its key: the order in which options are chosen",
    ),
]


@pytest.mark.parametrize(("text", "lost"), NO_KEY)
def test_a_key_that_cannot_be_kept_is_none_and_a_person_marks(text: str, lost: str) -> None:
    imported = read(text, "x.gift")
    assert "key" not in only(imported)
    assert line(imported).outcome == "by a person"
    assert lost in line(imported).lost


LOST: list[tuple[str, str]] = [
    (choices((100, "a"), (50, "b")), "the part of the points for options that are partly right"),
    (choices((100, "a"), (-25, "b")), "what wrong options take away"),
    (
        choices((75, "a"), (25, "b"), (-100, "c"), single="false"),
        "the shares of its options: now a right one earns 1/2, and a wrong one takes as much",
    ),
    (
        moodle_question("shortanswer", '<usecase>1</usecase><answer fraction="100"><text>a</text></answer>'),
        "that case counts: it does not now",
    ),
    (moodle_question("essay", "<hint><text>Think.</text></hint>"), "hints"),
    (
        moodle_question("essay", "<graderinfo><text>Two.</text></graderinfo>"),
        "information for graders",
    ),
    (moodle_question("essay", "<maxwordlimit>100</maxwordlimit>"), "its limit of words"),
    (
        moodle_question("essay", "", FORMATTED),
        "formatting, such as bold or italics",
    ),
    (moodle_question("essay", "", '&lt;a href="/"&gt;a&lt;/a&gt;'), "where a link leads"),
    (moodle_question("essay", "", "&lt;table&gt;&lt;tr&gt;&lt;td&gt;a&lt;/table&gt;"), "the form of a table"),
    (moodle_question("essay", "", "a&lt;math&gt;x&lt;/math&gt;"), "the form of a formula"),
    (moodle_question("essay", "", "a&lt;video src='a'&gt;&lt;/video&gt;"), "video"),
    (
        moodle_question("essay", "", "a&lt;img src='https://example.org/a.png'&gt;"),
        "an image (a.png): it is not in the file",
    ),
    (
        moodle_question("essay", "", "a&lt;img alt='b' src='data:image/svg+xml,%3Csvg/%3E'&gt;"),
        "an image (b): no PNG, JPEG, GIF or WebP",
    ),
    (
        moodle_question("essay", "", f"a&lt;img alt='b' src='data:image/png;base64,{'A' * 40000}'&gt;"),
        "an image (b): 30000 bytes, and 24576 are kept at most",
    ),
    (
        item(
            declared("single", "string", "a"),
            FIELD,
            '<qti-response-processing template="https://example.org/match_correct"/>',
        ),
        "that case counts: it does not now",
    ),
    (
        item(
            declared("single", "string", "a"),
            FIELD,
            "<qti-response-processing><qti-custom-operator/></qti-response-processing>",
        ),
        "its own rules of marking: right is what it declares as correct",
    ),
    (
        item(
            declared("single", "string", "a"),
            '<p>What?</p><p><qti-text-entry-interaction response-identifier="R" pattern-mask="[a-z]+"/></p>',
        ),
        "the pattern that an answer must have",
    ),
]


@pytest.mark.parametrize(("text", "lost"), LOST)
def test_what_is_lost_of_a_question_is_said(text: str, lost: str) -> None:
    assert lost in line(read(text, "x.gift")).lost


LEFT_OUT: list[tuple[str, str, str]] = [
    ("x.gift", "A {=a}\n\nB {a}", "its answers begin with neither = nor ~"),
    ("x.gift", "A {=a}\n\nB {=a} {=b}", "it has answers in more than one place"),
    ("x.gift", "A {=a}\n\nB {=a ->}", "one of its answers has no partner"),
    ("x.csv", "text,points\nA,1\nB,x", "its points are no number: 'x'"),
    ("x.csv", "text,points\nA,1\nB,-1", "points must be a number from 0 to 1000000"),
    ("x.csv", "text,kind\nA,essay\nB,essay,C", "more cells than the first row names"),
    ("x.csv", "text,key\nA,\nB,C", "its kind is not said: number, or short"),
    ("x.csv", "text,kind\nA,essay\nB,choice", "it has nothing to choose from"),
    ("x.csv", "text,kind,a,key\nA,essay,,\nB,choice,C,D", "its key 'D' names no option"),
    ("x.csv", "text,kind,a,b,key\nA,essay,,,\nB,choice,C,D,A B", "its kind is multiple"),
    ("x.csv", "text,kind,a,key\nA,essay,,\nB,number,C,1", "a number has no options"),
    ("x.csv", "text,kind,a\nA,essay,\nB,match,C", "its option a is not written as left = right"),
    ("x.csv", "text,kind,a,key\nA,essay,,\nB,order,C,A", "an order has no key"),
    ("x.csv", "text,kind,key\nA,essay,\nB,essay,C", "an essay has no key"),
    ("x.csv", "text,kind,key\nA,essay,\nB,number,C", "its key is no number: 'C'"),
    ("x.csv", "text,kind,decimal\nA,essay,\nB,number,;", "neither a point nor a comma"),
    ("x.csv", "text,kind,shuffle\nA,essay,\nB,essay,C", "its shuffle is neither yes nor no: 'C'"),
]


@pytest.mark.parametrize(("name", "text", "reason"), LEFT_OUT)
def test_a_question_that_cannot_be_read_is_left_out_and_the_others_are_not(
    name: str, text: str, reason: str
) -> None:
    imported = read(text, name)
    first, second = imported.report
    assert len(first.questions) == 1
    assert (second.outcome, second.questions) == ("left out", ())
    assert reason in second.kept


REFUSED: list[tuple[str, str, str]] = [
    ("x.csv", "question,key\nA,B", "names a column 'question', which is none"),
    ("x.csv", "text,tolerence\nA,B", "did you mean 'tolerance'?"),
    ("x.csv", "text,text\nA,B", "names the column 'text' more than once"),
    ("x.csv", "a,b\nA,B", "has no column 'text'"),
    ("x.csv", "", "has no column 'text'"),
    ("x.csv", "text\n", "has no question"),
    ("x.gift", "// nothing\n", "has no GIFT question"),
    ("x.gift", "A {=a", "line 1: its { is not closed"),
    ("x.doc", "A {=a}", "does not tell its format; say it with --format"),
    ("x.xml", "<html/>", "neither Moodle XML nor QTI: its root is <html>"),
    ("x.xml", "<quiz>", "not well-formed XML"),
    ("x.xml", "<quiz/>", "has no question that can be imported"),
    ("x.xml", "<assessmentTest/>", "give the whole package"),
    (
        "x.xml",
        '<?xml version="1.0" encoding="ebcdic-cp-xx"?><quiz/>',
        "well-formed XML|encoding that is not read",
    ),
    ("x.json", "[]", "no JSON object of a quiz's rules"),
    ("x.json", "{", "no JSON"),
    ("x.json", '{"questions": {}, "questions": {}}', "'questions' comes twice"),
    ("x.json", '{"questions": {"a": {"points": NaN}}}', "NaN is no number"),
    ("x.json", '{"questions": {"a": {"grading": "exact"}}}', "exact needs a key"),
    ("x.json", "[" * 100_000, "nested too deep|no JSON"),
]


@pytest.mark.parametrize(("name", "text", "reason"), REFUSED)
def test_a_file_that_cannot_be_read_says_why(name: str, text: str, reason: str) -> None:
    with pytest.raises(FileError) as raised:
        read(text, name)
    assert any(each in str(raised.value) for each in reason.split("|"))


def test_a_file_that_is_not_utf_8_says_where() -> None:
    with pytest.raises(FileError, match="not UTF-8 at byte 5"):
        read_file("text\né".encode("latin-1"), "x.csv")


def test_more_questions_than_a_quiz_may_have_are_refused() -> None:
    with pytest.raises(FileError, match="513 questions, and a quiz at most 512; split it"):
        gift("\n\n".join(f"Question {number}" for number in range(513)))


def test_more_sections_than_a_paper_may_have_are_refused() -> None:
    with pytest.raises(FileError, match="101 sections, and a paper at most 100; split it"):
        table("text,section\n" + "\n".join(f"A,{number}" for number in range(101)))


def test_a_question_that_is_too_large_is_left_out() -> None:
    imported = gift(f"A\n\n{'B' * 70_000}")
    assert imported.report[1].outcome == "left out"
    assert "content may have at most 65536 bytes" in imported.report[1].kept


def test_gaps_of_a_section_that_draws_are_one_question_which_a_person_marks() -> None:
    two = (
        '<assessmentItem identifier="{0}" title=""><itemBody><p>What?</p>'
        '<p><textEntryInteraction responseIdentifier="R"/></p>'
        '<p><textEntryInteraction responseIdentifier="S"/></p>'
        "</itemBody></assessmentItem>"
    )
    test = (
        '<assessmentTest title="T"><testPart navigationMode="nonlinear"><assessmentSection title="S">'
        '<selection select="1"/><assessmentItemRef href="1.xml"/><assessmentItemRef href="2.xml"/>'
        "</assessmentSection></testPart></assessmentTest>"
    )
    data = packed({"t.xml": test, "1.xml": two.format("one"), "2.xml": two.format("two")})
    imported = read_file(data, "x.zip")
    assert list(imported.rules["questions"]) == ["one", "two"]
    assert imported.report[0].outcome == "by a person"
    assert imported.report[0].lost == ("its key: it has several gaps, and its section draws questions",)


def test_ids_that_are_taken_are_numbered() -> None:
    questions: dict[str, Any] = dict(table("id,text\nsame,A\nsame,B\nsame,C").rules["questions"])
    assert list(questions) == ["same", "same-2", "same-3"]


def test_names_which_may_be_the_answer_are_no_ids() -> None:
    imported = gift("::bowline::Which knot? {=bowline}")
    assert list(imported.rules["questions"]) == ["1"]
    assert line(imported).name == "bowline"


def test_points_of_a_table_may_have_the_comma_that_its_decimal_says() -> None:
    imported = table("kind;points;text;key;decimal\nnumber;1,5;How much?;2,5;,")
    (question,) = imported.rules["questions"].values()
    assert (question["points"], question["key"]) == (1.5, 2.5)


def test_what_is_worth_nothing_waits_for_nobody() -> None:
    assert line(table("kind,points,text\nessay,0,Read this.")).outcome == "shown"
