"""One item of QTI 3.0, or of 2.x under the names of 3.0."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element

from .markup import Reading, Resolve, Shown
from .model import Item, Number, Option, Response
from .numbers_read import decimal_of, middle, number_of, plain
from .responses import GAP, RIGHT, accepted, chosen, named

MAX_LENGTH: Final = re.compile(r"\[\\s\\S\]\{0,(\d{1,6})\}")
"""The pattern of a field that takes so many characters."""
UNIT: Final = "unit"
"""The class of what stands behind a field, and is no part of the text."""
_SUFFIX: Final = "-interaction"
_STANDARD: Final = frozenset(
    [
        "response-processing",
        "response-condition",
        "response-if",
        "response-else-if",
        "response-else",
        "match",
        "map-response",
        "variable",
        "correct",
        "set-outcome-value",
        "base-value",
        "sum",
        "equal",
        "index",
        "and",
        "not",
        "is-null",
    ]
)


@dataclass(frozen=True, slots=True)
class _Mapping:
    """What answers are worth: (the answer, its value, whether its case counts)."""

    entries: tuple[tuple[str, float, bool], ...]
    default: float
    upper: float | None


@dataclass(frozen=True, slots=True)
class _Declaration:
    cardinality: str
    base_type: str
    correct: tuple[str, ...]
    mapping: _Mapping | None

    @property
    def most(self) -> float:
        """What the best answer is worth by the mapping."""
        if self.mapping is None:
            return 0
        values = [value for _, value, _ in self.mapping.entries if value > 0]
        most = max(values, default=0) if self.cardinality == "single" else sum(values)
        return most if self.mapping.upper is None else min(most, self.mapping.upper)


class _Side(NamedTuple):
    """Options, and what each of the file's names for them became."""

    options: list[Option]
    names: dict[str, str]


class Tolerance(NamedTuple):
    """How an answer is compared with a number."""

    mode: str
    distances: tuple[Decimal, ...]


def read_item(
    root: Element, place: str, resolve: Resolve, stimulus: Callable[[str], Element | None] = lambda _: None
) -> Item:
    """Read an item. `stimulus` gives the document of a shared text, by its address."""
    reading = Reading(resolve)
    item = Item(
        place=place,
        name=root.get("title", ""),
        identifier=root.get("identifier", ""),
        images=reading.images,
        lost=reading.lost,
    )
    body = root.find("qti-item-body")
    if body is None:
        item.left_out = "it has no item body"
    elif root.find("qti-template-declaration") is not None:
        item.left_out = "its values are drawn for each student, by template variables"
    else:
        _Reader(root, body, item, reading).read(stimulus)
    return item


class _Reader:
    def __init__(self, root: Element, body: Element, item: Item, reading: Reading) -> None:
        self._root = root
        self._body = body
        self._item = item
        self._reading = reading
        self._declarations = {
            each.get("identifier", ""): _declaration(each)
            for each in root.findall("qti-response-declaration")
        }
        self._parents = {child: parent for parent in body.iter() for child in parent}
        self._interactions = [each for each in body.iter() if _is_interaction(each)]
        self._processing = root.find("qti-response-processing")
        template = "" if self._processing is None else self._processing.get("template", "")
        self._template = template.rpartition("/")[2].removesuffix(".xml").removeprefix("CC2_")

    def read(self, stimulus: Callable[[str], Element | None]) -> None:
        for interaction in self._interactions:
            if interaction.tag.removeprefix("qti-").removesuffix(_SUFFIX) not in _READERS:
                self._item.left_out = f"a {interaction.tag.removeprefix('qti-')} is not imported"
                return
        texts = [self._shared(each, stimulus) for each in self._root.findall("qti-assessment-stimulus-ref")]
        texts.append(self._reading.xml(self._body, self._shown))
        self._item.text = "\n\n".join(text for text in texts if text)
        self._item.responses = [
            self._response(interaction, str(place)) for place, interaction in enumerate(self._interactions, 1)
        ]
        self._item.points = self._points()
        self._note()

    def _shared(self, reference: Element, stimulus: Callable[[str], Element | None]) -> str:
        document = stimulus(reference.get("href", ""))
        body = None if document is None else document.find("qti-stimulus-body")
        if body is None:
            self._reading.lose("a shared text, which is not in the file")
            return ""
        return self._reading.xml(body)

    def _note(self) -> None:
        if self._root.find("qti-modal-feedback") is not None:
            self._reading.lose("feedback")
        processing = self._processing
        if processing is None or self._template:
            return
        names = {each.tag.removeprefix("qti-") for each in processing.iter()}
        if names - _STANDARD and any(response.kind != "essay" for response in self._item.responses):
            self._reading.lose("its own rules of marking: right is what it declares as correct")

    # The text

    def _shown(self, element: Element) -> Shown | None:
        if element.tag == "qti-rubric-block":
            if "candidate" in element.get("view", "candidate").split():
                return None
            self._reading.lose("a rubric for those who mark")
            return Shown("", apart=False)
        if element.tag == "qti-printed-variable":
            self._reading.lose("a printed variable")
            return Shown(GAP, apart=False)
        if element not in self._interactions:
            return Shown("", apart=False) if self._is_unit(element) else None
        several = len(self._interactions) > 1
        mark = f"[{self._interactions.index(element) + 1}]" if several else ""
        if element.tag in ("qti-text-entry-interaction", "qti-inline-choice-interaction"):
            return Shown(mark or ("" if self._is_alone(element) else GAP), apart=False)
        return Shown("\n\n".join(text for text in (self._prompt(element), mark) if text), apart=True)

    def _prompt(self, interaction: Element) -> str:
        if interaction.tag != "qti-gap-match-interaction":
            prompt = interaction.find("qti-prompt")
            return "" if prompt is None else self._reading.xml(prompt)
        names = [gap.get("identifier", "") for gap in interaction.iter("qti-gap")]

        def shown(element: Element) -> Shown | None:
            if element.tag in ("qti-gap-text", "qti-gap-img"):
                return Shown("", apart=False)
            if element.tag != "qti-gap":
                return None
            return Shown(f"[{names.index(element.get('identifier', '')) + 1}]", apart=False)

        return self._reading.xml(interaction, shown)

    def _is_unit(self, element: Element) -> bool:
        """Whether it stands behind a field."""
        return element.get("class") == UNIT and any(
            each.tag == "qti-text-entry-interaction" for each in self._parents.get(element, ())
        )

    def _is_alone(self, interaction: Element) -> bool:
        """Whether its paragraph has nothing else, but for a unit behind it."""
        parent = self._parents.get(interaction)
        if parent is None or parent is self._body:
            return True
        texts = [parent.text, *(child.tail for child in parent)]
        others = [child for child in parent if child is not interaction and child.get("class") != UNIT]
        return not others and not any(text and text.strip() for text in texts)

    # The responses

    def _response(self, interaction: Element, label: str) -> Response:
        name = interaction.get("response-identifier", "")
        declaration = self._declarations.get(name) or _Declaration("single", "", (), None)
        kind = interaction.tag.removeprefix("qti-").removesuffix(_SUFFIX)
        return replace(
            _READERS[kind](self, interaction, declaration), label=label, weight=self._weight(declaration)
        )

    def _weight(self, declaration: _Declaration) -> Number:
        if len(self._interactions) == 1 or self._template != "map_response" or declaration.mapping is None:
            return 1
        return declaration.most or 1

    def _options(self, elements: Sequence[Element], prefix: str = "") -> _Side:
        if any(each.get("fixed") == "true" for each in elements):
            self._reading.lose("that options have a fixed place")
        return _Side(
            *named([(each.get("identifier", ""), self._reading.xml(each)) for each in elements], prefix)
        )

    def _mapped(self, declaration: _Declaration) -> _Mapping | None:
        """What answers are worth, where its rules of marking ask for that."""
        if declaration.mapping is None or self._template == "match_correct":
            return None
        asks = self._template == "map_response" or (
            self._processing is not None and self._processing.find(".//qti-map-response") is not None
        )
        return declaration.mapping if asks or not declaration.correct else None

    def choice(self, interaction: Element, declaration: _Declaration) -> Response:
        elements = interaction.findall("qti-simple-choice") or interaction.findall("qti-inline-choice")
        options, names = self._options(elements)
        several = declaration.cardinality == "multiple"
        shuffle = interaction.get("shuffle") == "true"
        most = number_of(interaction.get("max-choices"))
        if several and isinstance(most, int) and 1 < most < len(options):
            self._reading.lose(f"that at most {most} options are chosen")
        mapping = self._mapped(declaration)
        if declaration.cardinality == "ordered":
            self._reading.lose("its key: the order in which options are chosen")
            return Response(kind="multiple", options=tuple(options), shuffle=shuffle)
        if mapping is None:
            right = [names[each] for each in declaration.correct if each in names]
            shares = dict.fromkeys(right, 1 / max(1, len(right)))
        else:
            whole = declaration.most or 1
            values = {name: value for name, value, _ in mapping.entries}
            shares = {name: values.get(given, mapping.default) / whole for given, name in names.items()}
        return chosen(
            options,
            shares,
            several=several,
            partial=mapping is not None,
            shuffle=shuffle,
            lost=self._reading.lost,
        )

    def order(self, interaction: Element, declaration: _Declaration) -> Response:
        options, names = self._options(interaction.findall("qti-simple-choice"))
        key = [names[each] for each in declaration.correct if each in names]
        partial = self._processing is not None and self._processing.find(".//qti-index") is not None
        whole = len(key) == len(options) and bool(key)
        return Response(
            kind="order",
            options=tuple(options),
            key=key if whole else None,
            partial=partial and whole,
            shuffle=interaction.get("shuffle") == "true",
        )

    def match(self, interaction: Element, declaration: _Declaration) -> Response:
        sets = [
            each.findall("qti-simple-associable-choice")
            for each in interaction.findall("qti-simple-match-set")
        ]
        if len(sets) != 2:
            return Response(kind="match")
        pairs = self._pairs(declaration)
        if len({one for one, _ in pairs}) < len(pairs) and len({other for _, other in pairs}) == len(pairs):
            # Each on the other side has one partner: that side is asked about.
            sets.reverse()
            pairs = [(other, one) for one, other in pairs]
        left, right = self._options(sets[0]), self._options(sets[1], RIGHT)
        return self._matched(left, right, pairs, declaration)

    def gap_match(self, interaction: Element, declaration: _Declaration) -> Response:
        gaps = [gap.get("identifier", "") for gap in interaction.iter("qti-gap")]
        left = _Side(*named([(name, f"[{place}]") for place, name in enumerate(gaps, 1)]))
        right = self._options(interaction.findall("qti-gap-text"), RIGHT)
        if interaction.find("qti-gap-img") is not None:
            self._reading.lose("its images that are put into gaps")
        pairs = [(gap, text) for text, gap in self._pairs(declaration)]
        return self._matched(left, right, pairs, declaration)

    def _pairs(self, declaration: _Declaration) -> list[tuple[str, str]]:
        mapping = self._mapped(declaration)
        if mapping is None:
            texts = list(declaration.correct)
        else:
            texts = [text for text, value, _ in mapping.entries if value > 0]
            if len({value for _, value, _ in mapping.entries if value > 0}) > 1 or any(
                value < 0 for _, value, _ in mapping.entries
            ):
                self._reading.lose("the different shares of its pairs")
        return [(words[0], words[1]) for text in texts if len(words := text.split()) == 2]

    def _matched(
        self, left: _Side, right: _Side, pairs: list[tuple[str, str]], declaration: _Declaration
    ) -> Response:
        key = {
            left.names[one]: right.names[other]
            for one, other in pairs
            if one in left.names and other in right.names
        }
        if len(key) < len(pairs):
            self._reading.lose("its key: something has more than one partner")
            key = {}
        partial = bool(key) and self._mapped(declaration) is not None
        return Response(
            kind="match",
            left=tuple(left.options),
            right=tuple(right.options),
            key=key or None,
            partial=partial,
        )

    def text_entry(self, interaction: Element, declaration: _Declaration) -> Response:
        if declaration.base_type in ("float", "integer"):
            return self._number(interaction, declaration)
        mapping = self._mapped(declaration)
        texts = list(declaration.correct)
        if mapping is not None:
            most = max((value for _, value, _ in mapping.entries), default=0)
            texts = [text for text, value, _ in mapping.entries if value == most > 0]
            if any(0 < value < most for _, value, _ in mapping.entries):
                self._reading.lose("answers that earn a part of the points")
            if any(counts for _, value, counts in mapping.entries if value == most):
                self._reading.lose("that case counts: it does not now")
        elif texts and self._template == "match_correct":
            self._reading.lose("that case counts: it does not now")
        return Response(kind="short", key=accepted(texts), max_length=self._max_length(interaction))

    def _number(self, interaction: Element, declaration: _Declaration) -> Response:
        unit = self._unit(interaction)
        decimal = "," if interaction.get("data-decimal") == "," else "."
        values = [decimal_of(text) for text in declaration.correct]
        if not values and declaration.mapping is not None:
            right = [text for text, value, _ in declaration.mapping.entries if value == declaration.most]
            values = [decimal_of(text) for text in right]
        if len(values) != 1 or values[0] is None:
            if values:
                self._reading.lose("its key: several numbers are right, or what is right is none")
            return Response(kind="number", unit=unit, decimal=decimal)
        key, tolerance = _within(values[0], self._tolerance(interaction.get("response-identifier", "")))
        return Response(kind="number", key=key, tolerance=tolerance, unit=unit, decimal=decimal)

    def _tolerance(self, name: str) -> Tolerance | None:
        if self._processing is None:
            return None
        for equal in self._processing.iter("qti-equal"):
            if any(each.get("identifier") == name for each in equal.iter("qti-variable")):
                texts = equal.get("tolerance", "").replace(",", " ").split()
                distances = tuple(found for text in texts if (found := decimal_of(text)) is not None)
                return Tolerance(equal.get("tolerance-mode", "exact"), distances)
        return None

    def _unit(self, interaction: Element) -> str:
        beside = self._parents.get(interaction, ())
        return next(("".join(each.itertext()).strip() for each in beside if each.get("class") == UNIT), "")

    def _max_length(self, interaction: Element) -> int | None:
        mask = interaction.get("pattern-mask")
        if not mask:
            return None
        if found := MAX_LENGTH.fullmatch(mask):
            return int(found[1])
        self._reading.lose("the pattern that an answer must have")
        return None

    def slider(self, interaction: Element, declaration: _Declaration) -> Response:
        self._reading.lose("its slider: a number is typed")
        return self._number(interaction, declaration)

    def extended_text(self, interaction: Element, declaration: _Declaration) -> Response:
        if declaration.correct:
            self._reading.lose("its model answer")
        return Response(kind="essay", max_length=self._max_length(interaction))

    # The points

    def _points(self) -> Number:
        if not self._interactions:
            return 0
        outcomes = {each.get("identifier"): each for each in self._root.findall("qti-outcome-declaration")}
        most = outcomes.get("MAXSCORE")
        if (
            most is not None
            and (value := number_of(most.findtext("qti-default-value/qti-value"))) is not None
        ):
            return value
        score = outcomes.get("SCORE")
        if score is not None and (value := number_of(score.get("normal-maximum"))) is not None:
            return value
        if self._template == "map_response":
            return plain(Decimal(repr(sum(each.most for each in self._declarations.values())))) or 1
        return self._set_at_most() or 1

    def _set_at_most(self) -> Number | None:
        if self._processing is None:
            return None
        values = [
            value
            for each in self._processing.iter("qti-set-outcome-value")
            if each.get("identifier") == "SCORE"
            and (value := number_of(each.findtext("qti-base-value"))) is not None
        ]
        return max(values, default=None)


_READERS: Final[Mapping[str, Callable[[_Reader, Element, _Declaration], Response]]] = {
    "choice": _Reader.choice,
    "inline-choice": _Reader.choice,
    "order": _Reader.order,
    "match": _Reader.match,
    "gap-match": _Reader.gap_match,
    "text-entry": _Reader.text_entry,
    "extended-text": _Reader.extended_text,
    "slider": _Reader.slider,
}


def _is_interaction(element: Element) -> bool:
    return element.tag.startswith("qti-") and element.tag.endswith(_SUFFIX)


def _declaration(element: Element) -> _Declaration:
    mapping = element.find("qti-mapping")
    return _Declaration(
        element.get("cardinality", "single"),
        element.get("base-type", ""),
        tuple((each.text or "").strip() for each in element.findall("qti-correct-response/qti-value")),
        None if mapping is None else _mapping(mapping),
    )


def _mapping(element: Element) -> _Mapping:
    entries = tuple(
        (
            each.get("map-key", ""),
            float(number_of(each.get("mapped-value")) or 0),
            each.get("case-sensitive", "true") == "true",
        )
        for each in element.findall("qti-map-entry")
    )
    upper = number_of(element.get("upper-bound"))
    return _Mapping(entries, float(number_of(element.get("default-value")) or 0), upper)


def _within(key: Decimal, tolerance: Tolerance | None) -> tuple[Number, Number]:
    if tolerance is None or tolerance.mode == "exact" or not tolerance.distances:
        return plain(key), 0
    below, above = tolerance.distances[0], tolerance.distances[-1]
    if tolerance.mode == "relative":
        below, above = abs(key) * below / 100, abs(key) * above / 100
    if below == above:
        return plain(key), plain(below)
    return middle(key - below, key + above)
