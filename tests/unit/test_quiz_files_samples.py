"""Files of each format, as they are imported and as they come back."""

from __future__ import annotations

from typing import Any

import pytest

from quiz_files import FileError, Imported, read_file, write_package
from quiz_files.rules_json import write
from quiz_sessions.domain.grading import grade, parse_questions
from quiz_sessions.domain.papers import parse_paper, split_contents
from tests.harness.quiz_files import FILES, SAMPLES, packed, sample


def by_name(name: str) -> dict[str, Any]:
    questions = sample(name).rules["questions"]
    assert isinstance(questions, dict)
    return questions


@pytest.mark.parametrize("name", FILES)
def test_exported_as_qti_and_imported_again_a_quiz_is_the_same(name: str) -> None:
    rules = sample(name).rules
    exported = write_package(rules, "A quiz")
    again = read_file(exported.data, "quiz.zip")
    assert again.rules == rules
    assert [line.lost for line in exported.report if line.lost] == []
    assert [line.lost for line in again.report if line.lost] == []


@pytest.mark.parametrize("name", FILES)
def test_exported_as_json_and_imported_again_a_quiz_is_the_same(name: str) -> None:
    rules = sample(name).rules
    assert read_file(write(rules).encode(), "quiz.json").rules == rules


@pytest.mark.parametrize("name", FILES)
def test_the_same_quiz_is_the_same_package(name: str) -> None:
    rules = sample(name).rules
    assert write_package(rules, "A quiz").data == write_package(rules, "A quiz").data


@pytest.mark.parametrize("name", FILES)
def test_the_service_takes_what_is_imported(name: str) -> None:
    rules = sample(name).rules
    graded, contents = split_contents(rules["questions"])
    questions = parse_questions(graded)
    parse_paper(rules["paper"], questions)
    assert contents.keys() == questions.keys()


@pytest.mark.parametrize("name", FILES)
def test_who_answers_with_the_keys_has_every_point_that_no_person_gives(name: str) -> None:
    questions = parse_questions(split_contents(sample(name).rules["questions"])[0])
    answers = {
        question: rules.key[0] if rules.grading == "text" and isinstance(rules.key, list) else rules.key
        for question, rules in questions.items()
        if rules.grading is not None
    }
    found = grade(questions, answers)
    assert found is not None
    by_key = sum(rules.points for rules in questions.values() if rules.grading is not None)
    assert found.score == pytest.approx(by_key)


@pytest.mark.parametrize("name", FILES)
def test_every_question_of_a_file_is_in_its_report_once(name: str) -> None:
    imported = sample(name)
    reported = [question for line in imported.report for question in line.questions]
    assert reported == list(imported.rules["questions"])
    assert all(line.kept for line in imported.report)
    assert all(not line.questions for line in imported.report if line.outcome == "left out")


OUTCOMES = {
    "moodle/questions.xml": [*["graded"] * 9, "shown", "by a person", "left out", "left out"],
    "gift.txt": [*["graded"] * 12, "shown", "by a person", "left out", "left out"],
    "table.csv": [*["graded"] * 6, "by a person", "left out", "left out", "left out"],
    "qti22/choice.xml": ["graded"],
    "canvas_classic": [*["graded"] * 8, "by a person", "shown", "left out", "left out", "graded", "graded"],
    "canvas_new": ["graded", "graded", "graded", "left out"],
    "qti30": [*["graded"] * 8, "by a person", "left out", "left out"],
}


@pytest.mark.parametrize("name", FILES)
def test_what_can_be_graded_is(name: str) -> None:
    assert [line.outcome for line in sample(name).report] == OUTCOMES[name]


def test_moodle_question_of_one_choice() -> None:
    question = by_name("moodle/questions.xml")["tides-1"]
    (image,) = question["content"].pop("images")
    assert image["alt"] == "A tide table"
    assert image["src"].startswith("data:image/png;base64,iVBOR")
    assert question == {
        "points": 2,
        "grading": "exact",
        "key": "a",
        "shuffle_options": True,
        "content": {
            "kind": "choice",
            "text": "What mostly causes the tides?\n\n[image: A tide table]",
            "options": [
                {"id": "a", "text": "The Moon"},
                {"id": "b", "text": "The wind"},
                {"id": "c", "text": "Whales & ships"},
            ],
        },
    }


def test_gaps_of_moodle_are_a_question_each_and_share_its_points_by_their_weights() -> None:
    questions = by_name("moodle/questions.xml")
    gaps = [questions[f"8.{gap}"] for gap in (1, 2, 3)]
    assert [gap["points"] for gap in gaps] == [1, 1, 2]
    assert [gap["key"] for gap in gaps] == ["bow", "b", 6]
    assert gaps[0]["content"]["text"] == (
        "The front of a ship is the [1], its left side is [2], and a fathom has [3] feet.\n\n[1]"
    )


def test_categories_of_moodle_are_sections() -> None:
    sections = sample("moodle/questions.xml").rules["paper"]["sections"]
    assert [section["title"] for section in sections] == ["Tides", "Ropes / knots"]


def test_partners_are_not_listed_in_the_order_of_what_they_belong_to() -> None:
    assert by_name("moodle/questions.xml")["6"]["content"]["right"] == [
        {"id": "ra", "text": "A diver is down"},
        {"id": "rb", "text": "I am on fire"},
        {"id": "rc", "text": "Man overboard"},
    ]


def test_the_text_of_gift_without_its_signs() -> None:
    questions = by_name("gift.txt")
    assert questions["6"]["content"]["text"] == "Tomatoes are _____ on the window sill."
    assert questions["12"]["content"]["text"] == (
        "In GIFT, { and } and = and ~ and # and : have a meaning.\nWhich one begins a comment?"
    )
    assert [option["text"] for option in questions["12"]["content"]["options"]][:2] == ["#", ":"]


def test_numbers_of_gift() -> None:
    questions = by_name("gift.txt")
    assert [(questions[name]["key"], questions[name].get("tolerance", 0)) for name in "789"] == [
        (10, 0),
        (7, 0.1),
        (0, 0.5),
    ]


def test_what_gift_leaves_out_names_its_line() -> None:
    left_out = [line for line in sample("gift.txt").report if line.outcome == "left out"]
    assert [(line.place, line.kept) for line in left_out] == [
        ("line 55", "its { is not closed before the next blank line"),
        ("line 58", "it has a } without a {; write \\} for one that is text"),
    ]


def test_a_quiz_of_canvas_with_its_settings() -> None:
    imported = sample("canvas_classic")
    assert (imported.rules["time_limit_seconds"], imported.rules["max_attempts"]) == (1800, 2)
    assert imported.rules["paper"]["sections"][1] == {
        "title": "Paints",
        "questions": ["g2a", "g2b"],
        "pick": 1,
        "shuffle": True,
    }
    assert imported.rules["questions"]["g2a"]["points"] == 1.5
    assert imported.lost == (
        "its access code: set it in the rules of the quiz",
        "when it closes: set it in the rules of the quiz",
    )


def test_an_image_of_a_package_of_canvas() -> None:
    content = by_name("canvas_classic")["g1a"]["content"]
    assert content["text"].endswith("[image: A wheel]")
    assert content["images"][0]["src"].startswith("data:image/png;base64,iVBOR")


def test_keys_of_canvas() -> None:
    questions = by_name("canvas_classic")
    assert {name: question.get("key") for name, question in questions.items()} == {
        "g1a": "b",
        "g1b": "b",
        "g1c": ["a", "c"],
        "g1d": ["white", "white light"],
        "g1e.1": ["blue", "light blue"],
        "g1e.2": "green",
        "g1f": "a",
        "g1g": {"a": "ra", "b": "rb"},
        "g1h": 580,
        "g1i": None,
        "g1j": None,
        "g2a": "a",
        "g2b": "b",
    }
    assert questions["g1h"]["tolerance"] == 10


def test_an_order_and_categories_of_new_quizzes() -> None:
    questions = by_name("canvas_new")
    assert questions["n1"]["key"] == ["b", "a", "c"]
    assert questions["n2"]["key"] == {"x1": "ra", "x2": "rb", "x3": "ra"}
    assert (questions["n3"]["key"], questions["n3"]["tolerance"]) == (472.5, 22.5)


def test_the_sections_of_a_test() -> None:
    rules = sample("qti30").rules
    assert rules["time_limit_seconds"] == 2700
    drawn, whole, forward = rules["paper"]["sections"]
    assert drawn == {
        "title": "A draw",
        "questions": ["moon-choice", "moon-several", "moon-word"],
        "pick": 2,
        "shuffle": True,
        "time_limit_seconds": 600,
    }
    assert whole.keys() == {"title", "questions"}
    assert forward["navigation"] == "forward"


def test_points_of_qti_are_those_of_the_item_times_its_weight() -> None:
    questions = by_name("qti30")
    assert {name: question["points"] for name, question in questions.items()} == {
        "moon-choice": 3,
        "moon-several": 2,
        "moon-word": 1,
        "moon-number": 2,
        "moon-order": 1,
        "moon-match": 2,
        "moon-gaps": 1,
        "moon-two.1": 2,
        "moon-two.2": 2,
        "moon-essay": 5,
    }


def test_keys_of_qti() -> None:
    questions = by_name("qti30")
    assert {name: question["key"] for name, question in questions.items() if "key" in question} == {
        "moon-choice": "B",
        "moon-several": ["H1", "H3"],
        "moon-word": ["perigee", "the perigee"],
        "moon-number": 27.3,
        "moon-order": ["S2", "S1", "S3"],
        "moon-match": {"M1": "P2", "M2": "P1"},
        "moon-gaps": {"G1": "T1", "G2": "T2"},
        "moon-two.1": "dark",
        "moon-two.2": "I2",
    }
    assert questions["moon-number"]["tolerance"] == 0.2


def test_qti_2_is_read_as_3() -> None:
    question = by_name("qti22/choice.xml")["rivers-1"]
    assert question["content"]["text"] == "Which of these rivers flow into the North Sea?\n\nChoose all."
    assert (question["key"], question["partial"], question["points"]) == (["ChoiceA", "ChoiceC"], True, 2)


def test_a_table() -> None:
    questions = by_name("table.csv")
    assert questions["types"]["key"] == ["a", "b", "d"]
    assert questions["3"]["content"] == {
        "text": "How hot is an oven for bread?",
        "kind": "number",
        "unit": "°C",
    }
    assert (questions["3"]["key"], questions["3"]["tolerance"]) == (230, 20)
    assert questions["5"]["key"] == ["a", "b", "c"]
    assert questions["6"]["key"] == {"a": "ra", "b": "rb"}
    assert questions["7"]["content"]["text"] == "Why does a cake fall?\nExplain it."


DRAWING = """<questestinterop><assessment ident="quiz" title="Drawn"><section ident="root_section">
  <section ident="g" title="From a bank"><selection_ordering><selection>
    <sourcebank_ref>{bank}</sourcebank_ref><selection_number>2</selection_number>
    <selection_extension><points_per_item>3</points_per_item></selection_extension>
  </selection></selection_ordering></section>
</section></assessment></questestinterop>"""


def drawing(bank: str) -> Imported:
    """A quiz of Canvas that draws from an item bank, beside that bank."""
    files: dict[str, bytes | str] = {
        "non_cc_assessments/quiz.xml.qti": DRAWING.format(bank=bank),
        "non_cc_assessments/bank.xml.qti": (SAMPLES / "canvas_new/bank/bank.xml").read_bytes(),
    }
    return read_file(packed(files), "x.zip")


def test_a_draw_from_an_item_bank_of_canvas() -> None:
    rules = drawing("bank-1").rules
    assert rules["paper"]["sections"] == [
        {"title": "From a bank", "questions": ["n1", "n2", "n3"], "pick": 2, "shuffle": True}
    ]
    assert {question["points"] for question in rules["questions"].values()} == {3}


def test_an_item_bank_that_is_not_in_the_package_is_said() -> None:
    with pytest.raises(FileError, match="section 'From a bank': its item bank, which is not in the file"):
        drawing("bank-2")
