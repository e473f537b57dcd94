"""A format: how its bytes are recognised, which module parses them, which check packages read its views.

A parser module has one function, `parse(blob, context)`, a generator of

- **views**: frozen dataclasses, each given to every check whose parameter has that type;
- **Member**: something nested, looked at by content like a file of its own;
- **Skipped**: a part that was left out, and why: a finding that holds the verdict, or (`holds=False`) a line of coverage;
- **Region**: where raw values lie, or bytes that the format does not explain: all else counts as parsed.

It raises Malformed, OverBudget or Opaque when it cannot go on; what it yielded before still counts. It yields what
it has as early as it can, so that "run something, then break" is seen. It never executes, imports or unpickles.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Protocol

from assaymark.core.blob import Blob
from assaymark.core.budget import Budget
from assaymark.core.record import dataclass

HEAD = 4096
_TEXT_BYTES = bytes({*b"\t\n\r\f\x1b", *range(32, 127), *range(128, 256)})


class Head:
    """What recognisers may look at: the first bytes, the last bytes, the size, and the name as a hint."""

    def __init__(self, blob: Blob, name: str) -> None:
        self.blob = blob
        self.shared: dict[str, object] = {}
        """What one recogniser found out and another may use."""
        self.size = blob.size
        self.name = name
        self.start = blob.read(0, HEAD)
        self.basename = name.rsplit("/", 1)[-1].lower()

    @cached_property
    def tail(self) -> bytes:
        """The last 66 kB (a zip's end record and the longest comment)."""
        length = min(self.size, 65_557)
        return self.start if self.size <= len(self.start) else self.blob.read(self.size - length, length)

    @cached_property
    def is_text(self) -> bool:
        """The first bytes hold no control character that text does not have (any 8-bit encoding passes)."""
        return not self.start.translate(None, _TEXT_BYTES)


@dataclass(frozen=True, slots=True)
class Context:
    """What a parser is given beside the bytes."""

    budget: Budget
    name: str
    """The innermost name: base name of the file or of the member."""


@dataclass(frozen=True, slots=True)
class Member:
    """Something nested. `name` is as the container spells it."""

    name: str
    blob: Blob


@dataclass(frozen=True, slots=True)
class Skipped:
    """A part that was not looked at, and why. `holds` when it could hide something."""

    what: str
    why: str
    holds: bool = True


@dataclass(frozen=True, slots=True)
class Region:
    """Bytes of the content that are no structure: raw values (`data`), or such as the format does not explain."""

    offset: int
    length: int
    data: bool = True


@dataclass(frozen=True, slots=True)
class Values:
    """From a project parser: `path` holds the raw values that another file of the folder describes, and nothing else."""

    path: str


Item = object
"""A view, a Member, a Skipped, a Region or Values."""


@dataclass(frozen=True, slots=True)
class Format:
    """`module` is None for passive formats: known by their magic to hold nothing that a loader runs.

    Several formats may recognise the same bytes (a polyglot, or a name that says one and a content that says another):
    each of them looks.
    """

    name: str
    recognise: Callable[[Head], bool]
    module: str | None = None
    checks: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    """Asked for only where the content matched no format at all: a file that claims to be one is judged as one."""
    first: bytes = b""
    """The recogniser is asked only where the content begins with one of these bytes; empty: always."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """The view of any file at all: its name beside what its content is. Given to checks of every layer."""

    name: str
    size: int
    formats: tuple[str, ...]

    @property
    def suffix(self) -> str:
        """Extension with its dot, lower case, or an empty text."""
        base = self.name.rsplit("/", 1)[-1].lower()
        return f".{base.rsplit('.', 1)[1]}" if "." in base[1:] else ""


class Tree(Protocol):
    """A folder that was looked at, for parsers that need several files of it at once."""

    @property
    def files(self) -> Mapping[str, FileFacts]:
        """Every regular file by manifest path."""
        ...

    def read(self, path: str, limit: int) -> bytes:
        """The file's content; raises OverBudget when it is longer than `limit` bytes, Unreadable when it cannot be."""
        ...

    def start(self, path: str, length: int) -> bytes:
        """The first `length` bytes of a file, fewer where it is shorter; raises Unreadable when it cannot be."""
        ...

    def open(self, path: str) -> AbstractContextManager[Blob]:
        """The file's content at any place, for the block; raises Unreadable when it cannot be had."""
        ...


@dataclass(frozen=True, slots=True)
class Project:
    """A parser over a whole folder: `module` has `views(tree)`, a generator of (path, view or Skipped or Values)."""

    name: str
    module: str
    checks: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    """How the paths of the files that it starts from end, case-folded; with `within`, too, empty: asked about every folder."""
    alone: tuple[str, ...] = ()
    """The same of single files whose folder is not looked at; empty: it has nothing to say of one."""
    within: tuple[str, ...] = ()
    """Or what stands in those paths."""


ParseFunction = Callable[[Blob, Context], Iterator[Item]]
ViewsFunction = Callable[[Tree], Iterable[tuple[str, Item]]]
