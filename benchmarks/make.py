"""Makes the inputs of the benchmarks, the same bytes every time: `python benchmarks/make.py KIND PATH SIZE`.

SIZE is in bytes and is met within some per cent. A process of its own, because the 200 MB pickles need some GB of memory
while they are written, and the peak memory of a process is inherited by what it starts.
"""

import datetime as dt
import json
import pickle
import random
import struct
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import IO

SEED = 20261124
FILES = 1_000
_BLOCK = 1 << 20
_TENSORS = 64
_EPOCH = (1980, 1, 1, 0, 0, 0)
_PROTOCOL = 4
_WORDS = ("red", "green", "blue", "north", "south", "cat", "dog", "truck", "street", "house", "river", "tree")


def safetensors(path: Path, size: int) -> None:
    """Tensors of F16 behind a header, no byte of it left out of the header's account."""
    each = size // _TENSORS & ~1
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    for number in range(_TENSORS):
        place = [number * each, (number + 1) * each]
        header[f"model.layers.{number}.weight"] = {"dtype": "F16", "shape": [each // 2], "data_offsets": place}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        _pour(file, each * _TENSORS)


def torch_zip(path: Path, size: int) -> None:
    """A state dict as torch.save lays it out: stored members, each padded to 64 bytes, one pickle, raw storages."""
    each = size // _TENSORS & ~3
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        _member(archive, "archive/data.pkl", _state_dict(each // 4))
        _member(archive, "archive/.format_version", b"1")
        _member(archive, "archive/byteorder", b"little")
        for number in range(_TENSORS):
            with archive.open(_padded(archive, f"archive/data/{number}"), "w", force_zip64=False) as storage:
                _pour(storage, each)
        _member(archive, "archive/version", b"3\n")
        _member(archive, "archive/.data/serialization_id", b"0636457737946401051300000025273995036293")


def _member(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    with archive.open(_padded(archive, name), "w") as member:
        member.write(content)


def _padded(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """PyTorch fills an extra field `FB` so that each content begins at a multiple of 64 (caffe2/serialize)."""
    info = zipfile.ZipInfo(name, _EPOCH)
    assert archive.fp is not None
    begins = archive.fp.tell() + 30 + len(name) + 4
    info.extra = struct.pack("<2sH", b"FB", -begins % 64) + b"Z" * (-begins % 64)
    return info


def _state_dict(count: int) -> bytes:
    """OrderedDict of `_rebuild_tensor_v2(persistent storage, …)`, protocol 2, as pickle writes it for torch.save."""

    def text(word: str) -> bytes:
        return b"X" + struct.pack("<I", len(word)) + word.encode()

    ordered = b"ccollections\nOrderedDict\n"
    parts = [b"\x80\x02", ordered, b")R("]
    for number in range(_TENSORS):
        storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text(str(number)) + text("cpu")
        storage += b"J" + struct.pack("<i", count) + b"tQ"
        shape = b"K\0J" + struct.pack("<i", count) + b"\x85K\x01\x85\x89"
        tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + shape + ordered + b")RtR"
        parts.append(text(f"layers.{number}.weight") + tensor)
    return b"".join((*parts, b"u."))


def _pour(file: IO[bytes], size: int) -> None:
    """Real bytes, so that no file system keeps them as a hole: one pseudo-random block over and over."""
    block = random.Random(SEED).randbytes(_BLOCK)
    while size > 0:
        file.write(block[:size])
        size -= _BLOCK


def rows(path: Path, size: int) -> None:
    """A list of dicts of small numbers, short texts, tuples and lists: nothing but small opcodes."""
    _dump(path, size, _row)


def calls(path: Path, size: int) -> None:
    """The same with a datetime in every fourth row and an OrderedDict in every eighth: imports and calls."""
    _dump(path, size, _row_with_calls)


def folder(path: Path, size: int) -> None:
    """A thousand pickles of about `size` bytes each, all different; every other one has calls in it."""
    path.mkdir()
    rng = random.Random(SEED)
    for number in range(FILES):
        row = _row_with_calls if number % 2 else _row
        (path / f"{number:04}.pkl").write_bytes(_pickled(row, rng, size))


def small(path: Path, size: int) -> None:
    """One small pickle."""
    path.write_bytes(_pickled(_row_with_calls, random.Random(SEED), size))


Row = Callable[[random.Random, int], dict[str, object]]


def _dump(path: Path, size: int, row: Row) -> None:
    rng = random.Random(SEED)
    sample = len(pickle.dumps([row(rng, 100_000 + number) for number in range(4_000)], _PROTOCOL)) / 4_000
    with path.open("wb") as file:
        pickle.dump([row(rng, number) for number in range(int(size / sample))], file, _PROTOCOL)


def _pickled(row: Row, rng: random.Random, size: int) -> bytes:
    """A dict of rows, and random bytes to make up what is missing."""
    content: dict[str, object] = {"rows": [row(rng, number) for number in range(size // 90)]}
    content["digest"] = rng.randbytes(max(0, size - len(pickle.dumps(content, _PROTOCOL)) - 20))
    return pickle.dumps(content, _PROTOCOL)


def _row(rng: random.Random, number: int) -> dict[str, object]:
    return {
        "id": number,
        "name": f"item-{rng.randrange(1_000_000)}",
        "label": rng.choice(_WORDS),
        "score": rng.random(),
        "box": (rng.randrange(256), rng.randrange(2_000), rng.random()),
        "tags": [rng.choice(_WORDS) for _ in range(rng.randrange(4))],
        "seen": rng.random() < 0.5,
        "parent": None,
    }


def _row_with_calls(rng: random.Random, number: int) -> dict[str, object]:
    row = _row(rng, number)
    if not number % 4:
        row["at"] = dt.datetime.fromtimestamp(1_700_000_000 + number, tz=dt.UTC)
    if not number % 8:
        row["order"] = OrderedDict((word, rng.randrange(100)) for word in _WORDS[:3])
    return row


KINDS = {f.__name__: f for f in (safetensors, torch_zip, rows, calls, folder, small)}

if __name__ == "__main__":
    KINDS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
