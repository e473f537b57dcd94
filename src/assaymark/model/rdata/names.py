"""How serialized R objects are known. Light, for it is asked for every file of a scan."""

import re

from assaymark.core.format import Head

FIRST = b"XABR\n"
SUFFIXES = (".rds", ".rdata", ".rda")
_TEXT = re.compile(rb"\n?A.\s*[23]\s+[0-9]{5,7}\s+[0-9]{5,7}\s", re.DOTALL)
"""Version, and the versions of R that wrote it and that can read it, as `262657`."""


def is_rdata(head: Head) -> bool:
    r"""`X`, `A` or `B` and version 2 or 3, behind `RDX3\n` and the like where it is a workspace.

    R goes by the first byte alone and reads past the second; before a text one it passes over a line end (serialize.c, InFormat).
    """
    start = head.start
    workspace = start[:2] == b"RD" and start[2:3] in b"XAB" and start[3:4].isdigit() and start[4:5] == b"\n"
    body = start[5:] if workspace else start
    kind, rest = body[:1], body[2:6]
    if kind == b"X":
        return workspace or rest in {b"\0\0\0\2", b"\0\0\0\3"}
    if kind == b"B":
        return workspace or rest in {b"\2\0\0\0", b"\3\0\0\0", b"\0\0\0\2", b"\0\0\0\3"}
    return workspace or _TEXT.match(body) is not None
