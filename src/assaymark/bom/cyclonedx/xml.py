"""CycloneDX in XML, as the JSON that says the same. No DTD and no entity is taken, so nothing is fetched and nothing multiplies.

Expat builds a small tree, and `xml_words` turns it into JSON by the JSON schema of the same version: it knows which elements
are lists, which texts are numbers, and which attributes are members.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn
from xml.parsers import expat

from assaymark.core.errors import Malformed

DEPTH = 64
ELEMENTS = 1_000_000
_PIECE = 1 << 20
_TOKEN = 16 << 20
"""Bytes of one tag."""
_SPACE = "http://cyclonedx.org/schema/bom/"
_VERSIONS = ("1.4", "1.5", "1.6", "1.7")


@dataclass(slots=True)
class Node:
    """An element: its local name, attributes by local name, elements in it, and its text."""

    name: str
    attributes: Mapping[str, str]
    line: int
    children: list["Node"] = field(default_factory=list)
    text: str = ""


def parse(data: bytes, name: str) -> dict[str, Any]:
    """The document as JSON; raises Malformed with the place where it is not read."""
    tree = _Tree(name)
    root, version = tree.read(data)
    from assaymark.bom.cyclonedx.xml_words import document

    return document(root, version, tree.extensions)


class _Tree:
    """One pass over a document. Elements of other namespaces are extensions: they are kept as they stand."""

    def __init__(self, name: str) -> None:
        self.name, self.stack, self.count = name, list[Node](), 0
        self.root: Node | None = None
        self.version = ""
        self.foreign, self.begun = 0, 0
        self.extensions: list[str] = []
        self.data = b""
        self.texts: list[list[str]] = []
        self.parser = expat.ParserCreate(namespace_separator=" ")

    def read(self, data: bytes) -> tuple[Node, str]:
        """The root and the version of the format."""
        self.data, parser = data, self.parser
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = lambda name, *_: self._refuse(f"declares the document type {name[:60]!r}")
        parser.EntityDeclHandler = lambda name, *_: self._refuse(f"declares the entity {name[:60]!r}")
        parser.ExternalEntityRefHandler = lambda *_: self._refuse("refers to an external entity")
        try:
            for start in range(0, len(data), _PIECE):
                parser.Parse(data[start : start + _PIECE], False)  # noqa: FBT003 - expat's own signature
                if start - max(parser.CurrentByteIndex, 0) > _TOKEN:
                    raise Malformed(
                        f"{self.name}: a tag is longer than {_TOKEN >> 20} MiB", offset=max(parser.CurrentByteIndex, 0)
                    )
            parser.Parse(b"", True)  # noqa: FBT003 - the same
        except expat.ExpatError as error:
            raise Malformed(
                f"{self.name} is no well-formed XML: {str(error)[:200]}", offset=max(parser.ErrorByteIndex, 0)
            ) from None
        except (LookupError, ValueError) as error:
            raise Malformed(f"{self.name}: its encoding cannot be read: {str(error)[:120]}", offset=0) from None
        if self.root is None:
            raise Malformed(f"{self.name} has no element", offset=0)
        return self.root, self.version

    def _refuse(self, what: str) -> NoReturn:
        raise Malformed(
            f"{self.name} {what} in line {self.parser.CurrentLineNumber}; nothing behind it was read",
            offset=max(self.parser.CurrentByteIndex, 0),
        )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        space, _, name = tag.rpartition(" ")
        self.count += 1
        if self.root is None:
            self._begin(space, name)
        if self.foreign or not space.startswith(_SPACE):
            if not self.foreign:
                self.begun = self.parser.CurrentByteIndex
            self.foreign += 1
            return
        if len(self.stack) >= DEPTH:
            self._refuse(f"nests elements deeper than {DEPTH}")
        if self.count > ELEMENTS:
            self._refuse(f"has more than {ELEMENTS:,} elements")
        own = {key.rpartition(" ")[2]: value for key, value in attributes.items() if " " not in key}
        node = Node(name, own, self.parser.CurrentLineNumber)
        if self.stack:
            self.stack[-1].children.append(node)
        else:
            self.root = node
        self.stack.append(node)
        self.texts.append([])

    def _begin(self, space: str, name: str) -> None:
        self.version = space.removeprefix(_SPACE)
        if name != "bom" or self.version not in _VERSIONS:
            raise Malformed(
                f"{self.name} is no CycloneDX document of a version that is read: its root is {name[:60]!r} of {space[:80]!r}",
                offset=0,
                step=f"versions that are: {', '.join(_VERSIONS)}",
            )

    def _end(self, _tag: str) -> None:
        if self.foreign:
            self.foreign -= 1
            if not self.foreign:
                end = self.data.find(b">", self.parser.CurrentByteIndex)
                self.extensions.append(self.data[self.begun : end + 1].decode("utf-8", "replace"))
            return
        self.stack.pop().text = "".join(self.texts.pop())

    def _text(self, text: str) -> None:
        if self.texts and not self.foreign:
            self.texts[-1].append(text)
