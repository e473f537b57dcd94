"""How the model layer knows a format by its first (or last) bytes. Cheap, total, and never fooled by a name."""

import re
import zlib
from collections.abc import Callable

from assaymark.core.format import Head
from assaymark.model.formats.passive import is_arrow_stream
from assaymark.model.outline import varint

Recognise = Callable[[Head], bool]

_PICKLE_PROTOCOLS = frozenset(range(6))
_OPCODES = frozenset(b"(]})cCBITLFGJKMNSTUVX\x80\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x95\x96P\x82\x83\x84")
"""Opcodes that can stand first in a stream: those that need nothing on the stack."""
_ZLIB_METHODS = frozenset({0x08, 0x18, 0x28, 0x38, 0x48, 0x58, 0x68, 0x78})
_COMPRESSED = (
    b"\x1f\x8b",  # gzip
    b"BZh",
    b"\xfd7zXZ\x00",
    b"\x04\x22\x4d\x18",  # lz4 frame
    b"\x28\xb5\x2f\xfd",  # zstd
)
_NATIVE = (
    b"\x7fELF",
    b"MZ",
    b"\xca\xfe\xba\xbe",  # Mach-O universal, and Java classes
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\x00asm",
    b"BC\xc0\xde",  # LLVM bitcode
)
_SEALED = (
    b"MSCF",
    b"hsqs",
    b"\xed\xab\xee\xdb",  # RPM
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",  # OLE compound file
)


def starts(*prefixes: bytes) -> Recognise:
    """Recognise any of these first bytes."""
    return lambda head: head.start.startswith(prefixes)


def is_pickle(head: Head) -> bool:
    """A PROTO opcode, or a stream without one that a real unpickler would run to an effect or to its end."""
    start = head.start
    # A safetensors header of 0x480 bytes begins like PROTO 4, but no unpickler gets further than that.
    if len(start) >= 2 and start[0] == 0x80 and start[1] in _PICKLE_PROTOCOLS and not is_safetensors(head):
        return True
    if not start or start[0] not in _OPCODES or start.startswith(b"PK\x03\x04"):
        return False
    from assaymark.model.machine import plausible

    return plausible(start, head.blob)


def is_safetensors(head: Head) -> bool:
    """Eight bytes of header length, then the `{` of its JSON."""
    return len(head.start) > 8 and head.start[8] == 0x7B and head.start[4:8] == b"\0\0\0\0" and head.start[3] < 6


def is_hdf5(head: Head) -> bool:
    """The HDF5 signature at 0, 512, 1024, 2048 … (a user block may stand before it)."""
    signature = b"\x89HDF\r\n\x1a\n"
    if head.start.startswith(signature):
        return True
    offset = 512
    while offset < head.size:
        if head.blob.read(offset, 8) == signature:
            return True
        offset *= 2
    return False


def is_zip(head: Head) -> bool:
    """A local header or end record at the start, or an end record near the end that leads to a directory.

    Other formats may carry a zip as content (a pickled wheel, an archive in a tar): there it counts only where the
    file ends with it, or where the name sends readers to look for it.
    """
    if head.start.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08PK\x03\x04")):
        return True
    tail, size = head.tail, head.size
    at = tail.rfind(b"PK\x05\x06")
    while at >= 0:
        if at + 22 <= len(tail) and _leads_to_directory(head, size - len(tail) + at, tail[at : at + 22]):
            at_end = at + 22 + int.from_bytes(tail[at + 20 : at + 22], "little") == len(tail)
            if at_end or head.basename.endswith(_ZIP_SUFFIXES) or not carries_content(head):
                return True
        at = tail.rfind(b"PK\x05\x06", 0, at)
    return False


_ZIP_SUFFIXES = (".zip", ".npz", ".keras", ".skops", ".whl", ".jar", ".egg", ".mar", ".pt2", ".pyz")


def _leads_to_directory(head: Head, at: int, record: bytes) -> bool:
    size, offset = (int.from_bytes(record[i : i + 4], "little") for i in (12, 16))
    if 0xFFFFFFFF in {size, offset}:
        return head.blob.read(max(at - 20, 0), 4) == b"PK\x06\x07"
    return any(0 <= place < at and head.blob.read(place, 4) == b"PK\x01\x02" for place in (at - size, offset))


def carries_content(head: Head) -> bool:
    """A format that may hold any bytes as content, near its end too."""
    start = head.start
    return (
        (start[:1] == b"\x80" and start[1:2] < b"\x06")
        or start.startswith((*_COMPRESSED, *_SEALED, *_CARRIERS))
        or is_tar(head)
        or is_safetensors(head)
        or is_onnx(head)
        or is_native(head)
        or head.start[4:8] in {b"ftyp", b"TFL3"}
    )


_CARRIERS = (
    b"\x93NUMPY", b"GGUF", b"\x89HDF", b"PAR1", b"ARROW1", b"FEA1", b"ORC", b"Obj\x01", b"SQLite format 3\0", b"RIFF",
    b"DIRC", b"PACK", b"OggS", b"fLaC", b"%PDF-", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"!<arch>\n", b"07070",
)  # fmt: skip
"""First bytes of formats that carry the content of others."""


def is_tar(head: Head) -> bool:
    """The ustar magic, or a first block whose checksum is right (the old v7 format)."""
    block = head.start[:512]
    if len(block) < 512 or not any(block):
        return False
    if block[257:262] == b"ustar":
        return True
    try:
        declared = int(block[148:156].strip(b"\0 "), 8)
    except ValueError:
        return False
    return declared == sum(block[:148]) + 8 * 32 + sum(block[156:])


def is_compressed(head: Head) -> bool:
    """Gzip, bzip2, xz, lz4 and zstd by magic; zlib and raw LZMA by their first decoded block."""
    start = head.start
    return start.startswith(_COMPRESSED) or is_zfile(start) or is_zlib(start) or is_lzma_alone(start)


def is_zfile(start: bytes) -> bool:
    """The zlib wrapper of joblib before 0.10: `ZF`, the length as `0x…` padded to 19 characters, a zlib stream."""
    return start.startswith(b"ZF0x") and is_zlib(start[21:].removeprefix(b" "))


def is_zlib(start: bytes) -> bool:
    """A zlib header (RFC 1950) and a first block that decodes, for a while at least where it is broken.

    Text can begin like one; it must decode all the way.
    """
    if len(start) < 6 or start[0] not in _ZLIB_METHODS or (start[0] * 256 + start[1]) % 31:
        return False
    decoder = zlib.decompressobj()
    try:
        if start.isascii():
            decoder.decompress(start, 1 << 20)
            return decoder.eof or len(start) >= 1024
        return bool(decoder.decompress(start, 64)) or decoder.eof
    except zlib.error:
        return not start.isascii() and _decodes_for_a_while(start)


def _decodes_for_a_while(start: bytes) -> bool:
    """Whether 16 bytes come out before the error: a loader may run what a shorter pickle cannot say."""
    decoder, content = zlib.decompressobj(), 0
    try:
        for value in start:
            content += len(decoder.decompress(bytes((value,))))
    except zlib.error:
        pass
    return content >= 16


def is_lzma_alone(start: bytes) -> bool:
    """The legacy .lzma header: properties, a dictionary size that encoders use, and a first block that decodes."""
    if len(start) < 14 or start[0] != 0x5D or start[1:3] != b"\0\0":
        return False
    import lzma

    try:
        decoder = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=1 << 28)
        return bool(decoder.decompress(start, 64))
    except (lzma.LZMAError, EOFError):
        return False


def is_native(head: Head) -> bool:
    """Machine code, byte code, or a script of an interpreter hidden in a binary container."""
    start = head.start
    if start[2:4] == b"\r\n" and (
        head.basename.endswith(".pyc") or any(start[i : i + 1] in _CODE for i in (8, 12, 16))
    ):
        return not head.is_text
    return start.startswith(_NATIVE) and not (start.startswith(b"MZ") and head.is_text)


_CODE = {b"\x63", b"\xe3"}
"""How a marshalled code object begins; it stands behind the 8, 12 or 16 bytes of a .pyc header."""


def is_sealed(head: Head) -> bool:
    """Known containers and binaries that this version cannot open."""
    return head.start.startswith(_SEALED)


_DOCUMENT = 100 << 20
"""Bytes of a JSON document in which keys are looked for; more than that is not parsed either."""
_BLANK = b" \t\r\n\0\xef\xbb\xbf\xff\xfe"
"""What may stand before the first bracket of JSON: white space, byte order marks, and the NULs of wide encodings."""


def is_keras_config(head: Head) -> bool:
    r"""A JSON document with the keys `class_name` and `config`, whatever its encoding, escapes and padding.

    Loaders hand the bytes to `json.loads`, which knows UTF-16 and UTF-32 too, and reads `\u0063lass_name`.
    """
    if head.start.lstrip()[:2] in {b'"{', b'"\\', b'"['}:
        return b'\\"class_name\\"' in head.blob.read(0, 1 << 20)  # the document once more as a text
    if head.start[:1] not in {b"{", b"["} and not _opens_late(head):
        return False
    wide = b"\0" in head.start[:8]
    missing = {b"class_name", b"config"}
    kept = b""
    for offset in range(0, min(head.size, _DOCUMENT), 1 << 20):
        piece = kept + head.blob.read(offset, 1 << 20)
        if wide:
            piece = piece.replace(b"\0", b"")
        missing = {key for key in missing if not _has_key(piece, key)}
        if not missing:
            return True
        kept = piece[-80:]
    return head.size > _DOCUMENT and head.basename == "config.json"


def is_keras_yaml(head: Head) -> bool:
    """A mapping with the keys `class_name` and `config`, as `model.to_yaml()` wrote it."""
    if not head.is_text or b"class_name" not in head.start or head.start[:1] in b'{["':
        return False
    start = head.blob.read(0, 1 << 16)
    return re.search(rb"""(?:^|[{,\s'"])class_name['"]?\s*:""", start) is not None and b"config" in start


def _opens_late(head: Head) -> bool:
    """The first bracket stands behind white space or a byte order mark, however much of it."""
    if not head.start or head.start[0] not in _BLANK:
        return False
    for offset in range(0, min(head.size, _DOCUMENT), 1 << 16):
        piece = head.blob.read(offset, 1 << 16)
        rest = piece.lstrip(_BLANK)
        if rest or not piece.strip(b"\0"):
            return rest[:1] in {b"{", b"["}
    return head.size > _DOCUMENT


def _has_key(text: bytes, key: bytes) -> bool:
    """The key in quotes, any of its letters written as an escape."""
    if b'"' + key + b'"' in text:
        return True
    if b"\\u00" not in text:
        return False
    letters = (b"(?:%c|\\\\u00%s)" % (letter, _either_case(b"%02x" % letter)) for letter in key)
    return re.search(b'"' + b"".join(letters) + b'"', text) is not None


def _either_case(digits: bytes) -> bytes:
    return b"".join(b"[%c%c]" % (digit, bytes([digit]).upper()[0]) for digit in digits)


def is_onnx(head: Head) -> bool:
    """A protobuf whose first fields are those of an ONNX ModelProto (onnx.proto): a graph, and a version or opset.

    Fields that onnx.proto does not know, which its readers step over, are allowed where the name says ONNX.
    """
    named = head.basename.endswith(".onnx")
    fields: set[int] = set()
    at = 0
    for _ in range(64):
        number, wire, end = _field(head, at)
        if end > head.size or (_ONNX_FIELDS.get(number) != wire and (number in _ONNX_FIELDS or not named)):
            break
        fields.add(number)
        at = end
    return 7 in fields and not fields.isdisjoint({1, 8})


_ONNX_FIELDS = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}
"""Field number -> wire type of ModelProto."""


def _field(head: Head, at: int) -> tuple[int, int, int]:
    """Number and wire type of the protobuf field at `at`, and where it ends: past the end where it is none."""
    past = head.size + 1
    data = head.start[at : at + 20] if at + 20 <= len(head.start) else head.blob.read(at, 20)
    tag, used = varint(data, 0)
    number, wire = tag >> 3, tag & 7
    if tag < 8 or wire not in {0, 1, 2, 5}:
        return 0, 0, past
    if wire in {1, 5}:
        return number, wire, at + used + (8 if wire == 1 else 4)
    value, used = varint(data, used)
    length = value if wire == 2 else 0
    return number, wire, at + used + length if value >= 0 else past


def is_sentencepiece(head: Head) -> bool:
    """A SentencePiece ModelProto: repeated pieces, each a text (field 1) with a float score (field 2)."""
    start = head.start
    if len(start) < 16 or start[0] != 0x0A or start[2] != 0x0A:
        return False
    piece, text = start[1], start[3]
    return 4 + text < len(start) and start[4 + text] == 0x15 and start[2 + piece : 3 + piece] == b"\x0a"


def _riff(head: Head) -> bool:
    return head.start[:4] == b"RIFF" and head.start[8:12] in {b"WAVE", b"WEBP", b"AVI "}


def _utf16(head: Head) -> bool:
    return head.start.startswith((b"\xff\xfe", b"\xfe\xff")) and head.size % 2 == 0


def _magic(name: str, *prefixes: bytes) -> tuple[str, Recognise, bytes]:
    return name, starts(*prefixes), bytes({prefix[0] for prefix in prefixes})


PASSIVE: tuple[tuple[str, Recognise, bytes], ...] = (
    _magic("png", b"\x89PNG\r\n\x1a\n"),
    _magic("jpeg", b"\xff\xd8\xff"),
    _magic("gif", b"GIF87a", b"GIF89a"),
    ("riff", _riff, b"R"),
    ("bmp", lambda head: head.start[:2] == b"BM" and head.start[6:10] == b"\0\0\0\0", b"B"),
    _magic("tiff", b"II*\0", b"MM\0*"),
    _magic("icon", b"\0\0\1\0", b"\0\0\2\0"),
    _magic("pdf", b"%PDF-"),
    _magic("parquet", b"PAR1"),
    _magic("arrow", b"ARROW1\0\0", b"FEA1"),
    ("arrow-stream", is_arrow_stream, b"\xff"),
    _magic("matlab", b"MATLAB 5.0 MAT-file"),
    _magic("netcdf", b"CDF\x01", b"CDF\x02", b"CDF\x05"),
    _magic("stata", b"<stata_dta><header>"),
    _magic("training data", b"\x01\xab\xff\xff", b"______LightGBM_Binary_File_Token______\n"),
    _magic("orc", b"ORC"),
    _magic("avro", b"Obj\x01"),
    _magic("sqlite", b"SQLite format 3\0"),
    _magic("mp3", b"ID3", b"\xff\xfb"),
    _magic("ogg", b"OggS"),
    _magic("flac", b"fLaC"),
    ("mp4", lambda head: head.start[4:8] == b"ftyp", b""),
    _magic("font", b"wOFF", b"wOF2", b"OTTO", b"\0\1\0\0\0"),
    _magic("git", b"DIRC", b"PACK", b"\xfftOc"),
    ("sentencepiece", is_sentencepiece, b"\n"),
    ("utf-16", _utf16, b"\xff\xfe"),
)
"""Name, recogniser and first bytes of what is known to hold nothing that a model or data loader runs."""
