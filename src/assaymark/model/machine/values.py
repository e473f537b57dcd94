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

    def extend(self, values: list[object], live: list[object], *, active: bool) -> None:
        """Add values, `live` and `active` as `sort_out` has them; past TRACKED the single items are forgotten."""
        for value in live:
            if type(value) is Bag:
                value.stored = True
        self.active = self.active or active
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


def sort_out(values: list[object]) -> tuple[list[object], bool]:
    """The values that are not plain data, and whether one of them is active."""
    live = [value for value in values if type(value) not in _INERT]
    return live, any(map(is_active, live)) if live else False


def is_active(value: object) -> bool:
    """Whether the value is, or may hold, a class or function."""
    kind = type(value)
    if kind in _INERT:
        return False
    if kind is Bag or kind is Instance:
        return value.active  # type: ignore[attr-defined, no-any-return] # it is one of these two
    if kind is tuple:
        return any([is_active(part) for part in value if type(part) not in _INERT])  # type: ignore[attr-defined]
    return True


def tuple_of(items: list[object]) -> object:
    """A tuple of what is known, at most two levels deep and TRACKED long; beyond, only its activity is kept."""
    if len(items) > TRACKED:
        bag = Bag("list", None)
        live, active = sort_out(items)
        bag.extend(items, live, active=active)
        return bag
    if _INERT.issuperset(map(type, items)):
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
