"""QTI 1.2, as Canvas exports its quizzes: Classic and New ones, item banks too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from .markup import Reading, Resolve
from .model import Bank, Group, Item, Option, Response
from .numbers_read import decimal_of, middle, number_of, plain, seconds_of
from .responses import RIGHT, accepted, chosen, letter, named
from .safe_xml import text_of

FILE_BASE: Final = "$IMS-CC-FILEBASE$/"
NOT_IMPORTED: Final = {
    "calculated_question": "its numbers are drawn for each student",
    "formula_question": "its numbers are drawn for each student",
    "file_upload_question": "it is answered by a file",
    "hot_spot_question": "it is answered on an image",
}


def read_assessment(
    root: Element, resolve: Resolve, meta: Element | None, banks: Mapping[str, Element] | None = None
) -> Bank:
    """Read an <assessment> or an <objectbank>.

    Args:
        meta: what Canvas says of the quiz beside it.
        banks: the item banks of the package, by their identifiers.
    """
    bank = Bank()
    shuffle = _read_settings(root, meta, bank)
    forward = meta is not None and text_of(meta, "cant_go_back") == "true"
    counter = iter(range(1, 1_000_000))
    for group in _groups(root, ""):
        if group.source is not None:
            source = (banks or {}).get(group.source)
            if source is None:
                bank.lost.append(f"section {group.title!r}: its item bank, which is not in the file")
                continue
            group.items.extend(source.iter("item"))
        made = Group(title=group.title, pick=group.pick, points=group.points, forward=forward)
        made.items = [_Reader(item, next(counter), resolve, shuffle).read() for item in group.items]
        # Canvas asks a group's questions in the order in which it draws them.
        made.shuffle = group.pick is not None
        bank.groups.append(made)
    return bank


@dataclass(frozen=True, slots=True)
class _Section:
    """Items that stand together; `source` is the item bank that has more of them."""

    title: str
    items: list[Element]
    pick: int | None = None
    points: int | float | None = None
    source: str | None = None


def _groups(element: Element, title: str) -> Iterator[_Section]:
    """What stands together, in the order of the document."""
    loose: list[Element] = []
    selection = element.find("selection_ordering/selection")
    pick = None if selection is None else number_of(selection.findtext("selection_number"))
    points = (
        None if selection is None else number_of(selection.findtext("selection_extension/points_per_item"))
    )
    for child in element:
        if child.tag == "item":
            loose.append(child)
        elif child.tag == "section":
            if loose:
                yield _Section(title, loose)
                loose = []
            name = child.get("title", "")
            yield from _groups(child, "" if child.get("ident") == "root_section" else name)
    source = None if selection is None else selection.findtext("sourcebank_ref")
    if loose or source is not None:
        yield _Section(title, loose, pick if isinstance(pick, int) else None, points, source)


def _read_settings(root: Element, meta: Element | None, bank: Bank) -> bool:
    """Read the rules of the quiz; whether options are shuffled."""
    fields = _fields(root.find("qtimetadata"))
    minutes = decimal_of(fields.get("qmd_timelimit"))
    attempts = number_of(fields.get("cc_maxattempts"))
    shuffle = False
    if meta is not None:
        minutes = decimal_of(text_of(meta, "time_limit")) or minutes
        attempts = number_of(text_of(meta, "allowed_attempts")) or attempts
        shuffle = text_of(meta, "shuffle_answers") == "true"
        for name, what in _SETTINGS.items():
            if text_of(meta, name):
                bank.lost.append(f"{what}: set it in the rules of the quiz")
    if minutes is not None and (seconds := seconds_of(str(minutes * 60))) is not None:
        bank.rules["time_limit_seconds"] = seconds
    if isinstance(attempts, int) and attempts > 0:
        bank.rules["max_attempts"] = attempts
    return shuffle


_SETTINGS: Final = {
    "access_code": "its access code",
    "ip_filter": "its filter of addresses",
    "unlock_at": "when it opens",
    "lock_at": "when it closes",
}


def _fields(metadata: Element | None) -> dict[str, str]:
    if metadata is None:
        return {}
    return {
        text_of(each, "fieldlabel"): text_of(each, "fieldentry")
        for each in metadata.findall("qtimetadatafield")
    }


@dataclass(frozen=True, slots=True)
class _Condition:
    """What an answer earns: `equal` are the values that it must have, by response, `bounds` the numbers."""

    equal: tuple[tuple[str, str], ...]
    bounds: tuple[tuple[str, str], ...]
    value: float


class _Reader:
    def __init__(self, element: Element, number: int, resolve: Resolve, shuffle: bool) -> None:
        self._element = element
        self._reading = Reading(lambda source: resolve(unquote(source).removeprefix(FILE_BASE)))
        self._shuffle = shuffle
        fields = _fields(element.find("itemmetadata/qtimetadata"))
        points = number_of(fields.get("points_possible"))
        self._item = Item(
            place=f"item {number}",
            name=element.get("title", ""),
            identifier=element.get("ident", ""),
            points=1 if points is None else points,
            images=self._reading.images,
            lost=self._reading.lost,
        )
        self._responses = [
            each
            for each in element.iter()
            if each.tag in ("response_lid", "response_str", "response_num", "response_grp", "response_xy")
        ]
        self._type = fields.get("question_type") or self._guessed()
        self._conditions = [
            condition
            for each in element.findall("resprocessing/respcondition")
            if (condition := _condition(each)) is not None
        ]

    def _guessed(self) -> str:
        """Of which of Canvas's types an item of another system is."""
        tags = {each.tag for each in self._responses}
        if not tags:
            return "text_only_question"
        if tags == {"response_lid"}:
            cardinality = self._responses[0].get("rcardinality", "Single")
            if len(self._responses) > 1:
                return "matching_question"
            return {"Multiple": "multiple_answers_question", "Ordered": "ordering_question"}.get(
                cardinality, "multiple_choice_question"
            )
        if tags == {"response_num"}:
            return "numerical_question"
        if tags == {"response_str"} and len(self._responses) == 1:
            graded = self._element.find("resprocessing/respcondition/conditionvar/varequal") is not None
            return "short_answer_question" if graded else "essay_question"
        return "that is not known"

    def read(self) -> Item:
        item = self._item
        if self._type in NOT_IMPORTED:
            item.left_out = f"{self._type} is not imported: {NOT_IMPORTED[self._type]}"
        elif self._type not in READERS:
            item.left_out = f"questions of type {self._type!r} are not imported"
        else:
            presentation = self._element.find("presentation")
            item.text = "" if presentation is None else self._text(presentation)
            item.responses = READERS[self._type](self)
            if any(self._material(each) for each in self._element.findall("itemfeedback")):
                self._reading.lose("feedback")
        return item

    # Texts

    def _text(self, presentation: Element) -> str:
        texts = [self._material(each) for each in presentation.findall("material")]
        texts += [self._material(each) for each in presentation.findall("flow/material")]
        texts += [
            self._material(each)
            for each in presentation.findall(".//render_extension/material")
            if each.get("position") == "top"
        ]
        return "\n\n".join(text for text in texts if text)

    def _material(self, element: Element | None) -> str:
        """The texts within an element."""
        if element is None:
            return ""
        texts = []
        for each in element.iter():
            if each.tag == "mattext" and each.text:
                is_html = each.get("texttype", "text/plain") == "text/html"
                texts.append(self._reading.html(each.text) if is_html else each.text.strip())
            elif each.tag == "matimage":
                texts.append(self._reading.image(each.get("uri", ""), each.get("label", "")))
        return "\n\n".join(text for text in texts if text)

    def _labels(self, response: Element) -> list[tuple[str, str]]:
        return [
            (label.get("ident", ""), self._material(label.find("material")))
            for label in response.iter("response_label")
        ]

    # Responses

    def choice(self) -> list[Response]:
        return [self._choice(self._responses[0])] if self._responses else [Response(kind="choice")]

    def _choice(self, response: Element, label: str = "") -> Response:
        options, names = named(self._labels(response))
        own = response.get("ident", "")
        values: dict[str, float] = {}
        for condition in self._conditions:
            for name, given in condition.equal:
                if name == own and given in names:
                    values[names[given]] = max(values.get(names[given], 0), condition.value)
        top = max(values.values(), default=0) or 1
        shares = {name: value / top for name, value in values.items()}
        made = chosen(
            options, shares, several=False, partial=False, shuffle=self._shuffle, lost=self._reading.lost
        )
        return replace(made, label=label, weight=plain(Decimal(repr(top))) if label else 1)

    def true_false(self) -> list[Response]:
        (response,) = self.choice()
        return [replace(response, shuffle=False)]

    def several(self) -> list[Response]:
        if not self._responses:
            return [Response(kind="multiple")]
        options, names = named(self._labels(self._responses[0]))
        graded = [each for each in self._conditions if each.value > 0]
        right = [names[given] for each in graded for _, given in each.equal if given in names]
        shares = dict.fromkeys(right, 1 / max(1, len(set(right))))
        wrong = [option.id for option in options if option.id not in shares]
        # Canvas takes as much away for a wrong option as a right one earns.
        shares |= dict.fromkeys(wrong, -1 / max(1, len(set(right))))
        made = chosen(
            options, shares, several=True, partial=True, shuffle=self._shuffle, lost=self._reading.lost
        )
        return [made]

    def short(self) -> list[Response]:
        texts = list(
            dict.fromkeys(given for each in self._conditions for _, given in each.equal if each.value > 0)
        )
        return [Response(kind="short", key=accepted(texts))]

    def blanks(self) -> list[Response]:
        """Fields in a text, which names them as [blank]."""
        responses = []
        for response in self._responses:
            own, label = response.get("ident", ""), self._material(response.find("material"))
            labels = dict(self._labels(response))
            right = [
                labels.get(given, given)
                for each in self._conditions
                for name, given in each.equal
                if name == own and each.value > 0
            ]
            texts = list(dict.fromkeys(text for text in right if text))
            key = accepted(texts)
            responses.append(Response(kind="short", key=key, label=label))
        return responses

    def dropdowns(self) -> list[Response]:
        return [self._choice(each, self._material(each.find("material"))) for each in self._responses]

    def number(self) -> list[Response]:
        graded = [each for each in self._conditions if each.value > 0]
        found = [_number(each) for each in graded]
        if len(set(found)) != 1 or found[0] is None:
            if graded:
                self._reading.lose("its key: several numbers are right, or a limit is open")
            return [Response(kind="number")]
        if any(sign in ("vargt", "varlt") for sign, _ in graded[0].bounds):
            self._reading.lose("that the end of the interval is not in it: it is now")
        key, tolerance = found[0]
        return [Response(kind="number", key=key, tolerance=tolerance)]

    def essay(self) -> list[Response]:
        return [Response(kind="essay")]

    def matching(self) -> list[Response]:
        """What stands on the left is a response of its own, and all have the same options."""
        if not self._responses:
            return [Response(kind="match")]
        right, names = named(self._labels(self._responses[0]), RIGHT)
        left, key = [], {}
        for place, response in enumerate(self._responses):
            option = Option(letter(place), self._material(response.find("material")))
            left.append(option)
            partners = [
                names[given]
                for each in self._conditions
                for name, given in each.equal
                if name == response.get("ident") and each.value > 0 and given in names
            ]
            if len(set(partners)) == 1:
                key[option.id] = partners[0]
            elif partners:
                self._reading.lose("its key: something has more than one partner")
        whole = len(key) == len(left)
        return [
            Response(
                kind="match", left=tuple(left), right=tuple(right), key=key if whole else None, partial=whole
            )
        ]

    def categories(self) -> list[Response]:
        """What is to be put into categories is on the left, the categories are its partners."""
        if not self._responses:
            return [Response(kind="match")]
        left, names = named(self._labels(self._responses[0]))
        right, key = [], {}
        for place, response in enumerate(self._responses):
            option = Option(f"{RIGHT}{letter(place)}", self._material(response.find("material")))
            right.append(option)
            for condition in self._conditions:
                for name, given in condition.equal:
                    if name == response.get("ident") and condition.value > 0 and given in names:
                        key[names[given]] = option.id
        if len(key) < len(left):
            self._reading.lose("that some items belong nowhere: they are to be left alone")
        return [
            Response(kind="match", left=tuple(left), right=tuple(right), key=key or None, partial=bool(key))
        ]

    def order(self) -> list[Response]:
        if not self._responses:
            return [Response(kind="order")]
        options, names = named(self._labels(self._responses[0]))
        graded = [each for each in self._conditions if len(each.equal) > 1]
        key = [names[given] for _, given in graded[0].equal if given in names] if graded else []
        whole = len(key) == len(options)
        return [Response(kind="order", options=tuple(options), key=key if whole else None, shuffle=True)]

    def only_text(self) -> list[Response]:
        return []


READERS: Final[Mapping[str, Callable[[_Reader], list[Response]]]] = {
    "multiple_choice_question": _Reader.choice,
    "true_false_question": _Reader.true_false,
    "multiple_answers_question": _Reader.several,
    "short_answer_question": _Reader.short,
    "fill_in_multiple_blanks_question": _Reader.blanks,
    "multiple_dropdowns_question": _Reader.dropdowns,
    "numerical_question": _Reader.number,
    "essay_question": _Reader.essay,
    "matching_question": _Reader.matching,
    "categorization_question": _Reader.categories,
    "ordering_question": _Reader.order,
    "text_only_question": _Reader.only_text,
}


def _condition(element: Element) -> _Condition | None:
    """A condition that sets points; None for one that only shows feedback."""
    values = [
        float(number_of(each.text) or 0) * (-1 if each.get("action") == "Subtract" else 1)
        for each in element.findall("setvar")
    ]
    variables = element.find("conditionvar")
    if not values or variables is None:
        return None
    negated = {id(each) for no in variables.iter("not") for each in no.iter()}
    equal = [
        (each, (each.get("respident", ""), (each.text or "").strip())) for each in variables.iter("varequal")
    ]
    return _Condition(
        equal=tuple(pair for each, pair in equal if id(each) not in negated),
        bounds=tuple(
            (each.tag, (each.text or "").strip())
            for each in variables.iter()
            if each.tag in ("vargt", "vargte", "varlt", "varlte")
        ),
        value=max(values),
    )


def _number(condition: _Condition) -> tuple[int | float, int | float] | None:
    """The key and the tolerance; None where it is no one interval."""
    low = [decimal_of(text) for sign, text in condition.bounds if sign.startswith("varg")]
    high = [decimal_of(text) for sign, text in condition.bounds if sign.startswith("varl")]
    if len(low) == 1 and len(high) == 1 and low[0] is not None and high[0] is not None:
        return middle(low[0], high[0])
    values = {decimal_of(text) for _, text in condition.equal}
    if not condition.bounds and len(values) == 1 and (value := values.pop()) is not None:
        return plain(value), 0
    return None
