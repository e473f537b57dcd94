"""What the symbolic stack holds. Text, small integers, None, booleans and tuples stand for themselves."""

from dataclasses import dataclass, field

TRACKED = 64
"""Items of a list or dict that are remembered; beyond, only whether something active is among them."""


class _Data:
    """A value of which nothing more is known than that it is inert."""

    def __repr__(self) -> str:
        return "DATA"


class _Open:
    """A value that may hold, or be, something active."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


DATA = _Data()
"""Inert builtin data: a number, bytes, a text too long to be a name, a container of such."""
SHARED = _Open("SHARED")
"""A builtin container that came back out of the memo: what it holds by now is not known."""
ANY = _Open("ANY")
"""Anything at all, active or not: the result of something that could not be followed."""


@dataclass(slots=True)
class Lost:
    """Inert data from a memo slot whose text was not kept; asking for it makes a second pass keep it."""

    slot: int


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes at `offset` of the stream's blob, not read."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Global:
    """What find_class gave. `uses` are those that the table vets; empty for what is not in it."""

    module: str
    name: str
    uses: frozenset[str] = frozenset()
    rule: str = "data"
    """What the arguments of a call may be: `data`, `any-vetted`, `nested-pickle`, `encode-latin1`."""

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, slots=True)
class Instance:
    """The result of a call or of `__new__`. `active`: functions or classes were among the arguments.

    `detail` keeps the arguments of numpy.dtype, from which joblib's raw arrays take their size.
    """

    of: Global | None
    active: bool = False
    detail: tuple[object, ...] = ()


@dataclass(slots=True)
class Bag:
    """A builtin list, dict or set under construction. `items` alternate key, value for a dict.

    `stored`: it lies in another container, which will not hear of what is added from now on.
    """

    kind: str
    items: list[object] | None = field(default_factory=list)
    active: bool = False
    stored: bool = False

    def extend(self, values: list[object]) -> None:
        """Add values; past TRACKED the single items are forgotten."""
        if not _INERT.issuperset(map(type, values)):
            entering = [_enters(value) for value in values]  # each is told, so no short cut
            self.active = self.active or any(entering)
        if self.items is not None:
            if len(self.items) + len(values) > TRACKED:
                self.items = None
            else:
                self.items.extend(values)

    def as_dict(self) -> dict[str, object] | None:
        """Text keys and their values, or None when not all are known."""
        if self.kind != "dict" or self.items is None:
            return None
        pairs = zip(self.items[::2], self.items[1::2], strict=False)
        return {key: value for key, value in pairs if isinstance(key, str)}


_INERT = frozenset({str, int, bool, float, type(None), Raw, Lost, _Data})


def _enters(value: object) -> bool:
    """Whether the value is active; a container is told that it now lies in another."""
    if type(value) is Bag:
        value.stored = True
    return is_active(value)


def all_inert(values: list[object]) -> bool:
    """Quick answer for the common case of plain data only."""
    return _INERT.issuperset(map(type, values))


def is_active(value: object) -> bool:
    """Whether the value is, or may hold, a class or function."""
    if type(value) in _INERT:
        return False
    if isinstance(value, tuple):
        return any(map(is_active, value))
    if isinstance(value, (Bag, Instance)):
        return value.active
    return True


def tuple_of(items: list[object]) -> object:
    """A tuple of what is known, at most two levels deep and TRACKED long; beyond, only its activity is kept."""
    if len(items) > TRACKED:
        bag = Bag("list")
        bag.extend(items)
        return bag
    if all_inert(items):
        return tuple(items)
    return tuple([_shallow(item) for item in items])


def _shallow(item: object) -> object:
    if type(item) is Bag:
        item.stored = True
    if type(item) is tuple and any(type(part) is tuple for part in item):
        return Bag("list", None, is_active(item), stored=True)
    return item


def globals_in(value: object) -> list[Global]:
    """The globals that are seen in an argument, through tuples and tracked containers (each entered once)."""
    found: list[Global] = []
    pending, seen = [value], set()
    while pending:
        item = pending.pop()
        if isinstance(item, Global):
            found.append(item)
        elif isinstance(item, (tuple, Bag)) and id(item) not in seen:
            seen.add(id(item))
            pending.extend(item if isinstance(item, tuple) else item.items or ())
    return found
