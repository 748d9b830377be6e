"""One question as an item of QTI 3.0."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement

from .assemble import GRADINGS, clean
from .contents import Choice, asked
from .model import Kind, Line
from .qti_item import UNIT
from .responses import is_identifier, letter

_ASI: Final = "http://www.imsglobal.org/xsd/imsqtiasi_v3p0"
_TEMPLATES: Final = "https://purl.imsglobal.org/spec/qti/v3p0/rptemplates"
_RESPONSE: Final = "RESPONSE"
_IMAGE: Final = re.compile(r"\[image: ([^\[\]]*)\]")


class ItemWriter:
    """Writes one question. The item earns 0 to 1, which its weight in the test multiplies by its points."""

    def __init__(self, name: str, question: Mapping[str, Any]) -> None:
        self._question = question
        self._asked = asked(question.get("content"))
        self._lost: list[str] = []
        self._images = list(self._asked.images)
        self._key = question.get("key")
        if question.get("grading") not in (None, GRADINGS.get(self._asked.kind)):
            self._lose_key()
        self.element = Element(
            "qti-assessment-item",
            {"xmlns": _ASI, "identifier": clean(name), "title": clean(name), "time-dependent": "false"},
        )
        self._declaration = self._declare()
        self._outcomes()
        self._body = SubElement(self.element, "qti-item-body")
        self._flow(self._body, self._asked.text)
        _WRITERS[self._asked.kind](self)
        if self._images:
            self._lost.append("images that its texts do not mention")
        points = question.get("points", 1)
        self.line = Line(
            place=name,
            name="",
            questions=(name,),
            outcome="by a person" if self._key is None else "graded",
            kept=f"{self._asked.kind}, {points:g} {'point' if points == 1 else 'points'}",
            lost=tuple(self._lost),
        )

    def _lose_key(self) -> None:
        if self._key is not None:
            grading = self._question.get("grading")
            self._lost.append(
                f"its key: QTI can't say {grading!r} of a question of this kind ({self._asked.kind})"
            )
        self._key = None

    # What is declared

    def _declare(self) -> Element:
        kind = self._asked.kind
        cardinality = {"multiple": "multiple", "match": "multiple", "order": "ordered"}.get(kind, "single")
        base_type = {"number": "float", "short": "string", "essay": "string", "match": "directedPair"}
        return SubElement(
            self.element,
            "qti-response-declaration",
            {
                "identifier": _RESPONSE,
                "cardinality": cardinality,
                "base-type": base_type.get(kind, "identifier"),
            },
        )

    def _outcomes(self) -> None:
        for name, value in (("SCORE", "0"), ("MAXSCORE", "1")):
            outcome = SubElement(
                self.element,
                "qti-outcome-declaration",
                {"identifier": name, "cardinality": "single", "base-type": "float"},
            )
            if name == "SCORE" and self._question.get("grading") is None:
                outcome.set("external-scored", "human")
            SubElement(SubElement(outcome, "qti-default-value"), "qti-value").text = value

    def _correct(self, values: Sequence[str]) -> None:
        correct = SubElement(self._declaration, "qti-correct-response")
        for value in values:
            SubElement(correct, "qti-value").text = clean(value)

    def _map(self, entries: Mapping[str, float], *, of_texts: bool = False) -> None:
        mapping = SubElement(self._declaration, "qti-mapping", {"default-value": "0", "lower-bound": "0"})
        for key, value in entries.items():
            entry = SubElement(mapping, "qti-map-entry", {"map-key": clean(key), "mapped-value": repr(value)})
            if of_texts:
                entry.set("case-sensitive", "false")
        self._process("map_response")

    def _process(self, template: str) -> None:
        SubElement(self.element, "qti-response-processing", template=f"{_TEMPLATES}/{template}")

    # Texts

    def _flow(self, parent: Element, text: str) -> None:
        """Write a text as paragraphs; as it stands where HTML would change its white space."""
        text = clean(text)
        if not text:
            return
        paragraphs = [paragraph.split("\n") for paragraph in text.split("\n\n")]
        if all(line and line == " ".join(line.split()) for lines in paragraphs for line in lines):
            for lines in paragraphs:
                paragraph = SubElement(parent, "p")
                for place, line in enumerate(lines):
                    if place:
                        SubElement(paragraph, "br")
                    self._line(paragraph, line)
        else:
            self._line(SubElement(parent, "pre"), text)

    def _label(self, parent: Element, text: str) -> None:
        """Write the text of an option: without a paragraph where it is one line."""
        if clean(text) == " ".join(clean(text).split()):
            self._line(parent, clean(text))
        else:
            self._flow(parent, text)

    def _line(self, parent: Element, text: str) -> None:
        end = 0
        for found in _IMAGE.finditer(text):
            image = next((each for each in self._images if each["alt"] == found[1]), None)
            if image is not None:
                self._images.remove(image)
                _append(parent, text[end : found.start()])
                SubElement(parent, "img", src=image["src"], alt=image["alt"])
                end = found.end()
        _append(parent, text[end:])

    # Interactions

    def _interaction(
        self, name: str, attributes: Mapping[str, str], parent: Element | None = None
    ) -> Element:
        return SubElement(
            self._body if parent is None else parent,
            f"qti-{name}-interaction",
            {"response-identifier": _RESPONSE, **attributes},
        )

    def _identifiers(self, choices: Sequence[Choice], prefix: str = "") -> list[str]:
        values = [choice.value for choice in choices]
        if all(isinstance(value, str) and is_identifier(value) for value in values):
            return values
        self._lost.append("what answers call its options: they are a, b, c in the package")
        return [f"{prefix}{letter(place)}" for place in range(len(choices))]

    def _with_options(self, name: str, attributes: Mapping[str, str]) -> list[str]:
        choices = self._asked.options
        identifiers = self._identifiers(choices)
        shuffle = "true" if self._question.get("shuffle_options") else "false"
        interaction = self._interaction(name, {**attributes, "shuffle": shuffle})
        for identifier, choice in zip(identifiers, choices, strict=True):
            self._label(SubElement(interaction, "qti-simple-choice", identifier=identifier), choice.text)
        return identifiers

    def _places(self, values: Sequence[Any], choices: Sequence[Choice]) -> list[int]:
        """Where values are among options; none where one of them is not."""
        listed = [choice.value for choice in choices]
        return [listed.index(value) for value in values] if all(value in listed for value in values) else []

    def choice(self) -> None:
        identifiers = self._with_options("choice", {"max-choices": "1"})
        right = [] if self._key is None else self._places([self._key], self._asked.options)
        if right:
            self._correct([identifiers[right[0]]])
            self._process("match_correct")
        else:
            self._lose_key()

    def multiple(self) -> None:
        identifiers = self._with_options("choice", {"max-choices": "0"})
        right = [] if self._key is None else self._places(self._key, self._asked.options)
        if not right:
            self._lose_key()
            return
        self._correct([identifiers[place] for place in right])
        if self._question.get("partial"):
            share = 1 / len(right)
            self._map({name: share if place in right else -share for place, name in enumerate(identifiers)})
        else:
            self._process("match_correct")

    def order(self) -> None:
        identifiers = self._with_options("order", {})
        key = self._key if isinstance(self._key, list) else []
        right = self._places(key, self._asked.options)
        if sorted(right) != list(range(len(identifiers))):
            self._lose_key()
            return
        values = [identifiers[place] for place in right]
        self._correct(values)
        if self._question.get("partial"):
            self._earn_by_places(values)
        else:
            self._process("match_correct")

    def _earn_by_places(self, values: Sequence[str]) -> None:
        """Each place that is right adds its share, which QTI's templates can't say of an order."""
        processing = SubElement(self.element, "qti-response-processing")
        for place, value in enumerate(values, 1):
            branch = SubElement(SubElement(processing, "qti-response-condition"), "qti-response-if")
            match = SubElement(branch, "qti-match")
            SubElement(SubElement(match, "qti-index", n=str(place)), "qti-variable", identifier=_RESPONSE)
            SubElement(match, "qti-base-value", {"base-type": "identifier"}).text = value
            score = SubElement(branch, "qti-set-outcome-value", identifier="SCORE")
            total = SubElement(score, "qti-sum")
            SubElement(total, "qti-variable", identifier="SCORE")
            SubElement(total, "qti-base-value", {"base-type": "float"}).text = repr(1 / len(values))

    def match(self) -> None:
        left, right = self._asked.left, self._asked.right
        names, partners = self._identifiers(left), self._identifiers(right, "r")
        if set(names) & set(partners):
            names, partners = [f"left-{each}" for each in names], [f"right-{each}" for each in partners]
            self._lost.append("what answers call its options: both sides had the same names")
        interaction = self._interaction("match", {"shuffle": "false", "max-associations": str(len(left))})
        for choices, identifiers, most in ((left, names, "1"), (right, partners, "0")):
            side = SubElement(interaction, "qti-simple-match-set")
            for identifier, choice in zip(identifiers, choices, strict=True):
                element = SubElement(
                    side, "qti-simple-associable-choice", {"identifier": identifier, "match-max": most}
                )
                self._label(element, choice.text)
        key = self._key if isinstance(self._key, dict) else {}
        ones = self._places(list(key), left)
        others = self._places(list(key.values()), right)
        if not ones or not others:
            self._lose_key()
            return
        pairs = [f"{names[one]} {partners[other]}" for one, other in zip(ones, others, strict=True)]
        self._correct(pairs)
        if self._question.get("partial"):
            self._map(dict.fromkeys(pairs, 1 / len(pairs)))
        else:
            self._process("match_correct")

    def number(self) -> None:
        decimal = self._question.get("decimal", ".")
        field = self._field({"data-decimal": decimal} if decimal != "." else {})
        if self._asked.unit:
            field.tail = " "
            SubElement(self._body[-1], "span", {"class": UNIT}).text = clean(self._asked.unit)
        if self._key is None:
            return
        self._correct([repr(self._key)])
        tolerance = self._question.get("tolerance", 0)
        condition = SubElement(SubElement(self.element, "qti-response-processing"), "qti-response-condition")
        branch = SubElement(condition, "qti-response-if")
        how = (
            {"tolerance-mode": "absolute", "tolerance": f"{tolerance!r} {tolerance!r}"}
            if tolerance
            else {"tolerance-mode": "exact"}
        )
        equal = SubElement(branch, "qti-equal", how)
        SubElement(equal, "qti-variable", identifier=_RESPONSE)
        SubElement(equal, "qti-correct", identifier=_RESPONSE)
        _set(branch, "1")

    def _field(self, attributes: Mapping[str, str]) -> Element:
        return self._interaction("text-entry", attributes, SubElement(self._body, "p"))

    def _most(self) -> dict[str, str]:
        most = self._asked.max_length
        return {} if most is None else {"pattern-mask": rf"[\s\S]{{0,{most}}}"}

    def short(self) -> None:
        self._field(self._most())
        texts = self._key if isinstance(self._key, list) else [] if self._key is None else [self._key]
        if texts:
            self._correct(texts[:1])
            self._map(dict.fromkeys(texts, 1), of_texts=True)

    def essay(self) -> None:
        self._interaction("extended-text", self._most())
        self._lose_key()


_WRITERS: Final[Mapping[Kind, Callable[[ItemWriter], None]]] = {
    "choice": ItemWriter.choice,
    "multiple": ItemWriter.multiple,
    "order": ItemWriter.order,
    "match": ItemWriter.match,
    "number": ItemWriter.number,
    "short": ItemWriter.short,
    "essay": ItemWriter.essay,
}


def _append(parent: Element, text: str) -> None:
    """Add text at the end of an element."""
    if not text:
        return
    if len(parent):
        parent[-1].tail = (parent[-1].tail or "") + text
    else:
        parent.text = (parent.text or "") + text


def _set(parent: Element, value: str) -> None:
    score = SubElement(parent, "qti-set-outcome-value", identifier="SCORE")
    SubElement(score, "qti-base-value", {"base-type": "float"}).text = value
