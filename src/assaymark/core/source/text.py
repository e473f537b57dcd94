"""Text documents: bytes to text by byte order mark or UTF-8, lines counted as editors count them."""

import codecs

from assaymark.core.blob import Blob, exact
from assaymark.core.budget import Budget
from assaymark.core.errors import Malformed, OverBudget

LIMIT = 4 << 20  # bytes of one document; requirement, lock and build files that people write stay far below

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def read_text(blob: Blob, budget: Budget, what: str, limit: int = LIMIT) -> str:
    """The whole document as text. Raises OverBudget beyond `limit` bytes, Malformed for bytes that are no text."""
    budget.tick()
    if blob.size > limit:
        message = f"{what} is {blob.size:,} bytes long, more than the {limit >> 20} MiB that are looked at"
        raise OverBudget(message)
    return decode(exact(blob, 0, blob.size, what), what)


def decode(data: bytes, what: str, encoding: str = "utf-8") -> str:
    """Text of these bytes: a byte order mark decides, then `encoding`."""
    start = 0
    for mark, name in _MARKS:
        if data.startswith(mark):
            start, encoding = len(mark), name
            break
    try:
        return data[start:].decode(encoding)
    except UnicodeDecodeError as error:
        message = (
            f"{what} is not {encoding.upper()} text: byte 0x{data[start + error.start]:02x} at {start + error.start}"
        )
        raise Malformed(message, offset=start + error.start) from None


def line_at(text: str, offset: int) -> int:
    """Line number, from 1, of a character offset."""
    return text.count("\n", 0, max(offset, 0)) + 1


def line_of(text: str, needle: str, start: int = 0) -> int:
    """Line number of the first place that has `needle` from the offset `start` on; 1 where it is nowhere."""
    at = text.find(needle, start)
    return line_at(text, at) if at >= 0 else 1


def excerpt_at(text: str, line: int) -> str:
    """The line of this number, without its end and the white space around it."""
    at = 0
    for _ in range(line - 1):
        at = text.find("\n", at) + 1
        if at == 0:
            return ""
    end = text.find("\n", at)
    return text[at : end if end >= 0 else None].strip()
