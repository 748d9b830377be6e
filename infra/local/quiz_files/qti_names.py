"""The names of QTI 2.x, as QTI 3.0 has them: `responseIdentifier` is `response-identifier`."""

from __future__ import annotations

import re
from typing import Final
from xml.etree.ElementTree import Element

_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_HTML: Final = re.compile(
    "a|abbr|acronym|address|audio|b|bdi|bdo|big|blockquote|br|caption|cite|code|col|colgroup|dd|dfn|div|dl|dt|em"
    "|figcaption|figure|h[1-6]|hr|i|img|kbd|li|object|ol|p|param|pre|q|samp|small|source|span|strong|sub|sup"
    "|table|tbody|td|tfoot|th|thead|tr|track|tt|u|ul|var|video"
)
_FOREIGN: Final = frozenset({"math", "svg"})


def as_qti3(root: Element) -> Element:
    """Rename the elements and attributes of a document of QTI 2.x; one of QTI 3.0 stays as it is."""
    if not root.tag.startswith("qti-"):
        pending = [root]
        while pending:
            element = pending.pop()
            if element.tag in _FOREIGN:
                continue
            if not _HTML.fullmatch(element.tag):
                element.tag = f"qti-{_kebab(element.tag)}"
            for name in list(element.attrib):
                element.attrib[_kebab(name)] = element.attrib.pop(name)
            pending.extend(element)
    return root


def _kebab(name: str) -> str:
    return _HUMP.sub("-", name).lower()
