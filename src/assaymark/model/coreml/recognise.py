"""How Core ML's files are known."""

from assaymark.core.format import Head
from assaymark.model.outline import Outline

_SENTINEL = b"\xef\xbe\xad\xde"


def is_model(head: Head) -> bool:
    """A Model message: a version (1), a description (2), and one of the kinds of model, all of which are 200 or more."""
    first = head.start[:1]
    if not first or first[0] < 8 or first[0] & 7 not in {0, 1, 2, 5}:
        return False
    fields = Outline.of(head).fields(0, head.size)
    versions = [part.value for part in fields if part.number == 1 and part.wire == 0]
    kinds = [part for part in fields if 200 <= part.number <= 3000 and part.wire == 2]
    described = any(part.number == 2 and part.wire == 2 for part in fields)
    return bool(kinds) and bool(versions) and versions[-1] < 100 and (described or head.basename.endswith(".mlmodel"))


def is_manifest(head: Head) -> bool:
    """The manifest of a package: a JSON document with its list of items."""
    text = head.blob.read(0, 1 << 20) if head.basename == "manifest.json" else head.start
    return b'"itemInfoEntries"' in text


def is_weights(head: Head) -> bool:
    """The values of an ML program: a count, version 2, zeros up to 64 bytes, then the first entry's mark."""
    start = head.start
    return start[4:8] == b"\2\0\0\0" and start[64:68] == _SENTINEL and not start[8:64].strip(b"\0")
