"""Tests of QTI 3.0, or of 2.x under the names of 3.0: sections, draws and time limits."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from xml.etree.ElementTree import Element

from .model import Bank, Group, Item
from .numbers_read import number_of, plain, seconds_of

ReadItem = Callable[[str], Item]
"""The item that an address in the test names."""


def read_test(root: Element, read_item: ReadItem) -> Bank:
    """Read a test."""
    bank = Bank()
    if (seconds := _max_time(root)) is not None:
        bank.rules["time_limit_seconds"] = seconds
    parts = root.findall("qti-test-part")
    for part in parts:
        if (seconds := _max_time(part)) is not None:
            if len(parts) == 1 and "time_limit_seconds" not in bank.rules:
                bank.rules["time_limit_seconds"] = seconds
            else:
                _lose(bank, "the time limit of a test part")
        forward = part.get("navigation-mode") == "linear"
        for section in part:
            if section.tag == "qti-assessment-section":
                _read_section(section, forward, bank, read_item)
            elif section.tag == "qti-assessment-section-ref":
                _lose(bank, f"the section {section.get('href', '')}, which is in a file of its own")
    for name in ("qti-pre-condition", "qti-branch-rule"):
        if next(root.iter(name), None) is not None:
            _lose(bank, "conditions under which questions are asked or skipped: all are asked")
    if next(root.iter("qti-test-feedback"), None) is not None:
        _lose(bank, "feedback of the test")
    return bank


def _lose(bank: Bank, what: str) -> None:
    if what not in bank.lost:
        bank.lost.append(what)


def _max_time(element: Element) -> int | None:
    limits = element.find("qti-time-limits")
    return None if limits is None else seconds_of(limits.get("max-time"))


def _read_section(section: Element, forward: bool, bank: Bank, read_item: ReadItem) -> None:
    """Add a section, and those within it after what stands before them."""
    title = section.get("title", "")
    selection, ordering = section.find("qti-selection"), section.find("qti-ordering")
    select = None if selection is None else number_of(selection.get("select"))
    if selection is not None and selection.get("with-replacement") == "true":
        _lose(bank, f"section {title!r}: that a question may be drawn more than once")
    has_sections = section.find("qti-assessment-section") is not None
    if select is not None and has_sections:
        _lose(bank, f"section {title!r}: the draw among the sections within it")
        select = None
    group: Group | None = None
    for child in section:
        if child.tag == "qti-assessment-section":
            group = None
            _read_section(child, forward, bank, read_item)
        elif child.tag == "qti-assessment-section-ref":
            _lose(bank, f"the section {child.get('href', '')}, which is in a file of its own")
        elif child.tag == "qti-assessment-item-ref":
            if group is None:
                group = Group(
                    title=title,
                    pick=select if isinstance(select, int) else None,
                    shuffle=ordering is not None and ordering.get("shuffle") == "true",
                    time_limit_seconds=None if has_sections else _max_time(section),
                    forward=forward,
                )
                bank.groups.append(group)
            group.items.append(_weighed(read_item(child.get("href", "")), child))
        elif child.tag == "qti-rubric-block":
            _lose(bank, f"section {title!r}: the text above it")
    if has_sections and _max_time(section) is not None:
        _lose(bank, f"section {title!r}: the time limit of the sections within it together")


def _weighed(item: Item, reference: Element) -> Item:
    weight = reference.find("qti-weight")
    value = None if weight is None else number_of(weight.get("value"))
    if value is not None and item.responses:
        item.points = plain(Decimal(repr(item.points)) * Decimal(repr(value)))
    return item
