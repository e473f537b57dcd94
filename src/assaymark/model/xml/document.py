"""A stream of XML events with everything refused that reaches out or multiplies: entities, external DTDs, huge tokens.

Expat reads no external entity by itself; it is stopped at the first entity declaration, so that nothing expands.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from assaymark.core.blob import Blob, chunks
from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.format import Context

_DEPTH = 10_000
_TOKEN = 16 << 20
"""Bytes of one tag."""
TEXT = 64 << 10
"""Characters of an element's text that are kept."""
_ELEMENTS = 50_000_000


@dataclass(frozen=True, slots=True)
class XmlReach:
    """A declaration that makes an XML reader fetch something or expand without end."""

    name: str
    does: str
    line: int


@dataclass
class Document:
    """One pass over a document. `opened` and `closed` are called for each element, by local name.

    `closed` gets the text that stands directly in the element, up to 65,536 characters where it was asked for.
    """

    blob: Blob
    context: Context
    opened: Callable[[str, Mapping[str, str], int], None]
    closed: Callable[[str, str, int], None]
    wants_text: bool = False
    reaches: list[XmlReach] = field(default_factory=list)
    root: str = ""
    _texts: list[list[str]] = field(default_factory=list)
    _room: list[int] = field(default_factory=list)
    _depth: int = 0
    _count: int = 0
    _parser: expat.XMLParserType = field(default_factory=lambda: expat.ParserCreate(namespace_separator=" "))

    def run(self) -> None:
        """Read to the end; raises Malformed for what is no XML, and after the first entity."""
        parser = self._parser
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._entity
        if self.wants_text:
            parser.CharacterDataHandler = self._text
        fed = 0
        try:
            for piece in chunks(self.blob):
                self.context.budget.tick()
                parser.Parse(piece, False)  # noqa: FBT003 - expat's own signature
                fed += len(piece)
                if fed - max(parser.CurrentByteIndex, 0) > _TOKEN:
                    raise OverBudget(f"a tag of the XML document is longer than {_TOKEN >> 20} MiB")
            parser.Parse(b"", True)  # noqa: FBT003 - the same
        except expat.ExpatError as error:
            raise Malformed(f"no well-formed XML: {str(error)[:200]}", offset=max(parser.ErrorByteIndex, 0)) from None
        except (LookupError, ValueError) as error:
            raise Malformed(f"the encoding of the XML document cannot be read: {str(error)[:120]}") from None

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._count += 1
        if self._depth > _DEPTH:
            raise Malformed(f"elements nested deeper than {_DEPTH:,}", offset=self._parser.CurrentByteIndex)
        if self._count > _ELEMENTS:
            raise OverBudget(f"the XML document has more than {_ELEMENTS:,} elements")
        name = tag.rsplit(" ", 1)[-1]
        self.root = self.root or name
        if self.wants_text:
            self._texts.append([])
            self._room.append(TEXT)
        self.opened(name, attributes, self._parser.CurrentLineNumber)

    def _end(self, tag: str) -> None:
        self._depth -= 1
        text = ""
        if self.wants_text:
            text = "".join(self._texts.pop())
            self._room.pop()
        self.closed(tag.rsplit(" ", 1)[-1], text, self._parser.CurrentLineNumber)

    def _text(self, text: str) -> None:
        if self._texts and self._room[-1] > 0:
            self._texts[-1].append(text[: self._room[-1]])
            self._room[-1] -= len(text)

    def _doctype(self, name: str, system: str | None, public: str | None, _internal: int) -> None:
        if system or public:
            self._reach(name, f"makes readers fetch the DTD {str(system or public)[:120]!r}")

    def _entity(
        self, name: str, parameter: int, value: str | None, _base: str | None, system: str | None, public: str | None,
        _notation: str | None,
    ) -> None:  # fmt: skip
        if system or public:
            does = f"makes readers put the content of {str(system or public)[:120]!r} into the document"
        else:
            does = f"stands for {len(value or ''):,} characters wherever it is named, and multiplies by naming others"
        self._reach(f"%{name}" if parameter else name, does)
        raise Malformed(f"declares the entity {name[:60]!r}; nothing behind it was read", offset=0)

    def _reach(self, name: str, does: str) -> None:
        self.reaches.append(XmlReach(name[:80], does, self._parser.CurrentLineNumber))
