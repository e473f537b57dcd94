"""How a skops schema is known. Light, for it is asked for every file of a scan."""

from assaymark.core.format import Head

FIRST = b"{ \t\r\n\xef\xff\xfe\0"
LIMIT = 100 << 20
"""Bytes of a schema that is looked at."""
_KEY = b'"__loader__"'


def is_skops(head: Head) -> bool:
    """A JSON document with `__loader__`; in a `schema.json` also in escapes, a wide encoding, or far behind."""
    if _KEY in head.start:
        return True
    if head.basename != "schema.json":
        return False
    content = head.start if head.size <= len(head.start) else head.blob.read(0, min(head.size, LIMIT))
    return _KEY in content or b"\\u00" in content or b"\0" in content[:8] or head.size > LIMIT
