"""Whether bytes are a program, an archive or a key: by magic number and by what must follow it, never by magic alone.

Base rates: a magic of four bytes turns up once in 4 GiB of uniform bytes at any offset. Each test below goes on to fields
of a header, a checksum or a decoder, so that chance needs at least 2^64 places for one hit (the least, gzip, decodes
4 kB or ends with its CRC-32). Programs in weights: StegoNet (ACSAC 2020), EvilModel (arXiv 2107.08590).
"""

import re
import struct
import zlib
from itertools import count

from assaymark.core.blob import Blob, Slice
from assaymark.core.budget import Budget, Limits, Spool
from assaymark.core.errors import AssayError
from assaymark.model.weights.views import ARCHIVE, PROGRAM

Found = tuple[str, str]
"""Kind and name of what is there."""
START = 64
"""Bytes that `carried` needs to turn nearly everything away."""
_DECODED = 4096
_NEAR = 1 << 20
"""Bytes in which the directory of a zip must follow its first member, where that does not decode."""
_MAGIC = re.compile(
    rb"\x7fELF|MZ|\xfe\xed\xfa[\xce\xcf]|[\xce\xcf]\xfa\xed\xfe|\xca\xfe\xba\xbe|PK\x03\x04|\x1f\x8b\x08|\xfd7zXZ\0|"
    rb"\x28\xb5\x2f\xfd|7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|BZh[1-9]1AY&SY|\x80[\x02-\x05]|-----BEGIN |#!\s?/|"
    rb"\(?[ci][A-Za-z_][\w.]{1,60}\n[A-Za-z_][\w.]{0,60}\n"
)
_INTERPRETER = re.compile(rb"#! ?/(?:usr/(?:local/)?)?s?bin/[a-z][\w/ .+-]{1,80}\r?\n[\t\r\n -~]{16}")
_MACHINES = frozenset({2, 3, 8, 20, 21, 22, 40, 42, 43, 50, 62, 83, 164, 183, 189, 190, 243, 247, 258})
"""e_machine of ELF that are met with (gABI, appendix A)."""
_PE_MACHINES = frozenset({0x14C, 0x1C0, 0x1C2, 0x1C4, 0x200, 0x8664, 0xAA64, 0xA641, 0x5032, 0x5064, 0x6264})
_CPUS = frozenset({7, 0x01000007, 12, 0x0100000C, 0x0200000C, 18, 0x01000012})
_NEXT = re.compile(rb"PK(?:\x01\x02|\x03\x04|\x05\x06)")
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,512}")


def carried(blob: Blob, at: int = 0, start: bytes | None = None) -> Found | None:
    """What begins at `at`, if it is confirmed. `start` are its first bytes where they are at hand."""
    start = blob.read(at, START) if start is None else start
    if not _MAGIC.match(start):
        return None
    content = Slice(blob, at, blob.size - at)
    test = _TESTS[start[:1]]
    try:
        return test(content, start)
    except (AssayError, struct.error, IndexError, ValueError, zlib.error):  # it ends within its header
        return None


def _elf(blob: Blob, _start: bytes) -> Found | None:
    head = blob.read(0, 64)
    wide, order = head[4], "<" if head[5] == 1 else ">"
    if wide not in {1, 2} or head[5] not in {1, 2} or head[6] != 1 or any(head[9:16]):
        return None
    kind, machine, version = struct.unpack_from(f"{order}HHI", head, 16)
    sizes = struct.unpack_from(f"{order}HHH", head, 52 if wide == 2 else 40)
    good = sizes[0] == (64 if wide == 2 else 52) and sizes[1] in {0, 32, 56}
    if 1 <= kind <= 4 and machine in _MACHINES and version == 1 and good:
        return PROGRAM, "an ELF program or library"
    return None


def _pe(blob: Blob, start: bytes) -> Found | None:
    (at,) = struct.unpack_from("<I", start, 60)
    if not 64 <= at <= 4096:
        return None
    head = blob.read(at, 26)
    if head[:4] != b"PE\0\0":
        return None
    machine, sections = struct.unpack_from("<HH", head, 4)
    (magic,) = struct.unpack_from("<H", head, 24)
    if machine in _PE_MACHINES and 1 <= sections <= 96 and magic in {0x10B, 0x20B}:
        return PROGRAM, "a Windows program or library"
    return None


def _macho(_blob: Blob, start: bytes) -> Found | None:
    if start[:4] == b"\xca\xfe\xba\xbe":
        number, cpu = struct.unpack_from(">II", start, 4)
        good = 1 <= number <= 16 and cpu in _CPUS and struct.unpack_from(">I", start, 24)[0] <= 15
    else:
        order = ">" if start[:1] == b"\xfe" else "<"
        cpu, _, kind, commands, size = struct.unpack_from(f"{order}5I", start, 4)
        good = cpu in _CPUS and 1 <= kind <= 12 and 1 <= commands <= 4096 and 8 * commands <= size <= 1 << 20
    return (PROGRAM, "a macOS program or library") if good else None


def _zip(blob: Blob, start: bytes) -> Found | None:
    version, flags, method, *_, packed, _size, length, extra = struct.unpack_from("<5H3I2H", start, 4)
    if version & 0xFF > 63 or flags & 0xD7B0 or method not in {0, 8, 9, 12, 14, 93, 95, 99}:
        return None
    if not 1 <= length <= 512 or extra > 4096:
        return None
    if not _NAME.fullmatch(blob.read(30, length).decode("utf-8")):
        return None
    data = 30 + length + extra
    next_one = blob.read(data + packed, 4) if not flags & 8 else b""
    if next_one in {b"PK\x01\x02", b"PK\x03\x04"} or _NEXT.search(blob.read(data, _NEAR)):
        return ARCHIVE, "a zip archive"
    if method == 8 and len(zlib.decompressobj(-15).decompress(blob.read(data, 2 * _DECODED), _DECODED)) == _DECODED:
        return ARCHIVE, "a zip archive"
    return None


def _gzip(blob: Blob, start: bytes) -> Found | None:
    if start[3] & 0xE0 or start[8] not in {0, 2, 4} or not (start[9] <= 13 or start[9] == 255):
        return None
    decoder = zlib.decompressobj(31)
    made = decoder.decompress(blob.read(0, 2 * _DECODED), _DECODED)
    if decoder.eof or len(made) == _DECODED:
        return ARCHIVE, "a gzip stream"
    return None


def _xz(_blob: Blob, start: bytes) -> Found | None:
    good = start[6] == 0 and zlib.crc32(start[6:8]) == struct.unpack_from("<I", start, 8)[0]
    return (ARCHIVE, "an xz stream") if good else None


def _zstd(blob: Blob, start: bytes) -> Found | None:
    if start[:4] != b"\x28\xb5\x2f\xfd":
        return _pickle(blob, start)
    from assaymark.model import unpack

    codec = unpack.zstd()
    decoder = codec.make()
    try:
        made = decoder.decompress(blob.read(0, 1 << 18), _DECODED)
    except codec.errors:
        return None
    return (ARCHIVE, "a Zstandard frame") if decoder.eof or len(made) == _DECODED else None


def _seven(_blob: Blob, start: bytes) -> Found | None:
    if start[:6] == b"7z\xbc\xaf\x27\x1c":
        good = start[6] == 0 and zlib.crc32(start[12:32]) == struct.unpack_from("<I", start, 8)[0]
        return (ARCHIVE, "a 7z archive") if good else None
    return None


def _rar(_blob: Blob, start: bytes) -> Found | None:
    if start[6:7] == b"\0":  # RAR 4: CRC-16 of the main header, type 0x73, 13 bytes
        crc, kind, _, size = struct.unpack_from("<HBHH", start, 7)
        good = kind == 0x73 and size == 13 and crc == zlib.crc32(start[9:20]) & 0xFFFF
    else:  # RAR 5: CRC-32 of the main header from its size on
        (crc,) = struct.unpack_from("<I", start, 8)
        good = start[6:8] == b"\1\0" and 3 <= start[12] <= 40 and crc == zlib.crc32(start[12 : 13 + start[12]])
    return (ARCHIVE, "a RAR archive") if good else None


def _bzip2(_blob: Blob, _start: bytes) -> Found | None:
    return ARCHIVE, "a bzip2 stream"  # the magic has ten bytes


def _pickle(blob: Blob, start: bytes) -> Found | None:
    """Only one that imports something, as the machine follows it; numbers that happen to be opcodes do not."""
    from assaymark.model.machine import Machine, Result

    if start[:1] == b"\x80" and start[2:3] == b"\x95" and struct.unpack_from("<Q", start, 3)[0] > blob.size:
        return None
    result, fault = Result(), False
    try:
        Machine(blob, 0, Budget(Limits(seconds=64), monotonic=count().__next__, spool=_no_spool), result).run()
    except AssayError:
        fault = True
    named = [e for e in result.events.values() if _is_name(e.module) and _is_name(e.name)]
    if not named or (fault and not any(e.kind in {"import", "dangerous"} for e in named)):
        return None
    worst = next((e for e in named if e.kind == "dangerous"), named[0])
    return PROGRAM, f"a pickle that imports {worst.module}.{worst.name}"


def _is_name(text: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z_][\w.]{1,100}", text))


def _no_spool() -> Spool:
    raise MemoryError


def _key(blob: Blob, _start: bytes) -> Found | None:
    from assaymark.core.source.secrets import find_secrets

    text = blob.read(0, 8192).decode("latin-1")
    kinds = [secret.kind for secret in find_secrets(text) if secret.start == 0]
    return (PROGRAM, f"a {kinds[0]}") if kinds else None


def _script(_blob: Blob, _start: bytes) -> Found | None:
    match = _INTERPRETER.match(_blob.read(0, 256))
    return (PROGRAM, f"a script for {match[0].split()[0].decode('latin-1')[2:]}") if match else None


_TESTS = {
    b"\x7f": _elf, b"M": _pe, b"\xfe": _macho, b"\xce": _macho, b"\xcf": _macho, b"\xca": _macho, b"P": _zip,
    b"\x1f": _gzip, b"\xfd": _xz, b"\x28": _zstd, b"7": _seven, b"R": _rar, b"B": _bzip2, b"\x80": _pickle,
    b"-": _key, b"#": _script, b"c": _pickle, b"i": _pickle,
}  # fmt: skip
"""By the first byte; that of zstd also opens pickles of protocol 0."""
