"""GradingMethod: what a question may say, when an answer is right, what it earns."""

import copy
import json
import math
import unicodedata
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from quiz_sessions.domain import grading, matching
from quiz_sessions.domain.errors import ContentTooLargeError, InvalidInputError
from quiz_sessions.domain.grading import Grade, GradingMethod, Mark, Question, QuestionResult
from quiz_sessions.domain.json_values import dump_json

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["a", "b", "A", " a", "1", "1e999999999", "true"])
    | TEXTS
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
# Few enough values that two of them are often equal.
FEW = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 1.0, -0.0, "1", "a", ""]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
CHOICES = st.lists(st.sampled_from("abcdef"), max_size=8)
POINTS = st.floats(0, 1_000_000) | st.sampled_from([0, 1, 0.1, 1 / 3, 1e-9])


def questions_of(**fields: Any) -> dict[str, Question]:
    return grading.parse_questions({"q": fields})


def graded(answer: Any, **fields: Any) -> QuestionResult:
    """What `answer` earns where it is the only one."""
    grade = grading.grade(questions_of(**fields), {"q": answer})
    assert grade is not None
    return grade.results["q"]


def is_right(answer: Any, **fields: Any) -> bool:
    result = graded(answer, **fields)
    assert result.points == (result.max_points if result.correct else 0)
    return result.correct is True


def same(one: Any, other: Any) -> bool:
    """Equality of JSON values as it is defined, which recurses; their names are ASCII here."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return Fraction(str(one)) == Fraction(str(other))
    if isinstance(one, str) and isinstance(other, str):
        return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)
    return type(one) is type(other) and bool(one == other)


def rewritten(value: Any) -> Any:
    """The same JSON value with its members turned round and small numbers of the other type."""
    if isinstance(value, dict):
        return {name: rewritten(part) for name, part in reversed(value.items())}
    if isinstance(value, list):
        return [rewritten(part) for part in value]
    if isinstance(value, float) and value.is_integer():
        return int(f"{value:.0f}") if abs(value) < 2**53 else value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        return float(value)
    return value


def distinct(values: list[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if not any(same(value, known) for known in found):
            found.append(value)
    return found


def nested(depth: int, leaf: Any) -> Any:
    value = leaf
    for level in range(depth):
        value = [value] if level % 2 else {"k": value}
    return value


KEYED = st.one_of(
    st.fixed_dictionaries({"grading": st.just("exact"), "key": JSON}),
    st.fixed_dictionaries(
        {
            "grading": st.just("exact"),
            "key": st.lists(JSON, min_size=1, max_size=3)
            | st.dictionaries(st.sampled_from("abc"), JSON, min_size=1),
            "partial": st.booleans(),
        }
    ),
    st.fixed_dictionaries(
        {
            "grading": st.just("set"),
            "key": st.lists(JSON, min_size=1, max_size=3).map(distinct),
            "partial": st.booleans(),
        }
    ),
    st.fixed_dictionaries(
        {"grading": st.just("numeric"), "key": FINITE | st.integers()},
        optional={
            "tolerance": st.floats(0, allow_infinity=False) | st.integers(0, 9),
            "decimal": st.sampled_from(".,"),
        },
    ),
    st.fixed_dictionaries(
        {
            "grading": st.just("text"),
            "key": st.sampled_from(["a", "", "ß"]) | st.lists(st.text("ab ß"), min_size=1, max_size=3),
        }
    ),
    st.just({}),
)
FORMS = st.builds(lambda keyed, points: {**keyed, "points": points}, KEYED, POINTS)
QUIZZES = st.dictionaries(st.sampled_from(["1", "2", "3", "ü"]), FORMS, max_size=4)
ANSWERS = st.dictionaries(st.sampled_from(["1", "2", "3", "ü", "other"]), JSON)


# What a question may say


def test_every_field_is_read() -> None:
    raw = {
        "1": {"points": 2, "grading": "exact", "key": {"a": 1}, "partial": True},
        "2": {"points": 0.5, "grading": "numeric", "key": 3, "tolerance": 0.25, "decimal": ","},
    }
    assert grading.parse_questions(raw) == {
        "1": Question(2, GradingMethod.EXACT, {"a": 1}, 0, True),
        "2": Question(0.5, GradingMethod.NUMERIC, 3, 0.25, False, ","),
    }


def test_what_is_absent_has_a_default() -> None:
    assert questions_of(grading="exact", key=None)["q"] == Question(
        1, GradingMethod.EXACT, None, 0, False, "."
    )


def test_without_grading_there_are_only_points() -> None:
    assert questions_of(points=5)["q"] == Question(5, None, None, 0, False)


def test_no_questions_are_no_questions() -> None:
    assert grading.parse_questions({}) == {}


@given(QUIZZES)
def test_the_json_form_is_read_back_as_it_was(raw: dict[str, Any]) -> None:
    parsed = grading.parse_questions(raw)
    text = dump_json({name: grading.to_json(question) for name, question in parsed.items()})
    again = grading.parse_questions(json.loads(text))
    assert repr(again) == repr(parsed)


def test_the_json_form_says_no_more_than_it_has_to() -> None:
    assert grading.to_json(questions_of(points=2)["q"]) == {"points": 2}
    numeric = {"points": 1, "grading": "numeric", "key": 2, "tolerance": 0}
    assert grading.to_json(questions_of(**numeric, decimal=".")["q"]) == numeric


@pytest.mark.parametrize("fields", [None, 1, "exact", [], [["points", 1]]])
def test_a_question_is_an_object(fields: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"'q7': It must be an object"):
        grading.parse_questions({"q7": fields})


@pytest.mark.parametrize("name", ["Points", "weight", ""])
def test_an_unknown_field_is_refused(name: str) -> None:
    with pytest.raises(
        InvalidInputError,
        match="content, decimal, grading, key, partial, points, shuffle_options, tolerance and nothing else",
    ):
        questions_of(**{name: 1})


@pytest.mark.parametrize("name", ["", "q" * 129, "a\x00", "\ud800"])
def test_a_question_has_an_id(name: str) -> None:
    with pytest.raises(InvalidInputError, match="id of a question"):
        grading.parse_questions({name: {}})


def test_512_questions_are_read() -> None:
    assert len(grading.parse_questions({str(n): {} for n in range(512)})) == 512


def test_a_513th_question_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="at most 512 questions"):
        grading.parse_questions({str(n): {} for n in range(513)})


@pytest.mark.parametrize("points", [0, 0.0, 1, 0.5, 5e-324, 1_000_000, 1e6])
def test_points_are_a_number_up_to_a_million(points: float) -> None:
    assert questions_of(points=points)["q"].points == points


@pytest.mark.parametrize(
    "points",
    [-1, -5e-324, 1_000_001, 1e300, 10**4000, math.inf, math.nan, True, False, None, "1", [1]],
)
def test_other_points_are_refused(points: Any) -> None:
    with pytest.raises(InvalidInputError, match="'q': points must be a number from 0 to 1000000"):
        questions_of(points=points)


@pytest.mark.parametrize("name", ["essay", "EXACT", "", None, 1, True, [], {}, ["exact"]])
def test_another_grading_is_refused(name: Any) -> None:
    with pytest.raises(InvalidInputError, match="'q': grading must be one of exact, set, numeric, text, or"):
        questions_of(grading=name, key=1)


@pytest.mark.parametrize("name", GradingMethod)
def test_grading_needs_a_key(name: str) -> None:
    with pytest.raises(InvalidInputError, match=f"'q': {name} needs a key"):
        questions_of(grading=name)


@pytest.mark.parametrize(
    "fields", [{"key": None}, {"key": 1}, {"tolerance": 0}, {"decimal": "."}, {"partial": False}]
)
@pytest.mark.parametrize("more", [{}, {"points": 1}])
def test_without_grading_nothing_else_may_be_said(fields: dict[str, Any], more: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="'q': Without grading it has no key, tolerance"):
        questions_of(**fields, **more)


@pytest.mark.parametrize("key", [None, "a", 1, {}, {"a": 1}, []])
def test_the_key_of_set_is_a_list_that_is_not_empty(key: Any) -> None:
    with pytest.raises(InvalidInputError, match="'q': The key of set must be a list of at least one"):
        questions_of(grading="set", key=key)


@pytest.mark.parametrize("key", [["a", "a"], [1, 1.0], [{"a": 1, "b": 2}, {"b": 2, "a": 1}]])
def test_the_key_of_set_has_each_value_once(key: Any) -> None:
    with pytest.raises(InvalidInputError, match="each of them once"):
        questions_of(grading="set", key=key)


def test_a_key_of_set_that_spells_a_value_in_two_ways_still_works() -> None:
    fields = {"grading": "set", "key": ["é", "e\u0301", "b"], "partial": True}
    assert graded(["é", "b"], **fields) == QuestionResult(1, 1, True, "key")
    assert graded(["b"], **fields) == QuestionResult(0.5, 1, False, "key")


@pytest.mark.parametrize("key", ["1", None, True, [1], {}])
def test_the_key_of_numeric_is_a_number(key: Any) -> None:
    with pytest.raises(InvalidInputError, match="'q': The key of numeric must be a number"):
        questions_of(grading="numeric", key=key)


@pytest.mark.parametrize("key", [1, None, True, [], ["a", 1], [["a"]], {"a": "b"}])
def test_the_key_of_text_is_one_string_or_more(key: Any) -> None:
    with pytest.raises(InvalidInputError, match="'q': The key of text must be a string"):
        questions_of(grading="text", key=key)


@pytest.mark.parametrize("name", [GradingMethod.EXACT, GradingMethod.SET, GradingMethod.TEXT])
@pytest.mark.parametrize("tolerance", [0, 0.5])
def test_only_numeric_has_a_tolerance(name: str, tolerance: float) -> None:
    with pytest.raises(InvalidInputError, match="'q': tolerance is for numeric alone"):
        questions_of(grading=name, key=["a"], tolerance=tolerance)


@pytest.mark.parametrize("tolerance", [-1, -5e-324, math.inf, math.nan, 10**309, True, None, "1"])
def test_another_tolerance_is_refused(tolerance: Any) -> None:
    with pytest.raises(InvalidInputError, match="'q': tolerance must be a finite number of at least 0"):
        questions_of(grading="numeric", key=1, tolerance=tolerance)


@pytest.mark.parametrize("name", [GradingMethod.EXACT, GradingMethod.SET, GradingMethod.TEXT])
@pytest.mark.parametrize("decimal", [".", ","])
def test_only_numeric_has_a_decimal_separator(name: str, decimal: str) -> None:
    with pytest.raises(InvalidInputError, match="'q': decimal is for numeric alone"):
        questions_of(grading=name, key=["a"], decimal=decimal)


@pytest.mark.parametrize("decimal", ["", ".,", ";", "\u066b", None, True, 1, [","], {}])
def test_another_decimal_separator_is_refused(decimal: Any) -> None:
    with pytest.raises(InvalidInputError, match="'q': decimal must be a point or a comma"):
        questions_of(grading="numeric", key=1, decimal=decimal)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("exact", 1),
        ("exact", "ab"),
        ("exact", None),
        ("exact", []),
        ("exact", {}),
        ("numeric", 1),
        ("text", ["a"]),
    ],
)
@pytest.mark.parametrize("partial", [True, False])
def test_partial_needs_parts(name: str, key: Any, partial: bool) -> None:
    with pytest.raises(InvalidInputError, match="'q': partial is for set, and for exact"):
        questions_of(grading=name, key=key, partial=partial)


@pytest.mark.parametrize("partial", [0, 1, None, "true"])
def test_partial_is_true_or_false(partial: Any) -> None:
    with pytest.raises(InvalidInputError, match="'q': partial must be true or false"):
        questions_of(grading="set", key=["a"], partial=partial)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("a\x00", "NUL"),
        (math.nan, "finite"),
        (math.inf, "finite"),
        (10**4300, "4300 digits"),
        (nested(101, 1), "deeper than 100"),
        ({1}, "not a JSON value"),
    ],
    ids=lambda value: str(type(value).__name__),
)
def test_a_key_is_a_value_that_can_be_stored(key: Any, said: str) -> None:
    with pytest.raises(InvalidInputError, match=rf"'q': The key is a value that an answer can have.*{said}"):
        questions_of(grading="exact", key=key)


@pytest.mark.parametrize(
    "fields",
    [
        {"key": "secret"},
        {"grading": "exact", "key": "secret\x00"},
        {"grading": "numeric", "key": "secret"},
        {"secret": 1},
    ],
)
def test_a_refusal_does_not_repeat_the_key(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        questions_of(**fields)
    assert "secret" not in str(caught.value)


def test_a_key_of_65536_bytes_is_read() -> None:
    questions_of(grading="exact", key="ü" * 32767)


def test_a_larger_key_is_refused() -> None:
    with pytest.raises(ContentTooLargeError, match=r"'q': .* at most 65536 bytes; this one has 65537"):
        questions_of(grading="exact", key="ü" * 32767 + "a")


def quiz_of(size: int) -> dict[str, dict[str, Any]]:
    """Questions that have `size` bytes together as PostgreSQL writes them."""
    form: dict[str, Any] = {"points": 1.0, "grading": "exact"}
    quiz: dict[str, dict[str, Any]] = {f"q{n:02}": {**form, "key": "ü" * 30_000} for n in range(17)}
    quiz["rest"] = {**form, "key": ""}
    quiz["rest"]["key"] = "a" * (size - len(json.dumps(quiz, ensure_ascii=False).encode()))
    return quiz


def test_questions_of_1_mib_are_read() -> None:
    assert len(grading.parse_questions(quiz_of(1024 * 1024))) == 18


def test_larger_questions_are_refused() -> None:
    with pytest.raises(ContentTooLargeError, match="questions may have at most 1048576 bytes"):
        grading.parse_questions(quiz_of(1024 * 1024 + 1))


# Exact


@given(FEW, FEW)
def test_exact_is_equality_of_json_values(key: Any, answer: Any) -> None:
    assert is_right(answer, grading="exact", key=key) == same(key, answer)


@given(JSON)
def test_exact_accepts_the_key_however_it_is_written(key: Any) -> None:
    assert is_right(rewritten(key), grading="exact", key=key)


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        (1, 1.0),
        (0, -0.0),
        (10**22, 1e22),
        # So PostgreSQL gives back what was sent as 1e23.
        (1e23, 10**23),
        (1e308, 10**308),
        ({"a": 1, "b": [2]}, {"b": [2.0], "a": 1}),
        (None, None),
        ([], []),
        ({}, {}),
        ("e\u0301", "é"),
        ("Å", "Å"),
        ("가", "\u1100\u1161"),
        ("a\u0316\u0301", "á\u0316"),
        ("\u0344", "\u0308\u0301"),
        (["é", {"a": "é"}], ["e\u0301", {"a": "e\u0301"}]),
        ({"é": 1, "z": 2}, {"z": 2, "e\u0301": 1}),
        ({"é": 1, "e\u0301": 2}, {"e\u0301": 2, "é": 1}),
    ],
)
def test_exact_accepts(key: Any, answer: Any) -> None:
    assert is_right(answer, grading="exact", key=key)


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        (1, True),
        (True, 1),
        (0, False),
        ([1], [True]),
        ({"a": 0}, {"a": False}),
        (2**53 + 1, float(2**53)),
        (10**400, 1e308),
        (0.1, 0.1 + 2**-56),
        (1, "1"),
        (None, False),
        (None, 0),
        (None, ""),
        ([], {}),
        ([1], 1),
        ([1, 2], [2, 1]),
        ([1], [1, 1]),
        ([[1], 2], [[1, 2]]),
        ([[], 1], [[1]]),
        ([1, []], [[1]]),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, {"a": 2, "b": 1}),
        ({"a": None}, {}),
        ({"a": 1}, ["a", 1]),
        ("a", "A"),
        ("e", "é"),
        ("1", "１"),
        ("x2", "x²"),
        ("a b", "a\u00a0b"),
        ("-", "–"),
        ("a", "a\u200b"),
        ({"é": 1}, {"e": 1}),
        ({"é": 1}, {"é": 1, "e\u0301": 1}),
    ],
)
def test_exact_tells_apart(key: Any, answer: Any) -> None:
    assert not is_right(answer, grading="exact", key=key)


def test_exact_compares_values_of_depth_100() -> None:
    assert is_right(nested(100, 1.0), grading="exact", key=nested(100, 1))


def test_exact_tells_the_innermost_values_apart() -> None:
    assert not is_right(nested(100, 2), grading="exact", key=nested(100, 1))


def test_an_answer_that_python_could_not_recurse_is_wrong() -> None:
    assert not is_right(nested(50_000, 1), grading="exact", key=nested(100, 1))


@pytest.mark.parametrize("key", [{"a": 1, "b": 2}, [1, 2]])
def test_exact_without_partial_earns_all_or_nothing(key: Any) -> None:
    answer = {"a": 1} if isinstance(key, dict) else [1]
    assert graded(answer, grading="exact", key=key, points=2) == QuestionResult(0, 2, False, "key")


@pytest.mark.parametrize(
    ("key", "answer", "points", "correct"),
    [
        ({"a": 1, "b": 2}, {"a": 1.0, "b": 2}, 6, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 0}, 3, False),
        ({"a": 1, "b": 2}, {"a": 1}, 3, False),
        ({"a": 1, "b": 2}, {"a": 2, "b": 1}, 0, False),
        ({"a": 1, "b": None}, {"a": 1}, 3, False),
        ({"a": 1, "b": 2}, {}, 0, False),
        ([1, 2, 3], [1, 2, 3], 6, True),
        ([1, 2, 3], [1, 0, 3], 4, False),
        ([1, 2, 3], [1, 2], 4, False),
        ([1, 2, 3], [2, 3, 1], 0, False),
        ([1, 2, 3], [True, 2, 3], 4, False),
        ([{"x": [1]}, 2], [{"x": [1.0]}, 3], 3, False),
        ([1, 2, 3], [], 0, False),
        ([1, 2, 3], None, 0, False),
    ],
)
def test_partial_exact_earns_by_equal_parts(key: Any, answer: Any, points: float, correct: bool) -> None:
    result = graded(answer, grading="exact", key=key, partial=True, points=6)
    assert result == QuestionResult(points, 6, correct, "key")


@pytest.mark.parametrize(
    ("key", "answer"), [({"a": 1}, [1]), ([1], {"0": 1}), (["a"], "a"), ({"a": 1}, "a"), ({"a": 1}, 1)]
)
def test_partial_exact_earns_nothing_with_another_type(key: Any, answer: Any) -> None:
    assert graded(answer, grading="exact", key=key, partial=True) == QuestionResult(0, 1, False, "key")


@pytest.mark.parametrize(
    ("key", "answer", "points"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}, 1),
        ({"a": 1, "b": 2}, {"c": 3, "d": 4}, 0),
        ([1, 2], [1, 2, 3], 1),
        ([1, 2], [1, 2, 3, 4, 5], 0),
        ([1], [1, 1], 0),
    ],
)
def test_what_the_key_lacks_costs_as_much_as_a_part_earns(key: Any, answer: Any, points: float) -> None:
    result = graded(answer, grading="exact", key=key, partial=True, points=2)
    assert result == QuestionResult(points if len(key) > 1 else 0, 2, False, "key")


def test_partial_exact_knows_canonical_equivalents() -> None:
    fields = {"grading": "exact", "key": {"é": "Å", "b": 2}, "partial": True}
    assert graded({"e\u0301": "A\u030a"}, **fields) == QuestionResult(0.5, 1, False, "key")


@given(st.lists(FEW, min_size=1, max_size=4), st.lists(FEW, max_size=5))
def test_partial_exact_of_positions_is_that_of_members(key: list[Any], answer: list[Any]) -> None:
    by_name = graded(
        {str(n): part for n, part in enumerate(answer)},
        grading="exact",
        key={str(n): part for n, part in enumerate(key)},
        partial=True,
    )
    assert graded(answer, grading="exact", key=key, partial=True) == by_name


# Set


@given(CHOICES.map(distinct).filter(bool), CHOICES)
def test_set_compares_sets(key: list[str], answer: list[str]) -> None:
    assert is_right(answer, grading="set", key=key) == (set(key) == set(answer))


@given(st.lists(FEW, min_size=1, max_size=4).map(distinct), st.lists(FEW, max_size=4))
def test_set_has_the_equality_of_exact(key: list[Any], answer: list[Any]) -> None:
    expected = all(any(same(a, k) for k in key) for a in answer) and all(
        any(same(a, k) for a in answer) for k in key
    )
    assert is_right(answer, grading="set", key=key) == expected


@given(st.data(), st.lists(FEW, min_size=1, max_size=4).map(distinct), st.booleans())
def test_set_knows_neither_order_nor_repetition(data: st.DataObject, key: list[Any], partial: bool) -> None:
    answer = data.draw(st.lists(FEW, max_size=4))
    again = data.draw(st.permutations(answer + answer[:2]))
    fields = {"grading": "set", "key": key, "partial": partial}
    assert graded(again, **fields) == graded(answer, **fields)


@pytest.mark.parametrize("answer", ["a", None, 0, True, {"a": 1}])
def test_an_answer_that_is_no_list_is_a_list_of_one(answer: Any) -> None:
    for key in ([answer], [answer, "other"], ["other"]):
        fields = {"grading": "set", "key": key, "partial": True}
        assert graded(answer, **fields) == graded([answer], **fields)


def test_set_knows_canonical_equivalents() -> None:
    assert is_right(["e\u0301", {"\u1100\u1161": "Å"}], grading="set", key=["é", {"가": "Å"}])
    assert graded(["e\u0301"], grading="set", key=["é", "a"], partial=True) == QuestionResult(
        0.5, 1, False, "key"
    )


def test_set_tells_true_from_1() -> None:
    assert not is_right([True], grading="set", key=[1])


@pytest.mark.parametrize(
    ("answer", "points"),
    [
        ("abcd", 4),
        ("abc", 3),
        ("a", 1),
        ("", 0),
        ("abcdx", 3),
        ("abx", 1),
        ("abxy", 0),
        ("axyz", 0),
        ("aabbx", 1),
    ],
)
def test_partial_set_is_right_minus_wrong(answer: str, points: float) -> None:
    result = graded(list(answer), grading="set", key=list("abcd"), partial=True, points=4)
    assert result == QuestionResult(points, 4, points == 4, "key")


def test_set_without_partial_earns_all_or_nothing() -> None:
    assert graded(["a"], grading="set", key=["a", "b"], points=2) == QuestionResult(0, 2, False, "key")


@given(CHOICES.map(distinct).filter(bool), CHOICES, st.sampled_from("abcdef"))
def test_choosing_more_earns_more_only_if_it_is_right(key: list[str], answer: list[str], more: str) -> None:
    assume(more not in answer)
    fields = {"grading": "set", "key": key, "partial": True}
    before, after = graded(answer, **fields).points, graded([*answer, more], **fields).points
    assert after >= before if more in key else after <= before


# Numeric


@given(FINITE | st.integers(), FINITE | st.integers(), st.floats(0, allow_infinity=False) | st.integers(0, 9))
@example(0.3, 0.1, 0.2)
@example(-0.3, -0.1, 0.2)
@example(1e16 + 2, 1e16, 1)
@example(5e-324, -1e308, 1e308)
def test_numeric_is_a_distance_of_written_numbers(answer: float, key: float, tolerance: float) -> None:
    expected = abs(Fraction(str(answer)) - Fraction(str(key))) <= Fraction(str(tolerance))
    assert is_right(answer, grading="numeric", key=key, tolerance=tolerance) == expected
    assert is_right(str(answer), grading="numeric", key=key, tolerance=tolerance) == expected


@pytest.mark.parametrize(
    ("answer", "key", "tolerance"),
    [
        (0.3, 0.1, 0.2),
        ("0.3", 0.1, 0.2),
        (0.7, 0.8, 0.1),
        (2**60 + 1, 2**60, 1),
        (1e308, 0, 1e308),
        (10**4300 - 1, 10**4300 - 2, 1),
        (1e23, 10**23, 0),
        (5, 5, 0),
        (-0.0, 0, 0),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_numeric_includes_its_edge(answer: Any, key: Any, tolerance: Any) -> None:
    assert is_right(answer, grading="numeric", key=key, tolerance=tolerance)


@pytest.mark.parametrize(
    ("answer", "key", "tolerance"),
    [
        ("0.30000000000000000000000000000000000001", 0.1, 0.2),
        ("-0.10000000000000000000000000000000000001", 0.1, 0.2),
        (0.30000000000000004, 0.1, 0.2),
        (2**60 + 2, 2**60, 1),
        (2**53 + 1, 2**53, 0),
        (10**4300 - 1, 10**4300 - 3, 1),
        ("-1e-999999999", 1, 1),
        (4, 5, 0.5),
        (6, 5, 0.5),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_numeric_ends_right_after_its_edge(answer: Any, key: Any, tolerance: Any) -> None:
    assert not is_right(answer, grading="numeric", key=key, tolerance=tolerance)


def test_without_tolerance_numeric_is_equality() -> None:
    assert is_right(3, grading="numeric", key=3.0)
    assert not is_right(3.0000001, grading="numeric", key=3)


@pytest.mark.parametrize(
    "text",
    [
        "2",
        "2.0",
        "+2",
        " 2 ",
        "\t2\n",
        "\u00a02",
        "02",
        "2.",
        "2e0",
        "0.2E+1",
        "20e-1",
        ".2e1",
        "2e00000000000",
        "２",
        "＋２．０ｅ＋００",
        "٢",
        "۲",
        "२",
        "২",
        "𝟐",
        "٢٫٠",
        "2٫0",
        "٠٫٠٠٢e٣",
        "٢٠e-٠٠٠٠٠٠٠٠٠٠٠١",
        "\u200b2\u200e",
        "\u061c\u200f2",
        "\ufeff 2 \ufeff",
        "2\u00ad.0",
        "\u20072\u3000",
    ],
)
def test_a_string_may_hold_a_decimal_number(text: str) -> None:
    assert is_right(text, grading="numeric", key=2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "two",
        "2_0",
        "0x2",
        "2,0",
        "2 0",
        "2 2",
        "- 2",
        "--2",
        "2e",
        "e2",
        ".",
        "+",
        ".e1",
        "2e1.0",
        "2e 0",
        "2%",
        "1/2",
        "2\x00",
        "nan",
        "NaN",
        "sNaN",
        "inf",
        "-Infinity",
        "true",
        "²",
        "2²",
        "½",
        "②",
        "Ⅱ",
        "二",
        "–2",
        "—2",
        "〜2",
        "⁻2",
        "−−2",
        "−",
        "+−2",
        "2−",
        "٢2",
        "2۲",
        "٢۲",
        "2.٢",
        "٢e1",
        "2٬000",
        "2’000",
        "2\u00a0000",
        "2\u202f000",
        "2,000",
        "2,000.0",
        "2.000,0",
        "2.0.0",
        "2·0",
        "\u200b",
        "2j",
    ],
)
def test_other_strings_hold_none(text: str) -> None:
    assert not is_right(text, grading="numeric", key=0, tolerance=1e308)


@pytest.mark.parametrize(
    "text", ["-2.5", "−2.5", "\u200e−2.5", "－２．５", "﹣2.5", "−٢٫٥", "\u061c-٢٫٥", "−25e−1", "−२.५"]
)
def test_a_string_may_hold_a_negative_number(text: str) -> None:
    assert is_right(text, grading="numeric", key=-2.5)


@pytest.mark.parametrize(
    "text", ["1,5", "+1,5", " 1,50 ", "01,5", "１，５", "١,٥", "١٫٥", "0,15e1", "15e-1", "15e−1", ",15e1"]
)
def test_decimals_may_follow_a_comma(text: str) -> None:
    assert is_right(text, grading="numeric", key=1.5, decimal=",")


@pytest.mark.parametrize("text", ["1", "1,", "1,0", "1e0"])
def test_where_decimals_follow_a_comma_there_may_be_none(text: str) -> None:
    assert is_right(text, grading="numeric", key=1, decimal=",")


@pytest.mark.parametrize(
    "text", ["1.5", "1.", ".5", "1.500", "1.500,0", "1,500.0", "1.500.000", "1,5,0", "1 500", "1,5e1,0", ","]
)
def test_where_decimals_follow_a_comma_a_point_is_no_part_of_a_number(text: str) -> None:
    assert not is_right(text, grading="numeric", key=0, tolerance=1e308, decimal=",")


def test_a_number_is_no_string_with_a_separator() -> None:
    assert is_right(1.5, grading="numeric", key=1.5, decimal=",")


@given(
    FINITE | st.integers(),
    st.sampled_from(["0", "٠", "۰", "०", "০", "๐", "０", "𝟘", "𞥐"]),
    st.sampled_from(".,"),
)
def test_a_number_is_read_in_the_digits_of_any_script(number: float, zero: str, decimal: str) -> None:
    signs: dict[str, str | int | None] = {".": decimal, "-": "−"}
    signs |= {str(value): chr(ord(zero) + value) for value in range(10)}
    text = str(number).translate(str.maketrans(signs))
    assert is_right(text, grading="numeric", key=number, decimal=decimal)


@given(TEXTS, st.sampled_from(".,"))
def test_no_string_fails_to_be_read(text: str, decimal: str) -> None:
    for about in (text, f"1{text}", f"{text}1"):
        graded(about, grading="numeric", key=1, decimal=decimal)


@pytest.mark.parametrize("answer", [True, False, None, [], [1], {}, {"value": 1}])
def test_what_is_no_number_is_wrong(answer: Any) -> None:
    assert not is_right(answer, grading="numeric", key=1, tolerance=1)


@pytest.mark.parametrize("digits", ["999999999", "9999999999", "9" * 25, "9" * 65_000], ids=len)
@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("1e{}", False),
        ("-1e+{}", False),
        ("1e-{}", True),
        ("-1e-{}", False),
        ("0e{}", True),
        ("-0e-{}", True),
    ],
)
def test_an_exponent_may_be_huge(text: str, right: bool, digits: str) -> None:
    assert is_right(text.format(digits), grading="numeric", key=1, tolerance=1) is right


@pytest.mark.parametrize("text", ["1{}x", "1.{}x", "1e{}x", "{}.", " {} x"])
@pytest.mark.parametrize(
    "character",
    ["0", " ", "٠", "０", "\u200b"],
    ids=["zeros", "spaces", "Arabic zeros", "wide zeros", "nothing"],
)
def test_a_string_that_is_almost_a_number_is_read_once(text: str, character: str) -> None:
    # Where the match could try a second way this would take hours.
    assert not is_right(text.format(character * 1_000_000), grading="numeric", key=1)


# Text


SAME_TEXTS = {
    "case": [
        ("Paris", "paris"),
        ("Straße", "STRASSE"),
        ("ŉ", "'N"),
        ("ﬁn", "FIN"),
        ("ΐ", "ΐ".upper()),
        ("ὀδυσσεύς", "ὈΔΥΣΣΕΎΣ"),
        ("ᾂ", "\u03b1\u0313\u0300\u0345"),
        ("Ⅷ", "ⅷ"),
        ("Ⓐ", "ⓐ"),
    ],
    "white space": [
        ("paris", " PARIS\n"),
        ("New York", "new \t\u00a0 york"),
        ("New York", "new\u2009\u3000\u2028york\u205f"),
        ("10 000", "10\u202f000"),
        ("", " "),
        ("", "\u1680\u2003\u0085"),
    ],
    "canonical equivalence": [
        ("é", "E\u0301"),
        ("가", "\u1100\u1161"),
        ("Å", "å"),
        ("Ω", "ω"),
        ("a\u0316\u0301", "Á\u0316"),
        ("\u1e9b\u0323", "\u017f\u0323\u0307"),
        ("豈", "豈"),
    ],
    "width": [
        ("1", "１"),
        ("abc!?", "ＡＢＣ！？"),
        ("x = y", "ｘ　＝　ｙ"),
        ("ガ", "ｶﾞ"),
        ("パーティー", "ﾊﾟｰﾃｨｰ"),
        ("「あ」", "｢あ｣"),
        ("₩", "￦"),
        ("ㄱ", "ﾡ"),
    ],
    "form": [
        ("a, b", "a﹐ b"),
        ("(a)", "︵a︶"),
        ("كتاب", "ﻛﺘﺎﺏ"),
        ("لا", "ﻻ"),
        ("ﷺ", "صلى الله عليه وسلم"),
        ("wait...", "wait…"),
        ("what?!", "what⁈"),
    ],
    "single quotes": [
        ("don't", "don’t"),
        ("don't", "don‘t"),
        ("don't", "don‛t"),
        ("don't", "don＇t"),
        ("п'ять", "п\u02bcять"),
        ("'a'", "‘a’"),
        ("'a'", "‚a‘"),
        ("'a'", "‹a›"),
        ("'a'", "›a‹"),
        ("օ'", "օ՚"),
    ],
    "double quotes": [
        ('"a"', "“a”"),
        ('"a"', "„a“"),
        ('"a"', "«a»"),
        ('"a"', "»a«"),
        ('"a"', "‟a〞"),
        ('"a"', "〝a〟"),
        ('"a"', "⹂a＂"),
    ],
    "dashes": [
        ("well-known", "well‐known"),
        ("well-known", "well\u2011known"),
        ("1914-1918", "1914–1918"),
        ("1914-1918", "1914‒1918"),
        ("a - b", "a — b"),
        ("-5", "−5"),
        ("-5", "－5"),
        ("-5", "﹣5"),
        ("כל-כך", "כל־כך"),
        ("a-b", "a―b"),
    ],
    "what shows nothing": [
        ("Paris", "Pa\u200bris"),
        ("Paris", "\u200eParis\u200f"),
        ("Paris", "\ufeffParis"),
        ("Paris", "Pa\u00adris"),
        ("Paris", "P\u2060aris\u202c"),
        ("New York", "New \u200b York\u200b "),
        ("می‌خواهم", "میخواهم"),
        ("é", "e\u034f\u0301"),
        ("❤", "❤\ufe0f"),
        ("❤", "❤\ufe0e"),
        ("葛", "葛\U000e0100"),
        ("한", "\u3164한"),
        ("", "\u200b"),
        ("👍", "👍\u200d"),
        ("👍", "\u200d👍"),
        ("👩\u200d⚕\ufe0f", "👩\u200d⚕"),
        ("a", "a\U000e0067\U000e007f"),
    ],
}

DIFFERENT_TEXTS = {
    "superscripts": [("102", "10²"), ("x2", "x²"), ("10-2", "10⁻²"), ("1a", "1ª"), ("TM", "™"), ("+", "⁺")],
    "subscripts": [("H2O", "H₂O"), ("a-1", "a₋1"), ("xi", "xᵢ")],
    "fractions": [("1/2", "½"), ("1⁄2", "½"), ("11/2", "1½"), ("0/3", "↉")],
    "circles": [("1", "①"), ("a", "ⓐ"), ("10", "⑩"), ("秘", "㊙")],
    "numerals": [("VIII", "Ⅷ"), ("iv", "ⅳ"), ("1.", "⒈"), ("(1)", "⑴")],
    "squares": [("kg", "㎏"), ("km2", "㎢"), ("キロ", "㌔")],
    "fonts": [("R", "ℝ"), ("N", "ℕ"), ("x", "𝑥"), ("1", "𝟏"), ("h", "ℎ")],
    "symbols": [("tel", "℡"), ("No", "№"), ("oC", "℃"), ("°C", "℃"), ("c/o", "℅")],
    "digraphs": [("dž", "ǆ"), ("ij", "ĳ"), ("st", "\u02e2\u1d57")],
    "letters": [("Paris", "Pari"), ("a", "á"), ("o", "ø"), ("i", "ı"), ("a", "а"), ("", "a"), ("a", "")],
    "digits": [("1", "1.0"), ("2", "٢"), ("2", "२")],
    "quotes": [
        ("'", '"'),
        ("''", '"'),
        ("'", "`"),
        ("'", "´"),
        ("'", "′"),
        ('"', "″"),
        ('"', "「"),
        ("n", "ŉ"),
    ],
    "dashes": [("-", "_"), ("-", "~"), ("-", "ー"), ("-", "·"), ("-", "--"), ("wellknown", "well-known")],
    "white space": [("New York", "NewYork"), ("New York", "New\u200bYork"), ("a b", "a\u2060b")],
    "emoji": [
        ("👍", "👍🏿"),
        ("👨💻", "👨\u200d💻"),
        ("👩💻", "👩🏽\u200d💻"),
        ("👩\u200d💻", "👨\u200d💻"),
        ("👨👩👧", "👨\u200d👩\u200d👧"),
        ("❤🔥", "❤\ufe0f\u200d🔥"),
        ("🏳🌈", "🏳\ufe0f\u200d🌈"),
        ("🏴\U000e0067\U000e0062\U000e0065\U000e007f", "🏴\U000e0067\U000e0062\U000e0077\U000e007f"),
        ("🏴", "🏴\U000e0067\U000e0062\U000e0065\U000e007f"),
        ("1", "1\ufe0f\u20e3"),
        ("🇩🇪", "🇪🇩"),
    ],
}


def pairs_of(kinds: dict[str, list[tuple[str, str]]]) -> list[Any]:
    return [pytest.param(*pair, id=f"{kind}-{pair!a}") for kind, pairs in kinds.items() for pair in pairs]


@pytest.mark.parametrize(("key", "answer"), pairs_of(SAME_TEXTS))
def test_text_accepts_what_reads_the_same(key: str, answer: str) -> None:
    assert is_right(answer, grading="text", key=key)
    assert is_right(key, grading="text", key=answer)


@pytest.mark.parametrize(("key", "answer"), pairs_of(DIFFERENT_TEXTS))
def test_text_tells_apart(key: str, answer: str) -> None:
    assert not is_right(answer, grading="text", key=key)
    assert not is_right(key, grading="text", key=answer)


@pytest.mark.parametrize("answer", ["köln", "COLOGNE", " Köln "])
def test_text_accepts_any_string_of_a_list(answer: str) -> None:
    assert is_right(answer, grading="text", key=["Köln", "Cologne"])


@pytest.mark.parametrize("answer", [1, 1.0, True, None, ["1"], {"1": "1"}, []])
def test_text_accepts_strings_alone(answer: Any) -> None:
    assert not is_right(answer, grading="text", key=["1", "1.0", "true", "null", "None", "", "[]"])


@given(TEXTS, TEXTS)
def test_text_knows_no_white_space_around(key: str, answer: str) -> None:
    assert is_right(f" {key}\n", grading="text", key=key)
    assert is_right(answer, grading="text", key=key) == is_right(f"\t{answer} ", grading="text", key=key)


@given(
    st.text(
        "\u03b1\u0313\u0300\u0345\u1100\u1161\u11a8a\u00a8 \u0390\ufb03\u1e9e\u0149\u02bc\u0f73"
        "\u200b\u200d\u034f👨💻－ﾞｶ…‾’"
    )
    | TEXTS
)
@example("👨\u200d\u200d💻")
@example("👨\u200d\U000e0067💻")
def test_text_accepts_every_spelling_of_its_reading(answer: str) -> None:
    assert is_right(answer, grading="text", key=matching._reading(answer))


@given(TEXTS, TEXTS)
def test_text_knows_canonical_caseless_matching(key: str, answer: str) -> None:
    def folded(text: str) -> str:
        return unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).casefold())

    assert is_right(folded(key), grading="text", key=key)
    if folded(key) == folded(answer):
        assert is_right(answer, grading="text", key=key)


# Seconds for each of them where it is normalised as a whole.
LONG_MARKS = "a" + "\u0301\u0316" * 16_000
MADE_OF_MARKS = "\u0f73" * 21_000


@pytest.mark.parametrize("slow", [LONG_MARKS, MADE_OF_MARKS], ids=["marks", "made of marks"])
@pytest.mark.parametrize(
    ("name", "key"),
    [("text", "a"), ("text", "b" * 65_000), ("exact", "a"), ("set", ["a"]), ("numeric", 1)],
    ids=lambda value: str(value)[:9],
)
def test_an_answer_of_marks_is_told_apart_at_once(name: str, key: Any, slow: str) -> None:
    questions = grading.parse_questions({str(n): {"grading": name, "key": key} for n in range(15)})
    grade = grading.grade(questions, dict.fromkeys(questions, slow))
    assert grade is not None
    assert grade.score == 0


@pytest.mark.parametrize("slow", [LONG_MARKS, MADE_OF_MARKS], ids=["marks", "made of marks"])
def test_an_answer_of_marks_equals_itself(slow: str) -> None:
    assert is_right(slow, grading="exact", key=slow)
    assert is_right(slow, grading="text", key=slow)


# The whole


@pytest.mark.parametrize(
    "fields",
    [
        {"grading": "exact", "key": None},
        {"grading": "exact", "key": {"a": None}, "partial": True},
        {"grading": "set", "key": [None], "partial": True},
        {"grading": "numeric", "key": 0, "tolerance": 1},
        {"grading": "text", "key": ["", "None", "null"]},
    ],
)
def test_a_question_without_an_answer_is_wrong(fields: dict[str, Any]) -> None:
    grade = grading.grade(questions_of(**fields, points=3), {})
    assert grade == Grade(0, 3, {"q": QuestionResult(0, 3, False, "key")}, [])


def test_null_is_an_answer() -> None:
    assert is_right(None, grading="exact", key=None)


def test_without_questions_there_is_no_grade() -> None:
    assert grading.grade({}, {"1": "an essay"}) is None


def test_an_answer_to_no_question_counts_for_nothing() -> None:
    grade = grading.grade(questions_of(grading="exact", key="a"), {"q": "a", "other": "a"})
    assert grade == Grade(1, 1, {"q": QuestionResult(1, 1, True, "key")}, [])


def test_a_question_worth_nothing_is_graded() -> None:
    grade = grading.grade(questions_of(grading="exact", key="a", points=0), {"q": "a"})
    assert grade == Grade(0, 0, {"q": QuestionResult(0, 0, True, "key")}, [])


# What a person marks

MIXED = grading.parse_questions({"0": {"points": 2, "grading": "exact", "key": "A"}, "essay": {"points": 5}})
FROM_KEY = QuestionResult(2, 2, True, "key")
UNMARKED = QuestionResult(0, 5, None, None)
WRITTEN = {"0": "A", "essay": "an essay"}


def test_an_essay_waits_for_a_person_and_its_points_are_there_to_earn() -> None:
    assert grading.grade(MIXED, WRITTEN) == Grade(2, 7, {"0": FROM_KEY, "essay": UNMARKED}, ["essay"])


def test_an_essay_that_nobody_wrote_waits_for_nobody() -> None:
    assert grading.grade(MIXED, {"0": "A"}) == Grade(2, 7, {"0": FROM_KEY, "essay": UNMARKED}, [])


def test_a_question_about_which_nothing_is_said_is_an_essay_of_one_point() -> None:
    grade = grading.grade(questions_of(), {"q": "an essay"})
    assert grade == Grade(0, 1, {"q": QuestionResult(0, 1, None, None)}, ["q"])


def test_an_essay_worth_nothing_waits_for_nobody() -> None:
    grade = grading.grade(questions_of(points=0), {"q": "an essay"})
    assert grade == Grade(0, 0, {"q": QuestionResult(0, 0, None, None)}, [])


def test_what_a_person_gave_is_part_of_the_sum() -> None:
    grade = grading.grade(MIXED, WRITTEN, {"essay": Mark(3.5, "well argued")})
    marked = QuestionResult(3.5, 5, None, "person", "well argued")
    assert grade == Grade(5.5, 7, {"0": FROM_KEY, "essay": marked}, [])


@pytest.mark.parametrize("answers", [{}, {"q": "a"}, {"q": "b"}])
def test_a_person_overrides_the_key(answers: dict[str, Any]) -> None:
    grade = grading.grade(questions_of(grading="exact", key="a", points=2), answers, {"q": Mark(1)})
    assert grade == Grade(1, 2, {"q": QuestionResult(1, 2, None, "person")}, [])


@pytest.mark.parametrize("name", ["0", "essay"])
def test_what_was_given_for_another_answer_waits_for_a_person_and_counts_for_nothing(name: str) -> None:
    marks = {"0": Mark(1), "essay": Mark(4)}
    grade = grading.grade(MIXED, WRITTEN, {**marks, name: None})
    assert grade is not None
    assert (grade.grading, grade.score, grade.max_score) == ("pending", 5 - (marks[name].points), 7)
    assert grade.results[name] == QuestionResult(0, MIXED[name].points, None, None)


def test_what_was_given_for_another_answer_to_a_question_worth_nothing_waits_for_nobody() -> None:
    grade = grading.grade(questions_of(points=0), {"q": "an essay"}, {"q": None})
    assert grade is not None
    assert grade.grading == "done"


def test_no_more_counts_than_the_question_is_worth_now() -> None:
    grade = grading.grade(MIXED, WRITTEN, {"essay": Mark(9)})
    assert grade is not None
    assert (grade.score, grade.results["essay"].points) == (7, 5)


def test_what_was_given_for_a_question_that_is_gone_counts_for_nothing() -> None:
    grade = grading.grade(questions_of(grading="exact", key="a"), {"q": "a"}, {"gone": Mark(5), "lost": None})
    assert grade == Grade(1, 1, {"q": QuestionResult(1, 1, True, "key")}, [])


@pytest.mark.parametrize("marks", [{"0": Mark(0)}, {"0": Mark(2)}, {"0": None, "essay": Mark(5, "")}])
def test_points_from_none_to_all_can_be_given_and_taken_back(marks: dict[str, Mark | None]) -> None:
    grading.check_marks(MIXED, marks)


@pytest.mark.parametrize(
    "mark", [Mark(-0.1), Mark(5.1), Mark(math.nan), Mark(math.inf), Mark(1, "x" * 4097), Mark(1, "a\x00")]
)
def test_another_mark_is_refused_by_the_name_of_its_question(mark: Mark) -> None:
    with pytest.raises(InvalidInputError, match="'essay'") as refused:
        grading.check_marks(MIXED, {"0": Mark(2), "essay": mark})
    assert refused.value.question == "essay"


@pytest.mark.parametrize("mark", [None, Mark(0)])
def test_a_mark_for_no_question_of_the_quiz_is_refused_by_name(mark: Mark | None) -> None:
    with pytest.raises(InvalidInputError, match="'other'") as refused:
        grading.check_marks(MIXED, {"0": Mark(2), "other": mark})
    assert refused.value.question == "other"


def test_no_marks_are_refused() -> None:
    with pytest.raises(InvalidInputError):
        grading.check_marks(MIXED, {})


def test_a_comment_has_up_to_4096_characters() -> None:
    grading.check_marks(MIXED, {"essay": Mark(1, "🙂" * 4096)})


# Sums


def test_tenths_add_up() -> None:
    questions = grading.parse_questions(
        {str(n): {"points": 0.1, "grading": "exact", "key": 1} for n in range(10)}
    )
    grade = grading.grade(questions, dict.fromkeys(questions, 1))
    assert grade is not None
    assert (grade.score, grade.max_score) == (1.0, 1.0)


def test_a_long_sum_is_right_to_the_last_decimal() -> None:
    form = {"points": 999_999.9, "grading": "exact", "key": 1}
    questions = grading.parse_questions({str(n): form for n in range(512)})
    grade = grading.grade(questions, dict.fromkeys(questions, 1))
    assert grade is not None
    assert (grade.score, grade.max_score) == (511_999_948.8, 511_999_948.8)


def test_thirds_add_up() -> None:
    form = {"grading": "set", "key": ["a", "b", "c"], "partial": True}
    grade = grading.grade(grading.parse_questions(dict.fromkeys("123", form)), dict.fromkeys("123", "a"))
    assert grade is not None
    assert grade.score == 1.0


def test_a_score_has_6_decimals() -> None:
    grade = grading.grade(questions_of(grading="set", key=["a", "b", "c"], partial=True), {"q": ["a", "b"]})
    assert grade is not None
    assert grade.score == 0.666667


def test_a_whole_answer_earns_the_points_exactly() -> None:
    # 0.1 * 3 / 3 is more than 0.1.
    assert graded([1, 2, 3], grading="exact", key=[1, 2, 3], points=0.1, partial=True).points == 0.1


MARKS = st.dictionaries(st.sampled_from("123"), st.none() | st.builds(Mark, st.floats(0, 10)))


@given(QUIZZES, ANSWERS, MARKS)
def test_every_answer_is_graded_between_0_and_the_most(
    raw: dict[str, Any], answers: dict[str, Any], marks: dict[str, Mark | None]
) -> None:
    grade = grading.grade(grading.parse_questions(raw), answers, marks)
    if grade is None:
        assert raw == {}
        return
    assert 0 <= grade.score <= grade.max_score
    assert grade.results.keys() == raw.keys()
    for result in grade.results.values():
        assert 0 <= result.points <= result.max_points
        assert not result.correct or result.points == result.max_points
        assert (result.correct is not None) == (result.marked_by == "key")


@given(QUIZZES, ANSWERS, MARKS)
def test_the_score_is_the_sum_of_the_results(
    raw: dict[str, Any], answers: dict[str, Any], marks: dict[str, Mark | None]
) -> None:
    questions = grading.parse_questions(raw)
    grade = grading.grade(questions, answers, marks)
    assume(grade is not None)
    assert grade is not None
    assert grade.score == round(math.fsum(result.points for result in grade.results.values()), 6)
    assert grade.max_score == round(math.fsum(question.points for question in questions.values()), 6)


@given(QUIZZES)
def test_the_keys_themselves_earn_everything(raw: dict[str, Any]) -> None:
    # A list of accepted strings is no answer, any one of them is.
    answers = {
        name: fields["key"][-1]
        if fields["grading"] == "text" and isinstance(fields["key"], list)
        else fields["key"]
        for name, fields in raw.items()
        if "grading" in fields
    }
    grade = grading.grade(grading.parse_questions(raw), answers)
    assert grade is None or all(grade.results[name].correct for name in answers)


@given(QUIZZES, ANSWERS)
def test_grading_changes_neither_questions_nor_answers(raw: dict[str, Any], answers: dict[str, Any]) -> None:
    before = repr((raw, answers))
    copied = copy.deepcopy((raw, answers))
    grading.grade(grading.parse_questions(raw), answers)
    assert (raw, answers) == copied
    assert repr((raw, answers)) == before


def test_a_question_that_can_not_be_graded_as_given_is_named() -> None:
    with pytest.raises(InvalidInputError) as refused:
        grading.parse_questions({"6": {}, "7": {"points": -1}})
    assert refused.value.question == "7"
