"""Request bodies: everything JSON, nothing that could be understood in two ways."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_api.strict_json import MAX_VALUES, TooManyValuesError, loads
from tests.harness.builders import JSON_VALUES, TEXT


def spelled(value: Any) -> str:
    """The value with its types: 1, 1.0 and true differ, as do 0.0 and -0.0."""
    return json.dumps(value)


@given(JSON_VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_it_reads_what_json_writes(value: Any, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert spelled(loads(text.encode())) == spelled(json.loads(text)) == spelled(value)


@given(st.binary() | TEXT.map(str.encode))
def test_whatever_it_reads_json_reads_alike(body: bytes) -> None:
    try:
        value = loads(body)
    except json.JSONDecodeError:
        return
    assert spelled(value) == spelled(json.loads(body))


@given(st.dictionaries(TEXT, JSON_VALUES, min_size=1, max_size=3), st.data())
def test_a_key_named_twice_is_refused_wherever_it_is(value: dict[str, Any], data: st.DataObject) -> None:
    repeated = data.draw(st.sampled_from(sorted(value)))
    members = [*value.items(), (repeated, data.draw(JSON_VALUES))]
    text = "{" + ",".join(f"{json.dumps(key)}:{json.dumps(item)}" for key, item in members) + "}"
    for _ in range(data.draw(st.integers(0, 3))):
        text = data.draw(st.sampled_from(["[{}]", '{{"outer":{}}}'])).format(text)
    with pytest.raises(json.JSONDecodeError, match="names a key twice"):
        loads(text.encode())


def test_a_key_spelled_in_two_ways_is_the_same_key() -> None:
    with pytest.raises(json.JSONDecodeError, match="names a key twice"):
        loads(rb'{"a":1,"\u0061":2}')


def test_the_same_key_in_two_objects_is_fine() -> None:
    assert loads(b'[{"a":1},{"a":{"a":2}}]') == [{"a": 1}, {"a": {"a": 2}}]


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("template", ["{}", "[{}]", '{{"answer":{}}}'])
def test_a_constant_that_is_no_json_number_is_refused(constant: str, template: str) -> None:
    with pytest.raises(json.JSONDecodeError, match=f"{constant} is no JSON number"):
        loads(template.format(constant).encode())


def test_such_a_constant_in_a_string_is_a_string() -> None:
    assert loads(b'"NaN"') == "NaN"


@pytest.mark.parametrize(
    "body",
    [
        b'"\xff"',
        b'"\xc3"',
        b'"\xed\xa0\x80"',
        b'"\xc0\x80"',
        '"ä"'.encode("latin-1"),
        '{"a":1}'.encode("utf-16"),
    ],
)
def test_what_is_not_utf_8_is_refused(body: bytes) -> None:
    with pytest.raises(json.JSONDecodeError, match="not UTF-8"):
        loads(body)


@pytest.mark.parametrize("body", ['{"a":1}'.encode("utf-16-le"), '"a"'.encode("utf-32-be"), b"\xef\xbb\xbf1"])
def test_another_encoding_of_json_is_refused(body: bytes) -> None:
    with pytest.raises(json.JSONDecodeError):
        loads(body)


@pytest.mark.parametrize("bracket", ["[", '{"a":'])
def test_what_is_nested_too_deeply_is_refused(bracket: str) -> None:
    with pytest.raises(json.JSONDecodeError, match="nested too deeply"):
        loads((bracket * 60_000).encode())


@pytest.mark.parametrize("sign", ["", "-"])
def test_an_integer_of_4300_digits_is_read(sign: str) -> None:
    assert loads(f"{sign}{'9' * 4300}".encode()) == int(f"{sign}1") * (10**4300 - 1)


@pytest.mark.parametrize("template", ["{}", "-{}", "[{}]", '{{"a":{}}}'])
def test_an_integer_of_4301_digits_is_refused(template: str) -> None:
    with pytest.raises(json.JSONDecodeError, match="a number is too long"):
        loads(template.format("1" * 4301).encode())


@pytest.mark.parametrize(
    "body", [b"", b" ", b"{", b"[1,]", b"{'a':1}", b"1 2", b"nul", b"01", b"+1", b'"\n"']
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(json.JSONDecodeError):
        loads(body)


@pytest.mark.parametrize(
    "body",
    [b'{"secret":1,"secret":2}', b'["secret", NaN]', b'"secret\xff"', b'["secret",' + b"1" * 4301 + b"]"],
)
def test_the_error_holds_nothing_of_the_body(body: bytes) -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        loads(body)
    assert "secret" not in str(caught.value)
    assert "secret" not in caught.value.doc


@pytest.mark.parametrize(
    "unit", ["0", "[]", "{}", '{"a":1}', '"a,[{b"', r'"\","', r'"\\"', "[[]]", '{"a":{}}', "1.5e3"]
)
def test_values_are_counted_outside_of_strings(unit: str) -> None:
    counted = sum(map(re.sub(r'"(\\.|[^"\\])*"', "", unit).count, ",[{")) + 1
    most = MAX_VALUES // counted
    # The first of the list follows its bracket, and no comma.
    filled = ["0"] * (MAX_VALUES % counted) + [unit] * most
    assert len(loads(f"[{','.join(filled)}]".encode())) == len(filled)
    with pytest.raises(TooManyValuesError):
        loads(f"[{','.join([*filled, '0'])}]".encode())


def test_values_are_counted_before_any_is_parsed() -> None:
    with pytest.raises(TooManyValuesError):
        loads(b"[" + b"0," * MAX_VALUES + b"no JSON")
