"""What checks of weights read. Light: parsers of `assay scan` make some of these, `assay model weights` all of them."""

from collections.abc import Iterable

from assaymark.core.record import dataclass

PROGRAM, ARCHIVE, TEXT = "program", "archive", "text"
"""Kinds of what a tensor carries."""
_TEXTS = 256 << 10
"""Characters of metadata that are searched for secrets in one file: the search does 10 MB a second."""
_TEXT = 64 << 10


@dataclass(frozen=True, slots=True)
class MetadataTexts:
    """Free texts beside the weights: (key, text), 256 kB of them at most."""

    entries: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, texts: Iterable[tuple[str, str]]) -> "MetadataTexts":
        """The first 64 kB of each text, as long as there is room."""
        left, kept = _TEXTS, []
        for key, text in texts:
            if left <= 0:
                break
            kept.append((key[:200], text[: min(_TEXT, left)]))
            left -= len(kept[-1][1])
        return cls(tuple(kept))


@dataclass(frozen=True, slots=True)
class Carried:
    """A tensor whose bytes are something else than numbers, told by structure."""

    tensor: str
    kind: str
    """`program` (also: pickle with imports, script, private key), `archive` or `text`."""
    what: str
    offset: int
    """In bytes from the start of the tensor."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What was found in the bytes of tensors, nothing included."""

    carried: tuple[Carried, ...] = ()


@dataclass(frozen=True, slots=True)
class LowBitsCarry:
    """The same, spelled in the lowest bits of each element."""

    tensor: str
    bits: int
    what: str
    element: int
    """Where it begins."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Something that a declaration says of the tensors, and the tensors do not bear out."""

    what: str
    """The key."""
    declared: str
    actual: str


@dataclass(frozen=True, slots=True)
class IndexGap:
    """The index of a sharded model and a shard, or the numbering of layers, disagree."""

    what: str
    message: str


@dataclass(frozen=True, slots=True)
class Declarations:
    """What was declared of the tensors and does not hold, 100 of each at most."""

    contradictions: tuple[Contradiction, ...] = ()
    gaps: tuple[IndexGap, ...] = ()


@dataclass(frozen=True, slots=True)
class TensorStats:
    """The values of one tensor. Magnitudes are those of finite values; lists have one entry a bit, the lowest first."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    count: int
    size: int
    """Bytes."""
    valued: bool
    """The values were read: false for packed types, of which only the bytes are searched."""
    nan: int = 0
    inf: int = 0
    zeros: int = 0
    denormal: int = 0
    constant: bool = False
    """All elements have the same bits."""
    largest: float = 0.0
    rms: float = 0.0
    low_zero: int = 0
    """Low bits that are zero in every element (16: cast from bfloat16)."""
    low_ones: tuple[float, ...] = ()
    """Share of ones in each of the lowest bits."""
    low_entropy: float = 0.0
    """Of the lowest byte (of the lowest 16 bits of float32: of their lower byte), in bits; 8 at most."""


@dataclass(frozen=True, slots=True)
class Oddity:
    """A tensor whose values stand out: all the same, mostly denormal, of another magnitude than its like."""

    tensor: str
    message: str


@dataclass(frozen=True, slots=True)
class Oddities:
    """What stands out among the tensors of a file or a folder."""

    found: tuple[Oddity, ...] = ()


@dataclass(frozen=True, slots=True)
class LowBitsChanged:
    """Low bits that are used in a part of a tensor where the rest of it has none, or other ones."""

    tensor: str
    bits: int
    element: int
    """The first."""
    elements: int
    """How many from the first to the last."""
    capacity: int
    """Bytes that fit there."""
    why: str


@dataclass(frozen=True, slots=True)
class LowBitsFound:
    """What was found in the low bits of one tensor, nothing included."""

    spelled: tuple[LowBitsCarry, ...] = ()
    changed: tuple[LowBitsChanged, ...] = ()


@dataclass(frozen=True, slots=True)
class BaseDifference:
    """A tensor that differs from the base's in nothing but low bits, in some part of it."""

    tensor: str
    bits: int
    element: int
    elements: int
    """In windows that differ in low bits only."""
    changed: int
    """Elements of those that differ."""
    capacity: int
    """Bytes that fit there."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A tensor was held against that of the base."""

    difference: BaseDifference | None
