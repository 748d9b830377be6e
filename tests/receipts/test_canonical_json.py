"""The canonical JSON of the service is that of the example in JavaScript, wherever JavaScript can tell."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiz_sessions.domain.canonical_json import canonical_json
from tests.harness.canonical_cases import CASES, Case

Found: TypeAlias = dict[str, str] | None
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = (
    st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.integers(-(10**320), 10**320).map(str)
    | st.integers(-(2**60), 2**60).map(str)
    # Spellings that neither language would choose.
    | st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)
)
JSON_TEXTS = st.recursive(
    st.sampled_from(["null", "true", "false"])
    | NUMBERS
    | TEXT.map(json.dumps)
    | TEXT.map(lambda text: json.dumps(text, ensure_ascii=False)),
    lambda inner: (
        st.lists(inner).map(lambda items: f"[{','.join(items)}]")
        | st.dictionaries(TEXT, inner).map(
            lambda members: (
                "{" + ",".join(f"{json.dumps(key)}: {item}" for key, item in members.items()) + "}"
            )
        )
    ),
)


@pytest.fixture(scope="module")
def javascript(node: Path) -> Iterator[Callable[[str], Found]]:
    """What JavaScript makes of a JSON text."""
    program = Path(__file__).with_name("canonical.mjs")
    with subprocess.Popen(
        [node, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asks, answers = process.stdin, process.stdout

        def ask(text: str) -> Found:
            asks.write(f"{json.dumps(text)}\n")
            asks.flush()
            found: Found = json.loads(answers.readline())
            return found

        yield ask
        asks.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_javascript_finds_what_the_table_has(javascript: Callable[[str], Found], case: Case) -> None:
    expected = {"canonical": case.canonical, "sha256": case.sha256} if case.javascript else None
    assert javascript(case.answers) == expected


@given(text=JSON_TEXTS)
def test_both_languages_find_the_same(javascript: Callable[[str], Found], text: str) -> None:
    found = javascript(text)
    value: Any = json.loads(text)
    if found is None:
        # All digits of a number that is beyond the range of doubles.
        assert re.search("[0-9]{309}", canonical_json(value))
    else:
        assert canonical_json(value) == found["canonical"]
