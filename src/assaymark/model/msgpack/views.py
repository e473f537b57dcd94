"""What checks are told of MessagePack checkpoints and array stores."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """A place in the document and what is the matter with it. `path` are the keys, joined by `/`."""

    path: str
    what: str
    offset: int


@dataclass(frozen=True, slots=True)
class MsgpackView:
    """One checkpoint. Lists hold at most 50 parts."""

    arrays: int
    unknown: tuple[Part, ...]
    """Extension types that no library of this family has."""
    mismatches: tuple[Part, ...]
    """Arrays whose data is not as long as type and shape say."""
    duplicates: tuple[Part, ...]
    """Keys that a map has twice."""


@dataclass(frozen=True, slots=True)
class Codec:
    """A codec that a store names for its chunks. `array` is the key of the array, `use` compressor, filter or codec."""

    array: str
    use: str
    name: str


@dataclass(frozen=True, slots=True)
class ZarrView:
    """The metadata of one array, or of a whole store. `pickled` and `unknown` hold at most 50 codecs each."""

    pickled: tuple[Codec, ...]
    unknown: tuple[Codec, ...]
