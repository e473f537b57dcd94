"""Pickles that travel as text: in base64 or hexadecimal within rows, to be decoded and unpickled by a loading script.

A candidate is decoded and must be a pickle by structure (opcodes with their arguments up to STOP, pickletools), so
that images and embeddings in base64 stay quiet. What is one is handed on as a member and judged like a file.
"""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.blob import CHUNK, Blob, Bytes
from assaymark.core.budget import Budget
from assaymark.core.format import Item, Member

_OVERLAP = 512
_LONGEST = 24 << 20
"""Characters of one encoded payload that are decoded."""
_MOST = 100
_CANDIDATES = (
    re.compile(rb"gA[A-X][A-Za-z0-9+/_\-\\]{13}"),  # PROTO 0 to 5 in base64
    re.compile(rb"\"(?:Y[w-z0-9+/]|KGR|KGl)[A-Za-z0-9+/_\-\\]{13}"),  # GLOBAL or MARK DICT, MARK LIST in base64
    re.compile(rb"\"800[0-5][0-9a-fA-F]{12}"),  # PROTO in hexadecimal
)
"""Each begins with a literal, which is what makes the search fast."""
_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/_\-]|\\/)+={0,2}")
_HEX = re.compile(rb"[0-9a-fA-F]+")
_ALPHABET = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-=")
_URLSAFE = bytes.maketrans(b"-_", b"+/")

# Opcodes of pickle protocols 0 to 5 (pickletools.py) by the shape of their argument.
_BARE = frozenset(b"(.012NRQabdels]}o)tu\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94\x97\x98")
_FIXED = {
    **dict.fromkeys(b"Khq\x80\x82", 1),
    **dict.fromkeys(b"M\x83", 2),
    **dict.fromkeys(b"Jjr\x84", 4),
    **dict.fromkeys(b"G\x95", 8),
}
_COUNTED = {**dict.fromkeys(b"UC\x8a\x8c", 1), **dict.fromkeys(b"TXB\x8b", 4), **dict.fromkeys(b"\x8d\x8e\x96", 8)}
_LINES = {**dict.fromkeys(b"IFLSVPgp", 1), **dict.fromkeys(b"ci", 2)}
_OPCODES = 100_000


@dataclass(frozen=True, slots=True)
class PickledText:
    """A pickle in a text. `size` is that of the decoded bytes, `offset` that of the text in the file."""

    encoding: str
    size: int
    line: int
    offset: int
    excerpt: str


def payloads(blob: Blob, budget: Budget) -> Iterator[Item]:
    """Yield each pickle found as a view and as a member; at most a hundred of them."""
    at = line = done = found = 0
    while at < blob.size:
        budget.tick()
        base = max(0, at - _OVERLAP)
        piece = blob.read(base, CHUNK + at - base)
        for match in _matches(piece):
            quoted = piece[match.start()] == 0x22
            start = base + match.start() + quoted
            before = piece[match.start() - 1] if match.start() else 0
            if start < done or (not quoted and before in _ALPHABET):
                continue
            encoding, length, data = _decode(blob, start)
            if is_pickle(data):
                done = start + length
                here = line + piece.count(b"\n", at - base, max(at - base, match.start())) + 1
                excerpt = blob.read(start, 60).decode("ascii", "replace") + "…"
                yield PickledText(encoding, len(data), here, start, excerpt)
                yield Member(f"{encoding} at {start}", Bytes(data))
                found += 1
                if found >= _MOST:
                    return
        line += piece.count(b"\n", at - base)
        at = base + len(piece)


def _matches(piece: bytes) -> list[re.Match[bytes]]:
    found = [match for pattern in _CANDIDATES for match in pattern.finditer(piece)]
    return sorted(found, key=lambda match: match.start())


def _decode(blob: Blob, start: int) -> tuple[str, int, bytes]:
    """Encoding, length of the text, and bytes of what begins at `start`; no bytes where it cannot be decoded."""
    head = blob.read(start, 4096)
    hexadecimal = head.startswith(b"80")
    alphabet = _HEX if hexadecimal else _BASE64
    match = alphabet.match(head)
    text = match[0] if match else b""
    if len(text) == len(head):
        # A look at the head first: most candidates are no pickles, and need not be read to their end.
        if not is_pickle(_bytes(text, hexadecimal=hexadecimal), whole=False):
            return "", 0, b""
        match = alphabet.match(blob.read(start, _LONGEST))
        text = match[0] if match else b""
    return "hexadecimal" if hexadecimal else "base64", len(text), _bytes(text, hexadecimal=hexadecimal)


def _bytes(text: bytes, *, hexadecimal: bool) -> bytes:
    text = text.replace(b"\\/", b"/").rstrip(b"=\\")
    try:
        if hexadecimal:
            return binascii.unhexlify(text[: len(text) & ~1])
        text = text[: len(text) - 1] if len(text) % 4 == 1 else text
        return binascii.a2b_base64(text.translate(_URLSAFE) + b"=" * (-len(text) % 4))
    except ValueError:
        return b""


def is_pickle(data: bytes, *, whole: bool = True) -> bool:
    """Opcodes from the first byte on, and (`whole`) a STOP that ends the data."""
    at = count = 0
    while at < len(data) and count < _OPCODES:
        opcode = data[at]
        count += 1
        if opcode == 0x2E:
            return count > 2 and (len(data) - at <= 3 or data[at + 1] == 0x80)
        if opcode == 0x80 and (count != 1 or data[1:2] > b"\x05"):
            return False
        at = _after(data, at + 1, opcode)
        if at < 0:
            return False
    return not whole or count >= _OPCODES


def _after(data: bytes, at: int, opcode: int) -> int:
    """Offset behind the argument of an opcode; -1 where it is no opcode, or its text is no argument."""
    if opcode in _BARE:
        return at
    if opcode in _FIXED:
        return at + _FIXED[opcode]
    if opcode in _COUNTED:
        width = _COUNTED[opcode]
        return at + width + int.from_bytes(data[at : at + width], "little")
    for _ in range(_LINES.get(opcode, 0)):
        end = data.find(b"\n", at)
        if end < 0 or end - at > 1000 or (opcode in b"ci" and not _NAME.fullmatch(data, at, end)):
            return -1
        at = end + 1
    return at if opcode in _LINES else -1


_NAME = re.compile(rb"[A-Za-z_][\w.]*")
