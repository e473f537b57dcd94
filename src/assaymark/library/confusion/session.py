"""Judges the names of a folder in a scan, where a list of popular names is at hand; without one there is nothing to say."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from assaymark.core.errors import AssayError
from assaymark.core.format import Item, Tree
from assaymark.library.confusion.index import Index
from assaymark.library.confusion.judge import judge
from assaymark.library.confusion.reading import names_in, names_libraries

Load = Callable[[], Index | None]
_load: ContextVar[Load | None] = ContextVar("popular", default=None)
_LIMIT = 16 << 20


@dataclass(frozen=True, slots=True)
class LookAlike:
    """A name that letters of another shape make look like a known one."""

    name: str
    target: str
    reason: str
    line: int


@dataclass(frozen=True, slots=True)
class NearName:
    """A name that is a slip, an affix or a separator away from a known one."""

    name: str
    target: str
    reason: str
    line: int


@contextmanager
def known(load: Load) -> Iterator[None]:
    """The block in which names are held against the list that `load` gives, once it is asked for."""
    token = _load.set(load)
    try:
        yield
    finally:
        _load.reset(token)


def views(tree: Tree) -> Iterator[tuple[str, Item]]:
    """See core.format.Project. What cannot be read was reported by its own format."""
    load = _load.get()
    paths = [path for path in tree.files if names_libraries(path)]
    index = load() if load and paths else None
    if index is None:
        return
    for path in paths:
        try:
            named = list(names_in(tree.read(path, _LIMIT), path))
        except AssayError:
            continue
        told: set[str] = set()
        for one in named:
            found = None if one.name in told else judge(one.name, index)
            told.add(one.name)
            if found is not None and found.flagged:
                view = LookAlike if found.code == "homoglyph" else NearName
                yield path, view(found.name, found.target, found.reason, one.line)
