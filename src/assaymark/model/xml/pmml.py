"""PMML (http://www.dmg.org): what of a document a reader would run.

PMML itself is data. Two readers go beyond it: JPMML instantiates the Java class that an `Apply` names as its function,
and nyoka evaluates the text of table cells and of elements in an `Extension` as Python (`row.buildChildren` and
`Extension.buildChildren` call `eval` and `exec`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from assaymark.core.blob import Blob
from assaymark.core.errors import AssayError, Malformed, OverBudget
from assaymark.core.format import Context, Item
from assaymark.core.source.python import calls
from assaymark.core.source.python_deeds import Deed
from assaymark.model.xml.document import TEXT, Document

_MOST = 50
_EXPRESSIONS = 200_000
"""Different texts of cells that are read as Python."""
_CLASS = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*){2,}")
"""A Java class: functions of the standard and of vendors (`x-isIn`, `f01`) have at most one dot."""
_CALL = re.compile(r"[\w)\]'\"]\s*\(|__")
_BUILTINS = re.compile(
    r"\b(?:__\w+__|eval|exec|compile|open|getattr|setattr|delattr|globals|locals|vars|breakpoint|input|exit|quit)\b"
)
_ACTS = (Deed.PROCESS, Deed.EXECUTION, Deed.UNPICKLING, Deed.NATIVE, Deed.DELETION, Deed.DYNAMIC)


@dataclass(frozen=True, slots=True)
class PmmlPart:
    """A place in the document. `kind`: evaluated (Python in a cell), java (a class), script (an element)."""

    kind: str
    name: str
    what: str
    line: int


@dataclass(frozen=True, slots=True)
class PmmlView:
    """One document; at most 50 parts of each kind."""

    parts: tuple[PmmlPart, ...]

    def of(self, *kinds: str) -> Iterator[PmmlPart]:
        """The parts of these kinds."""
        return (part for part in self.parts if part.kind in kinds)


@dataclass
class _Collector:
    parts: list[PmmlPart] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)
    read: set[str] = field(default_factory=set)

    def add(self, kind: str, name: str, what: str, line: int) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if self.counts[kind] <= _MOST:
            self.parts.append(PmmlPart(kind, name[:200], what[:300], line))

    def opened(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        self.path.append(name)
        function = attributes.get("function", "")
        if name == "Apply" and _CLASS.fullmatch(function):
            self.add("java", function, "is a Java class that JPMML loads and instantiates as a function", line)
        elif name.lower() == "script":
            self.add("script", name, "is code of a language that only its reader knows", line)

    def closed(self, name: str, text: str, line: int) -> None:
        self.path.pop()
        if self.path and self.path[-1] in {"row", "Extension"} and (len(text) >= TEXT or _CALL.search(text)):
            self._expression(name, text, line)

    def _expression(self, name: str, text: str, line: int) -> None:
        """Nyoka takes the first line that is not blank."""
        first = next((part.strip(" ") for part in text.split("\n") if part.strip(" ")), "")
        if len(text) >= TEXT and text.rstrip(" ").endswith(first):
            self.add("script", name, f"holds more than {TEXT:,} characters in one line, which nyoka evaluates", line)
        if first in self.read or not _CALL.search(first):
            return
        if len(self.read) >= _EXPRESSIONS:
            raise OverBudget(f"more than {_EXPRESSIONS:,} different table cells that look like Python")
        self.read.add(first)
        does = _does(first)
        if does:
            self.add("evaluated", name, f"{does}: {first[:100]}", line)


def _does(text: str) -> str:
    """What the text does when Python evaluates it; empty for what is no Python or calls nothing that acts."""
    for code in (text, f"a({text})"):  # `x = <text>` and `x.append(<text>)`: what closes the bracket is code, too
        try:
            source = calls(code)
        except Malformed:
            continue
        except AssayError:
            return "is Python code that is nested too deeply to be read"
        deed = next(iter(source.deeds(*_ACTS)), None)
        if deed is not None:
            return f"calls {deed.name}"
        match = _BUILTINS.search(text)
        if match:
            return f"reaches {match[0]}"
    return ""


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """What reaches out, then the parts, also where the document breaks off."""
    collector = _Collector()
    document = Document(blob, context, collector.opened, collector.closed, wants_text=True)
    fault: Malformed | OverBudget | None = None
    try:
        document.run()
    except (Malformed, OverBudget) as error:
        fault = error
    yield from document.reaches
    yield PmmlView(tuple(collector.parts))
    if fault is not None:
        raise fault
    if document.root != "PMML":
        raise Malformed(f"the root of a PMML document is PMML, this one is {document.root[:60]!r}")
