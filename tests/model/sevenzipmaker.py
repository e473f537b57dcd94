"""Writes 7z archives property by property, so that each can say something else than the content does."""

import lzma
import struct
import zlib
from dataclasses import dataclass

MAGIC = b"7z\xbc\xaf\x27\x1c\0\4"
COPY, LZMA2, BZIP2, AES = b"\0", b"\x21", b"\x04\x02\x02", b"\x06\xf1\x07\x01"


def number(value: int) -> bytes:
    """The variable form; here always the shortest."""
    for extra in range(9):
        if value < 1 << 7 * (extra + 1) or extra == 8:
            mask = 0xFF00 >> extra & 0xFF
            high = 0 if extra == 8 else value >> 8 * extra
            return bytes((mask | high,)) + (value & (1 << 8 * extra) - 1).to_bytes(extra, "little")
    raise AssertionError


def bits(values: list[bool]) -> bytes:
    out = bytearray(-(-len(values) // 8))
    for index, value in enumerate(values):
        out[index >> 3] |= 0x80 >> (index & 7) if value else 0
    return bytes(out)


@dataclass
class Made:
    """One file. `data` None: it has no stream; then it is a folder, an empty file, or an anti-item."""

    name: str
    data: bytes | None = b""
    mode: int = 0o100644
    crc: int | None = None
    anti: bool = False
    empty: bool = False


@dataclass
class Packed:
    """A folder (solid block) that holds `files`; `packed` is the pack stream."""

    files: list[Made]
    method: bytes = COPY
    properties: bytes = b""
    packed: bytes | None = None
    size: int | None = None

    def content(self) -> bytes:
        return b"".join(made.data or b"" for made in self.files)

    def stream(self) -> bytes:
        if self.packed is not None:
            return self.packed
        if self.method == LZMA2:
            return lzma.compress(
                self.content(), lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]
            )
        return self.content()

    def coder(self) -> bytes:
        properties = self.properties or (b"\x10" if self.method == LZMA2 else b"")
        flags = len(self.method) | (0x20 if properties else 0)
        return bytes((1, flags)) + self.method + (number(len(properties)) + properties if properties else b"")


def streams(folders: list[Packed], at: int = 0, sizes: list[int] | None = None) -> bytes:
    """StreamsInfo. `at` moves the pack streams."""
    packs = [len(folder.stream()) for folder in folders] if sizes is None else sizes
    unpacked = [len(folder.content()) if folder.size is None else folder.size for folder in folders]
    out = b"\x06" + number(at) + number(len(packs)) + b"\x09" + b"".join(map(number, packs)) + b"\0"
    out += b"\x07\x0b" + number(len(folders)) + b"\0" + b"".join(folder.coder() for folder in folders)
    out += b"\x0c" + b"".join(map(number, unpacked)) + b"\0"
    counts = [len(folder.files) for folder in folders]
    parts = b"".join(number(len(made.data or b"")) for folder in folders for made in folder.files[:-1])
    crcs = [
        zlib.crc32(made.data or b"") if made.crc is None else made.crc for folder in folders for made in folder.files
    ]
    out += b"\x08\x0d" + b"".join(map(number, counts)) + (b"\x09" + parts if parts else b"")
    return out + b"\x0a\x01" + b"".join(struct.pack("<I", crc) for crc in crcs) + b"\0" + b"\0"


def files_info(files: list[Made]) -> bytes:
    out = b"\x05" + number(len(files))
    streamless = [made for made in files if made.data is None]
    if streamless:
        for kind, values in (
            (0x0E, [made.data is None for made in files]),
            (0x0F, [made.empty or made.anti for made in streamless]),
            (0x10, [made.anti for made in streamless]),
        ):
            raw = bits(values)
            out += bytes((kind,)) + number(len(raw)) + raw
    names = b"\0" + b"".join((made.name + "\0").encode("utf-16-le", "surrogatepass") for made in files)
    out += b"\x11" + number(len(names)) + names
    attributes = b"\x01\0" + b"".join(struct.pack("<I", 0x8000 | made.mode << 16) for made in files)
    return out + b"\x15" + number(len(attributes)) + attributes + b"\0"


def archive(
    header: bytes, packed: bytes, *, crc: int | None = None, start_crc: int | None = None, suffix: bytes = b""
) -> bytes:
    """The start header, pack streams, and a header at their end."""
    fields = struct.pack("<QQI", len(packed), len(header), zlib.crc32(header) if crc is None else crc)
    start = struct.pack("<I", zlib.crc32(fields) if start_crc is None else start_crc)
    return MAGIC + start + fields + packed + header + suffix


def make(*folders: Packed, empties: tuple[Made, ...] = (), at: int = 0, gap: bytes = b"", **how: object) -> bytes:
    """A whole archive with a plain header."""
    files = [*(made for folder in folders for made in folder.files), *empties]
    main = b"\x04" + streams(list(folders), at) if folders else b""
    packed = gap + b"".join(folder.stream() for folder in folders)
    return archive(b"\x01" + main + files_info(files) + b"\0", packed, **how)
