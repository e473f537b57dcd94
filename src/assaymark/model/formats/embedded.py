"""Code that hides in a text: base64 of a pickle or of an executable. Told by structure, never by a word in it."""

import base64
import binascii
import re

_LEAST = 24
"""Characters, of 18 bytes: PROTO, a GLOBAL of two short names, an empty tuple, REDUCE and STOP are hardly less."""
_MOST = 64 << 20
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_URI = re.compile(r"data:[^,]{0,200};base64,")


def embedded_code(text: str) -> tuple[str, bytes]:
    """The kind of code that this text is in base64 (`pickle`, `ELF`, `PE`), and its bytes; empty where it is none."""
    uri = _URI.match(text)
    body = text[uri.end() :] if uri else text
    body = body.strip()
    if not _LEAST <= len(body) <= _MOST or not _kind(_decoded(body[:_LEAST])):
        return "", b""
    content = _decoded(re.sub(r"\s", "", body))
    kind = _kind(content)
    if kind == "pickle" and not content.rstrip(b"\0").endswith(b"."):
        return "", b""
    if kind == "PE" and content[int.from_bytes(content[0x3C:0x40], "little") :][:4] != b"PE\0\0":
        return "", b""
    return kind, content if kind else b""


def _decoded(text: str) -> bytes:
    if not _BASE64.fullmatch(text):
        return b""
    try:
        return base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_") + "=" * (-len(text) % 4))
    except binascii.Error:
        return b""


def _kind(start: bytes) -> str:
    if start[:1] == b"\x80" and start[1:2] in {b"\2", b"\3", b"\4", b"\5"}:
        return "pickle"
    if start[:4] == b"\x7fELF" and start[4:5] in {b"\1", b"\2"} and start[5:6] in {b"\1", b"\2"}:
        return "ELF"
    return "PE" if start[:2] == b"MZ" else ""
