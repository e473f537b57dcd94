"""Writes zips byte by byte, so that each header can say something else than the others."""

import pickle
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

EVIL = b"cos\nsystem\n(S'echo'\ntR."
HARMLESS = pickle.dumps({"weights": [1, 2, 3]}, protocol=2)


@dataclass
class Made:
    """One member; `local` and `central` override fields of the two headers."""

    name: str
    data: bytes = b""
    method: int = 0
    mode: int = 0
    descriptor: bool = False
    align: int = 0
    listed: bool = True
    before: bytes = b""
    packed: bytes | None = None
    local: dict[str, object] = field(default_factory=dict)
    central: dict[str, object] = field(default_factory=dict)

    def compressed(self) -> bytes:
        if self.packed is not None:
            return self.packed
        if self.method == 8:
            coder = zlib.compressobj(wbits=-15)
            return coder.compress(self.data) + coder.flush()
        return self.data

    def fields(self, overrides: dict[str, object]) -> dict[str, object]:
        return {
            "name": self.name.encode(),
            "flags": 8 if self.descriptor else 0,
            "method": self.method,
            "crc": zlib.crc32(self.data),
            "packed": len(self.compressed()),
            "size": len(self.data),
            "extra": b"",
            **overrides,
        }


def local_header(member: Made, at: int = 0) -> bytes:
    deferred = {"crc": 0, "packed": 0, "size": 0} if member.descriptor else {}
    f = member.fields({**deferred, **member.local})
    if member.align:
        pad = -(at + 30 + len(f["name"]) + 4) % member.align
        f["extra"] = struct.pack("<2sH", b"FB", pad) + b"Z" * pad
    return (
        struct.pack(
            "<4s5H3I2H", b"PK\3\4", 20, f["flags"], f["method"], 0, 0x21,
            f["crc"], f["packed"], f["size"], len(f["name"]), len(f["extra"]),
        ) + f["name"] + f["extra"]
    )  # fmt: skip


def central_header(member: Made, at: int) -> bytes:
    f = member.fields(member.central)
    return (
        struct.pack(
            "<4s6H3I5H2I", b"PK\1\2", 0x031E, 20, f["flags"], f["method"], 0, 0x21,
            f["crc"], f["packed"], f["size"], len(f["name"]), len(f["extra"]), 0, 0, 0,
            member.mode << 16, f.get("at", at),
        ) + f["name"] + f["extra"]
    )  # fmt: skip


def end_record(count: int, size: int, offset: int, comment: bytes = b"") -> bytes:
    return struct.pack("<4s4HIIH", b"PK\5\6", 0, 0, count, count, size, offset, len(comment)) + comment


def make(
    members: Iterable[Made], *, prefix: bytes = b"", suffix: bytes = b"", comment: bytes = b"", count: int = 0
) -> bytes:
    """A whole archive. `prefix` shifts all offsets the way that self-extracting archives write them."""
    out = bytearray(prefix)
    listed = []
    for member in members:
        out += member.before
        at = len(out)
        out += local_header(member, at) + member.compressed()
        if member.descriptor:
            out += struct.pack(
                "<4sIII", b"PK\7\x08", zlib.crc32(member.data), len(member.compressed()), len(member.data)
            )
        if member.listed:
            listed.append(central_header(member, at))
    directory = b"".join(listed)
    offset = len(out)
    return bytes(out) + directory + end_record(count or len(listed), len(directory), offset, comment) + suffix


def torch_zip(
    pickled: bytes = HARMLESS, storages: tuple[bytes, ...] = (b"\x00\x00\x80\x3f" * 64, b"\x80\x04\x95\xff" * 32),
    *, descriptor: bool = True, extra: tuple[Made, ...] = (),
) -> bytes:  # fmt: skip
    """As torch.save lays it out: one folder, every record aligned to 64 bytes by an `FB` field."""
    texts = {"version": b"3\n", ".data/serialization_id": b"1523712345678901234512345678901234567890"}
    members = [
        Made("archive/data.pkl", pickled),
        Made("archive/.format_version", b"1"),
        Made("archive/.storage_alignment", b"64"),
        Made("archive/byteorder", b"little"),
        *(Made(f"archive/data/{i}", data) for i, data in enumerate(storages)),
        *(Made(f"archive/{name}", data) for name, data in texts.items()),
        *extra,
    ]
    for member in members:
        member.descriptor = member.descriptor or descriptor
        member.align = 64
    return make(members)
