"""How PMML and OpenVINO documents are known. Light, for it is asked for every file of a scan."""

import re

from assaymark.core.format import Head

FIRST = b"< \t\r\n\xef\xfe\xff\0"
_PMML = re.compile(rb"<(?:[\w.-]{1,80}:)?PMML[\s>/]")
_NET = re.compile(rb"<net[\s>]")
_LOOKED_AT = 1 << 20


def _opening(head: Head) -> bytes:
    """The beginning, without the NULs of UTF-16; a comment or DOCTYPE before the root is looked past."""
    start = head.start.replace(b"\0", b"")
    if b"<" not in start[:64]:
        return b""
    if head.size > len(head.start) and b"<!" in start and not _PMML.search(start) and not _NET.search(start):
        return head.blob.read(0, _LOOKED_AT).replace(b"\0", b"")
    return start


def is_pmml(head: Head) -> bool:
    """An XML document whose root, under any prefix, is PMML."""
    return _PMML.search(_opening(head)) is not None


def is_openvino(head: Head) -> bool:
    """An XML document with the root `net` and layers, as OpenVINO writes it."""
    opening = _opening(head)
    return _NET.search(opening) is not None and (b"<layer" in opening or head.basename.endswith(".xml"))
