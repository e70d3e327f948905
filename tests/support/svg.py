"""SVG as a tree of elements."""

from collections.abc import Iterable
from xml.etree import ElementTree

NAMESPACE = "{http://www.w3.org/2000/svg}"


def parsed(lines: Iterable[str]) -> ElementTree.Element:
    """The root element; raises ParseError for what is no XML."""
    return ElementTree.fromstring("\n".join(lines))  # noqa: S314  kmoddctl's own output


def texts(root: ElementTree.Element) -> list[str | None]:
    """Everything that is written in a picture, in order."""
    return [each.text for each in root.iter(f"{NAMESPACE}text")]
