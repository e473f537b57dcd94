"""What the evaluator builds: inert builtin data, and names for all that a load would import, call or ask for."""

from dataclasses import dataclass, field

from assaymark.core.blob import Blob


@dataclass(frozen=True, slots=True)
class Symbol:
    """A global that is only named."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, slots=True)
class Region:
    """`length` bytes of a blob, not read."""

    blob: Blob
    offset: int
    length: int

    def read(self) -> bytes:
        """All of them; ask only where few are expected."""
        return self.blob.read(self.offset, self.length)


@dataclass(slots=True, eq=False)
class Made:
    """The result of a call that nobody makes. `states` are what BUILD gave it, `items` what was appended or set."""

    of: object
    args: tuple[object, ...]
    states: list[object] = field(default_factory=list)
    items: list[object] = field(default_factory=list)

    def is_of(self, *names: str) -> bool:
        """Whether it was made by one of these globals."""
        return isinstance(self.of, Symbol) and str(self.of) in names

    @property
    def state(self) -> dict[object, object] | None:
        """The attributes, where BUILD gave a dict of them."""
        if len(self.states) != 1:
            return None
        state = self.states[0]
        if isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict) and not state[0]:
            state = state[1]  # (None, slots)
        return state if isinstance(state, dict) else None


@dataclass(frozen=True, slots=True)
class Persistent:
    """An object that the stream asks its loader for."""

    identity: object


@dataclass(frozen=True, slots=True)
class Array:
    """An array whose bytes stand in the stream itself, as joblib writes them."""

    dtype: object
    shape: object
    order: object
    data: Region


@dataclass(frozen=True, slots=True, eq=False)
class Odd:
    """A key that is no text, number or None; hashed by identity, whatever it holds."""

    value: object


def text(value: object) -> str | None:
    """A text, from Python 3 or (as bytes) from Python 2."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return None
    return value if isinstance(value, str) else None
