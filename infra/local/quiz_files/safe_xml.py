"""XML of strangers: no entities, nothing from elsewhere, no depth that would exhaust the stack."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from .errors import FileError

MAX_BYTES: Final = 32 * 1024 * 1024
MAX_DEPTH: Final = 200


def parse(data: bytes, name: str) -> Element:
    """Parse a document of the file `name`. Elements and attributes lose their namespaces.

    Raises:
        FileError: it is not well-formed, defines entities, or is too large or nested too deep.
    """
    if len(data) > MAX_BYTES:
        raise FileError(f"{name} has more than {MAX_BYTES} bytes; split it.")
    try:
        root: Element = fromstring(data, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    except DefusedXmlException:
        raise FileError(f"{name} defines entities, which are not read; export it without them.") from None
    except ParseError as error:
        raise FileError(f"{name} is not well-formed XML: {error}.") from None
    except (ValueError, LookupError):
        raise FileError(f"{name} is in an encoding that is not read; save it as UTF-8.") from None
    _strip(root, name)
    return root


def _strip(root: Element, name: str) -> None:
    pending = [(root, 1)]
    while pending:
        element, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise FileError(f"{name} is nested deeper than {MAX_DEPTH} elements.")
        element.tag = element.tag.rpartition("}")[2]
        for attribute in [each for each in element.attrib if "}" in each]:
            element.attrib.setdefault(attribute.rpartition("}")[2], element.attrib.pop(attribute))
        pending.extend((child, depth + 1) for child in element)


def text_of(element: Element, path: str) -> str:
    """The text of what `path` finds first, "" where there is nothing."""
    return (element.findtext(path) or "").strip()
