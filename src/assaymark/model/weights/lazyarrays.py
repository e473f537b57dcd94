"""The tensors of safetensors files of an open model, each read when it is asked for."""

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from assaymark.model.judge import Refused
from assaymark.model.weights.arrays import array, read_header

if TYPE_CHECKING:
    from assaymark.model.weights.arrays import Array


class Map(Protocol):
    """A file of which bytes are verified before they are given."""

    @property
    def size(self) -> int:
        """Bytes."""
        ...

    def view(self, offset: int, length: int) -> memoryview:
        """Bytes of it, read-only."""
        ...


class Files(Protocol):
    """An open model: assaymark.verifying.OpenModel."""

    @property
    def paths(self) -> tuple[str, ...]:
        """Its files."""
        ...

    def map(self, path: str) -> Map:
        """One of them."""
        ...

    def close(self) -> None:
        """Let go of them."""
        ...


class LazyArrays(Mapping[str, "Array"]):
    """Tensor name -> NumPy array. Arrays that were given stay good after `close`. `files` is the open model."""

    def __init__(self, files: Files, entries: dict[str, tuple[str, int, dict[str, Any]]]) -> None:
        self.files = files
        self._entries = entries

    @classmethod
    def of(cls, files: Files) -> Self:
        """Read the headers; raises Malformed, Refused, NotVerified. The files are closed then."""
        try:
            return cls(files, _entries(files))
        except BaseException:
            files.close()
            raise

    def __getitem__(self, tensor: str) -> "Array":
        path, start, entry = self._entries[tensor]
        begin, end = entry["data_offsets"]
        data = self.files.map(path).view(start + begin, end - begin)
        return array(entry, data, f"{path}: tensor {tensor[:200]!r}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, tensor: object) -> bool:
        return tensor in self._entries  # without reading it

    def close(self) -> None:
        """Let go of the files."""
        self.files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _entries(files: Files) -> dict[str, tuple[str, int, dict[str, Any]]]:
    found: dict[str, tuple[str, int, dict[str, Any]]] = {}
    for path in files.paths:
        if not path.endswith(".safetensors"):
            continue
        start, header = _header(files.map(path), path)
        for tensor, entry in header.items():
            if tensor in found:
                raise Refused(f"{tensor!r} is in {path} and in a file before it", step="load the files one by one")
            found[tensor] = (path, start, entry)
    return found


def _header(mapped: Map, path: str) -> tuple[int, dict[str, Any]]:
    return read_header(lambda begin, end: bytes(mapped.view(begin, end - begin)), mapped.size, path)
