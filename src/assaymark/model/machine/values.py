"""What the symbolic stack holds. Text, small integers, None, booleans and tuples stand for themselves."""

from dataclasses import field

from assaymark.core.record import dataclass

TRACKED = 64
"""Items of a list or dict that are remembered; beyond, only whether something active is among them."""


class _Data:
    """A value of which nothing more is known than that it is inert."""

    def __repr__(self) -> str:
        return "DATA"


class _Held:
    """See HELD."""

    def __repr__(self) -> str:
        return "HELD"


class _Open:
    """A value that may hold, or be, something active."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


DATA = _Data()
"""Inert builtin data: a number, bytes, a text too long to be a name, a container of such."""
HELD = _Held()
"""An inert tuple or set of which the items are not known; lists in it could still be filled through the memo."""
SHARED = _Open("SHARED")
"""A builtin container that came back out of the memo: what it holds by now is not known."""
ANY = _Open("ANY")
"""Anything at all, active or not: the result of something that could not be followed."""


EACH = -1
"""In place of a slot: nothing is passed over as a whole, for what a container holds must be known."""


@dataclass(slots=True)
class Lost:
    """Inert data from a memo slot whose text was not kept; asking for it makes a second pass keep it."""

    slot: int


@dataclass(slots=True)
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
    """What the arguments of a call may be, and who may call: one of table.RULES."""

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(slots=True, unsafe_hash=True)  # never changed; `frozen` would make making one three times as slow
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

    Its type says whether it is active, as that of a tuple does: so a whole list of values is judged at once.
    """

    kind: str
    items: list[object] | None = field(default_factory=list)
    doubled: bool = False
    """It is on the stack twice: what it lies in may not hear of what is added to it later."""

    def enliven(self) -> None:
        """Something active came in."""
        self.__class__ = ActiveBag

    def keep(self, values: list[object]) -> None:
        """Add values; past TRACKED the single items are forgotten."""
        if self.items is not None:
            if len(self.items) + len(values) > TRACKED:
                self.items = None
            else:
                self.items += values

    def as_dict(self) -> dict[str, object] | None:
        """Text keys and their values, or None when not all are known. What has another key is left out."""
        if self.kind != "dict" or self.items is None:
            return None
        pairs = zip(self.items[::2], self.items[1::2], strict=False)
        return {key: value for key, value in pairs if isinstance(key, str)}


class ActiveBag(Bag):
    """One that holds something active."""

    __slots__ = ()


class ActiveTuple(tuple[object, ...]):
    """A tuple with something active in it."""

    __slots__ = ()


_PLAIN = frozenset({str, int, bool, float, type(None), Raw, Lost, _Data, _Held})
INERT = _PLAIN | {Bag, tuple}
"""Types of values on the stack that hold nothing active; an Instance has to be asked."""


HIDES = frozenset({Lost, _Held, Bag, ActiveBag})
"""Types of values that may hold what was put into them by another way."""


def is_active(value: object) -> bool:
    """Whether the value is, or may hold, a class or function."""
    kind = type(value)
    if kind is tuple:
        return any(map(is_active, value))  # type: ignore[call-overload] # sliced ones have no own type
    if kind in INERT:
        return False
    return value.active if kind is Instance else True  # type: ignore[attr-defined] # an Instance


def tuple_of(items: list[object]) -> object:
    """A tuple of what is known, at most two levels deep and TRACKED long; beyond, only its activity is kept."""
    if _PLAIN.issuperset(map(type, items)) and len(items) <= TRACKED:
        return tuple(items)
    active = any(map(is_active, items))
    if len(items) > TRACKED:
        return ActiveBag("list", None) if active else HELD
    parts = map(_shallow, items)
    return ActiveTuple(parts) if active else tuple(parts)


def _shallow(item: object) -> object:
    if not isinstance(item, tuple) or not any(isinstance(part, tuple) for part in item):
        return item
    parts = (
        part if not isinstance(part, tuple) else HELD if type(part) is tuple else ActiveBag("list", None)
        for part in item
    )
    return tuple(parts) if type(item) is tuple else ActiveTuple(parts)


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
            parts = item if isinstance(item, tuple) else item.items or ()
            pending += [part for part in parts if type(part) not in _PLAIN]
    return found
