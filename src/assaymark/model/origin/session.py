"""Hands what `assaymark.origins` made out to the runner as views; in a scan there is nothing to hand out."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from assaymark.core.format import Item, Tree

_current: ContextVar[Sequence[tuple[str, Item]]] = ContextVar("origin", default=())


def views(_tree: Tree) -> Iterator[tuple[str, Item]]:
    """See core.format.Project."""
    yield from _current.get()


@contextmanager
def saying(found: Sequence[tuple[str, Item]]) -> Iterator[None]:
    """The block in which these are the views."""
    token = _current.set(found)
    try:
        yield
    finally:
        _current.reset(token)
