"""How Paddle's files are known."""

import re

from assaymark.core.format import Head
from assaymark.model.outline import Outline

_OPERATOR = re.compile(rb"[A-Za-z0-9_.@]{1,200}")


def is_program(head: Head) -> bool:
    """A ProgramDesc: a block (1) with its number and its parent's, and in it a variable or an operator with its type."""
    if head.start[:1] not in _FIRST:
        return False
    outline = Outline.of(head)
    for block in outline.messages(0, head.size, 1)[:4]:
        fields = outline.fields(block.start, block.end)
        numbers = {part.number for part in fields if part.wire == 0}
        if not {1, 2} <= numbers:
            continue
        for part in fields:
            inner = outline.fields(part.start, part.end) if part.wire == 2 and part.number in {3, 4} else []
            name = 1 if part.number == 3 else 3
            if any(p.number == name and p.wire == 2 and outline.spelled(p, _OPERATOR) for p in inner):
                return True
    return False


_FIRST = frozenset(bytes((tag,)) for tag in range(8, 256) if tag & 7 in {0, 1, 2, 5})


def is_pir(head: Head) -> bool:
    """A JSON document with the key `base_code`, wherever in it; whether its magic is `pir` is for the parser to say."""
    kept = b""
    for offset in range(0, min(head.size, _DOCUMENT), 1 << 20):
        piece = kept + head.blob.read(offset, 1 << 20)
        if b'"base_code"' in piece or (b"\\u00" in piece and _ESCAPED_KEY.search(piece)):
            return True
        kept = piece[-80:]
    return False


_DOCUMENT = 100 << 20
_ESCAPED_KEY = re.compile(
    b'"' + b"".join(b"(?:%c|\\\\u00%02x|\\\\u00%02X)" % (letter, letter, letter) for letter in b"base_code") + b'"'
)
"""The key with any of its letters written as an escape."""


def is_params(head: Head) -> bool:
    """A stream of dense tensors: version 0, no level of detail, version 0, a short TensorDesc that begins with its type."""
    start = head.start
    return start[:16] == bytes(16) and 2 <= int.from_bytes(start[16:20], "little") <= 512 and start[20:21] == b"\x08"
