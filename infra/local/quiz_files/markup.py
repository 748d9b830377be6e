"""HTML as the plain text that students are shown, with what the text can't say."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes
from xml.etree.ElementTree import Element

MAX_IMAGE_BYTES: Final = 24 * 1024
"""As a data address it takes a third more, and a content has 64 KiB at most."""

Resolve = Callable[[str], bytes | None]
"""The bytes that an image's address names in the file at hand."""


class Shown(NamedTuple):
    """What stands in the text for an element that takes an answer.

    Attributes:
        apart: whether it is a paragraph of its own.
    """

    text: str
    apart: bool


Interaction = Callable[[Element], Shown | None]
"""What is shown for an element that takes an answer; None for an element that is not one."""

_PARAGRAPH = re.compile(
    "p|h[1-6]|blockquote|pre|ul|ol|dl|table|figure|section|article|qti-prompt|qti-rubric-block"
)
_LINES = frozenset(["div", "li", "tr", "dt", "dd", "caption", "figcaption", "hr"])
_UNREAD = frozenset(["script", "style", "head", "title", "template"])
_FORMATS = frozenset(["b", "strong", "i", "em", "u", "s", "del", "ins", "mark", "code", "font"])
_MEDIA = {
    "audio": "audio",
    "video": "video",
    "iframe": "a page within it",
    "embed": "an embedded object",
    "object": "an embedded object",
    "svg": "a drawing",
    "canvas": "a drawing",
}
_FEEDBACK = frozenset(["qti-feedback-block", "qti-feedback-inline", "qti-modal-feedback"])
_SIGNATURES = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif"}
_BULLET = "- "
_FIRST = ""
_BESIDE = " | "
_OPENINGS = (_BULLET, _FIRST, _BESIDE)
"""What begins a line or a cell; its first paragraph does not begin another."""
_MAX_OPEN = 200
_SPACES = re.compile(r"\s+")
_VOID = re.compile("area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr")


class Reading:
    """Reads the texts of one item, and collects their images and what they lose."""

    def __init__(self, resolve: Resolve = lambda _: None) -> None:
        self._resolve = resolve
        self.images: list[dict[str, str]] = []
        self.lost: list[str] = []

    def lose(self, what: str) -> None:
        """Note something that is not imported, once."""
        if what not in self.lost:
            self.lost.append(what)

    def html(self, text: str) -> str:
        """Read HTML that is in a string."""
        writer = _Writer(self)
        parser = _Parser(writer)
        # What word processors leave there, as <![if !vml]>, is a comment in HTML, and an error to the parser.
        parser.feed(text.replace("<![", "<!"))
        parser.close()
        return writer.text()

    def xml(self, element: Element, interaction: Interaction = lambda _: None) -> str:
        """Read XHTML that is in elements; `element` itself is not written, nor what follows it."""
        writer = _Writer(self)
        _walk(element, writer, interaction)
        return writer.text()

    def image(self, source: str, alt: str) -> str:
        """Keep an image if it can be; what stands for it in the text."""
        name = alt.strip() or ("" if source.startswith("data:") else source.rpartition("/")[2]) or "image"
        name = _SPACES.sub(" ", name).replace("[", "(").replace("]", ")")
        data = _data_of(source) if source.startswith("data:") else self._resolve(source)
        if data is None:
            self.lose(f"an image ({name}): it is not in the file")
        elif len(data) > MAX_IMAGE_BYTES:
            self.lose(f"an image ({name}): {len(data)} bytes, and {MAX_IMAGE_BYTES} are kept at most")
        elif (kind := _kind_of(data)) is None:
            self.lose(f"an image ({name}): no PNG, JPEG, GIF or WebP")
        else:
            address = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
            self.images.append({"src": address, "alt": name})
        return f"[image: {name}]"


def _data_of(source: str) -> bytes | None:
    head, _, body = source.partition(",")
    if not head.endswith(";base64"):
        return unquote_to_bytes(body)
    try:
        return base64.b64decode(unquote_to_bytes(body), validate=True)
    except binascii.Error:
        return None


def _kind_of(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return next((kind for signature, kind in _SIGNATURES.items() if data.startswith(signature)), None)


class _Writer:
    """Writes plain text: paragraphs a line apart, white space as HTML shows it."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._parts: list[str] = []
        self._breaks = 0
        self._space = False
        self._verbatim = 0
        self._unread = 0
        self._cells = 0

    def text(self) -> str:
        return "".join(self._parts)

    def data(self, data: str) -> None:
        if self._unread:
            return
        if self._verbatim:
            self._put(data)
            return
        words = _SPACES.sub(" ", data)
        if words.startswith(" "):
            self._space = True
        if words.strip():
            self._put(words.strip())
            self._space = words.endswith(" ")

    def put(self, shown: Shown) -> None:
        """Something that is shown as it is, like the mark of a gap."""
        if shown.apart:
            self.break_(2)
        if shown.text and not self._unread:
            self._put(shown.text)
        if shown.apart:
            self.break_(2)

    def break_(self, lines: int) -> None:
        if self._parts and self._parts[-1] in _OPENINGS:
            return
        self._breaks = max(self._breaks, lines)
        self._space = False

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag in _UNREAD or tag in _FEEDBACK:
            if tag in _FEEDBACK:
                self._reading.lose("feedback")
            self._unread += 1
        elif tag == "br":
            self._breaks = min(self._breaks + 1, 2) if self._parts else 0
            self._space = False
        elif _PARAGRAPH.fullmatch(tag):
            self.break_(2)
        elif tag in _LINES:
            self.break_(1)
        if not self._unread:
            self._lose(tag)
            self._open(tag, attributes)

    def _open(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "pre":
            self._verbatim += 1
        elif tag == "li":
            self._put(_BULLET)
        elif tag == "tr":
            self._cells = 0
        elif tag in ("td", "th"):
            if self._cells:
                self._breaks, self._space = 0, False
            self._put(_BESIDE if self._cells else _FIRST)
            self._cells += 1
        elif tag in ("sup", "sub"):
            # Without a sign, 10³ would read as 103.
            self._space = False
            self._put("^" if tag == "sup" else "_")
        elif tag == "img":
            self._put(self._reading.image(attributes.get("src", ""), attributes.get("alt", "")))

    def end(self, tag: str) -> None:
        if tag in _UNREAD or tag in _FEEDBACK:
            self._unread = max(0, self._unread - 1)
        elif tag == "pre":
            self._verbatim = max(0, self._verbatim - 1)
        if _PARAGRAPH.fullmatch(tag):
            self.break_(2)
        elif tag in _LINES:
            self.break_(1)

    def _lose(self, tag: str) -> None:
        if tag in _FORMATS:
            self._reading.lose("formatting, such as bold or italics")
        elif tag in _MEDIA:
            self._reading.lose(_MEDIA[tag])
        elif tag == "math":
            self._reading.lose("the form of a formula")
        elif tag == "table":
            self._reading.lose("the form of a table")
        elif tag == "a":
            self._reading.lose("where a link leads")

    def _put(self, text: str) -> None:
        if self._breaks and self._parts:
            self._parts.append("\n" * self._breaks)
        elif self._space and self._parts:
            self._parts.append(" ")
        self._breaks = 0
        self._space = False
        self._parts.append(text)


class _Parser(HTMLParser):
    def __init__(self, writer: _Writer) -> None:
        super().__init__(convert_charrefs=True)
        self._writer = writer
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self._writer.start(tag, attributes)
        if _VOID.fullmatch(tag) or len(self._open) == _MAX_OPEN:
            self._writer.end(tag)
        else:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self._writer.start(tag, attributes)
        self._writer.end(tag)

    def handle_endtag(self, tag: str) -> None:
        while tag in self._open:
            ended = self._open.pop()
            self._writer.end(ended)
            if ended == tag:
                return

    def handle_data(self, data: str) -> None:
        self._writer.data(data)


def _walk(element: Element, writer: _Writer, interaction: Interaction) -> None:
    # Depth is bounded: safe_xml refuses what is nested deeper than the stack can bear.
    if element.text:
        writer.data(element.text)
    for child in element:
        instead = interaction(child)
        if instead is None:
            writer.start(child.tag, child.attrib)
            _walk(child, writer, interaction)
            writer.end(child.tag)
        else:
            writer.put(instead)
        if child.tail:
            writer.data(child.tail)
