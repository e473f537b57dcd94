"""A small writer of R's XDR serialization, for files that R itself would not write."""

import struct

GLOBAL, NIL, UNBOUND, MISSING, BASE = 253, 254, 252, 251, 241


def word(value: int) -> bytes:
    return struct.pack(">i", value)


def flags(kind: int, *, attr: bool = False, tag: bool = False, levels: int = 0) -> bytes:
    return struct.pack(">I", kind | attr << 9 | tag << 10 | levels << 12)


def char(text: str) -> bytes:
    raw = text.encode()
    return flags(9, levels=1 << 6) + word(len(raw)) + raw


def sym(name: str) -> bytes:
    return flags(1) + char(name)


def strings(*texts: str) -> bytes:
    return flags(16) + word(len(texts)) + b"".join(map(char, texts))


def real(*values: float) -> bytes:
    return flags(14) + word(len(values)) + struct.pack(f">{len(values)}d", *values)


def pairs(*items: bytes, tags: tuple[str, ...] = (), levels: int = 0) -> bytes:
    """A pairlist."""
    made = b""
    for index, item in enumerate(items):
        name = tags[index] if index < len(tags) else ""
        made += flags(2, tag=bool(name), levels=levels) + (sym(name) if name else b"") + item
    return made + flags(NIL)


def lang(head: bytes, *arguments: bytes) -> bytes:
    return flags(6) + head + pairs(*arguments)


def call(name: str, *arguments: bytes) -> bytes:
    return lang(sym(name), *arguments)


def promise(expression: bytes, value: bytes = flags(UNBOUND), *, env: bool = True) -> bytes:
    return flags(5, tag=env) + (flags(GLOBAL) if env else b"") + value + expression


def closure(body: bytes, formals: bytes = flags(NIL)) -> bytes:
    return flags(3, tag=True) + flags(GLOBAL) + formals + body


def vector(*items: bytes) -> bytes:
    return flags(19) + word(len(items)) + b"".join(items)


def environment(frame: bytes, hashtab: bytes = flags(NIL)) -> bytes:
    return flags(4) + word(0) + flags(GLOBAL) + frame + hashtab + flags(NIL)


def rds(item: bytes, version: int = 3) -> bytes:
    head = word(version) + word(0x040202) + word(0x030500 if version == 3 else 0x020300)
    return b"X\n" + head + (word(5) + b"UTF-8" if version == 3 else b"") + item


def rdata(*items: bytes, names: tuple[str, ...]) -> bytes:
    return b"RDX3\n" + rds(pairs(*items, tags=names))
