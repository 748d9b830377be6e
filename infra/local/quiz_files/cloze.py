"""Moodle's notation for gaps in a text: {1:SHORTANSWER:=Oslo~%50%Christiania}."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from .model import Response
from .numbers_read import number_of
from .responses import chosen, lettered, number, short

_KINDS: Final = {
    "SHORTANSWER": "short", "SA": "short", "MW": "short",
    "SHORTANSWER_C": "short", "SAC": "short", "MWC": "short",
    "NUMERICAL": "number", "NM": "number",
    "MULTICHOICE": "choice", "MC": "choice", "MULTICHOICE_S": "choice", "MCS": "choice",
    "MULTICHOICE_V": "choice", "MCV": "choice", "MULTICHOICE_VS": "choice", "MCVS": "choice",
    "MULTICHOICE_H": "choice", "MCH": "choice", "MULTICHOICE_HS": "choice", "MCHS": "choice",
    "MULTIRESPONSE": "multiple", "MR": "multiple", "MULTIRESPONSE_H": "multiple", "MRH": "multiple",
    "MULTIRESPONSE_S": "multiple", "MRS": "multiple", "MULTIRESPONSE_HS": "multiple", "MRHS": "multiple",
}  # fmt: skip
_CASE_COUNTS: Final = frozenset({"SHORTANSWER_C", "SAC", "MWC"})
_GAP: Final = re.compile(r"\{(\d{0,6}):([A-Z_]+):((?:[^{}\\]|\\.)*)\}", re.DOTALL)
_ANSWER: Final = re.compile(
    r"(=|%(-?\d{1,3}(?:\.\d{1,5})?)%)?((?:[^#~\\]|\\.)*)(?:#((?:[^~\\]|\\.)*))?", re.DOTALL
)


def read(text: str, lost: list[str]) -> tuple[str, list[Response]]:
    """The text with its gaps numbered, and what each asks for."""
    responses: list[Response] = []

    def mark(match: re.Match[str]) -> str:
        weight, kind, body = match.groups()
        if kind not in _KINDS:
            return match[0]
        if kind in _CASE_COUNTS:
            lost.append("that case counts: it does not now")
        label = str(len(responses) + 1)
        response = _response(_KINDS[kind], kind.endswith("S"), _answers(body, lost), lost)
        responses.append(replace(response, label=label, weight=number_of(weight) or 1))
        return f"[{label}]"

    marked = _GAP.sub(mark, text)
    return marked, responses


def _answers(body: str, lost: list[str]) -> list[tuple[str, float]]:
    answers = []
    for part in re.split(r"(?<!\\)~", body):
        match = _ANSWER.fullmatch(part.strip())
        if match is None or not match[3].strip():
            continue
        if match[4] and match[4].strip():
            lost.append("feedback")
        share = 1.0 if match[1] == "=" else float(match[2]) / 100 if match[2] else 0.0
        answers.append((re.sub(r"\\(.)", r"\1", match[3]).strip(), share))
    return answers


def _response(kind: str, shuffle: bool, answers: list[tuple[str, float]], lost: list[str]) -> Response:
    if kind == "short":
        return short(answers, lost)
    if kind == "number":
        return number([(*_with_tolerance(text), share) for text, share in answers if text != "*"], lost)
    options = lettered(text for text, _ in answers)
    shares = {option.id: share for option, (_, share) in zip(options, answers, strict=True)}
    several = kind == "multiple"
    if several and (full := [name for name, share in shares.items() if share > 0.9999]) and len(full) > 1:
        # Each right one is written with "=", and they share the points.
        shares |= dict.fromkeys(full, 1 / len(full))
    return chosen(options, shares, several=several, partial=True, shuffle=shuffle, lost=lost)


def _with_tolerance(text: str) -> tuple[str, str]:
    value, _, tolerance = text.partition(":")
    return value, tolerance or "0"
