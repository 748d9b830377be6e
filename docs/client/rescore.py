"""Computes every exported score again, from the exported answers and the key. Needs Python alone.

    python rescore.py QUIZ EXPORT

Two files: what GET /quizzes/{quiz_id} said (with the scope quizzes:write, for the keys), and an NDJSON export
of attempts, answers and results. What a person has marked is taken from the results. It prints what differs;
the exit code is 0 if nothing does. The quiz has to be the one that the attempts were graded with
(`quiz_revision`): regrade first if its questions have changed.
"""

from __future__ import annotations

import gzip
import json
import math
import re
import sys
import unicodedata
from collections import defaultdict
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

FORMS = ("<wide>", "<narrow>", "<small>", "<vertical>", "<noBreak>")
FORMS += ("<initial>", "<medial>", "<final>", "<isolated>")
EXACT = Context(prec=5000)
UNSEEN = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u3164\uffa0"


def load(text: str) -> Any:
    """JSON with its numbers as they are written."""
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)


def form(value: Any) -> Any:
    """Equal for two JSON values that are the same: numbers by value, texts by canonical equivalence."""
    match value:
        case bool() | None:
            return ("constant", value)
        case Decimal():
            return ("number", value)
        case str():
            return ("text", unicodedata.normalize("NFD", value))
        case list():
            return ("list", tuple(map(form, value)))
        case _:
            return ("object", frozenset((form(name), form(part)) for name, part in value.items()))


def seen(text: str) -> str:
    """The text without what shows nothing, in the plain forms of its characters."""
    shown = [
        each
        for each in text
        if unicodedata.category(each) != "Cf" and each not in UNSEEN and not 0xFE00 <= ord(each) <= 0xFE0F
    ]
    return "".join(
        unicodedata.normalize("NFKC", each) if unicodedata.decomposition(each).startswith(FORMS) else each
        for each in shown
    )


def reading(text: str) -> str:
    """The same for two texts that read alike."""
    folded = unicodedata.normalize("NFD", unicodedata.normalize("NFD", seen(text)).casefold())
    plain = []
    for each in folded:
        name = unicodedata.name(each, "")
        if unicodedata.category(each) == "Pd" or each in "\u2053\u2212":
            plain.append("-")
        elif name.endswith(("QUOTATION MARK", "APOSTROPHE")):
            plain.append("'" if "SINGLE" in name or "APOSTROPHE" in name else '"')
        elif each == "\u2026":
            plain.append("...")
        else:
            plain.append(each)
    return " ".join("".join(plain).split())


def number(value: Any, separator: str) -> Decimal | None:
    """The number that an answer is, or holds."""
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, str):
        return None
    text = seen(value).strip().replace("\u2212", "-")
    if separator == ",":
        if "." in text:
            return None
        text = text.replace(",", ".")
    text = text.replace("\u066b", ".")
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,6})?", text):
        return None
    digits = [each for each in text if each.isdecimal()]
    if len({ord(each) - unicodedata.decimal(each) for each in digits}) > 1:
        return None
    return Decimal(text)


def members(value: Any) -> set[Any]:
    return {form(each) for each in (value if isinstance(value, list) else [value])}


def share(question: dict[str, Any], answer: Any) -> float:
    """How much of a question's points an answer earns by the key, from 0 to 1."""
    key = question["key"]
    match question["grading"]:
        case "numeric":
            found = number(answer, question.get("decimal", "."))
            tolerance = question.get("tolerance", 0)
            # Comparing is exact, whatever the exponents; of the difference the memory may have no room.
            return float(
                found is not None and EXACT.subtract(key, tolerance) <= found <= EXACT.add(key, tolerance)
            )
        case "text":
            texts = key if isinstance(key, list) else [key]
            return float(isinstance(answer, str) and reading(answer) in map(reading, texts))
        case "set":
            right, given = members(key), members(answer)
            if given == right or not question.get("partial"):
                return float(given == right)
            return max(0, len(given & right) - len(given - right)) / len(right)
        case _:
            if form(answer) == form(key) or not question.get("partial"):
                return float(form(answer) == form(key))
            return part(key, answer)


def part(key: Any, answer: Any) -> float:
    """Each equal member or position earns its share; each that the key does not have takes one away."""
    if isinstance(key, list) and isinstance(answer, list):
        pairs, added = list(zip(key, answer, strict=False)), max(0, len(answer) - len(key))
    elif isinstance(key, dict) and isinstance(answer, dict):
        named = {form(name): given for name, given in answer.items()}
        pairs = [(each, named[form(name)]) for name, each in key.items() if form(name) in named]
        added = len(named.keys() - set(map(form, key)))
    else:
        return 0.0
    return max(0, sum(form(one) == form(other) for one, other in pairs) - added) / len(key)


def points(question: dict[str, Any], result: dict[str, Any], answers: dict[str, Any]) -> float:
    worth = float(question["points"])
    if result["marked_by"] == "person":
        return min(float(result["points"]), worth)
    if "key" not in question or result["question"] not in answers:
        return 0.0
    return worth * share(question, answers[result["question"]])


def differences(questions: dict[str, Any], records: list[dict[str, Any]]) -> list[str]:
    """What of the scores is not as the answers and the key have it."""
    answers: dict[str, dict[str, Any]] = defaultdict(dict)
    results: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in records:
        if each["record"] == "answer":
            answers[each["session_id"]][each["question"]] = each["answer"]
        elif each["record"] == "result":
            results[each["session_id"]].append(each)
    found = []
    for attempt in (each for each in records if each["record"] == "attempt"):
        session = attempt["session_id"]
        if not results[session]:
            continue
        earned = []
        if unknown := [each["question"] for each in results[session] if each["question"] not in questions]:
            found.append(f"{session}: the quiz has lost {', '.join(unknown)}; regrade first")
            continue
        for result in results[session]:
            earned.append(points(questions[result["question"]], result, answers[session]))
            if earned[-1] != float(result["points"]):
                found.append(f"{session} {result['question']}: {result['points']} is {earned[-1]}")
        for name, each in (
            ("score", earned),
            ("max_score", [float(questions[result["question"]]["points"]) for result in results[session]]),
        ):
            if float(attempt[name]) != round(math.fsum(each), 6):
                found.append(f"{session} {name}: {attempt[name]} is {round(math.fsum(each), 6)}")
    return found


def main(quiz: str, export: str) -> int:
    questions = load(Path(quiz).read_text()).get("questions")
    if not questions:
        sys.exit(
            f"{quiz} has no questions: it is to be what GET /quizzes/{{quiz_id}} says of a registered quiz."
        )
    # Texts have other characters that Python takes for the end of a line.
    lines = gzip.decompress(Path(export).read_bytes()).decode().split("\n")
    records = [load(line) for line in lines if line]
    found = differences(questions, records)
    scored = {each["session_id"] for each in records if each["record"] == "result"}
    found.append(f"{len(scored)} scores computed again, {len(found)} differences")
    sys.stdout.write("\n".join(found) + "\n")
    return 0 if len(found) == 1 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
