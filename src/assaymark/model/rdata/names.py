"""How serialized R objects are known. Light, for it is asked for every file of a scan."""

from assaymark.core.format import Head

FIRST = b"XABR"
SUFFIXES = (".rds", ".rdata", ".rda")
_VERSIONS = (b"2", b"3")


def is_rdata(head: Head) -> bool:
    r"""`X\n`, `A\n` or `B\n` and version 2 or 3, behind `RDX3\n` and the like where it is a workspace."""
    start = head.start
    workspace = start[:2] == b"RD" and start[2:3] in b"XAB" and start[3:4].isdigit() and start[4:5] == b"\n"
    body = start[5:] if workspace else start
    kind, rest = body[:2], body[2:]
    if kind == b"X\n":
        return workspace or rest[:4] in {b"\0\0\0\2", b"\0\0\0\3"}
    if kind == b"B\n":
        return workspace or rest[:4] in {b"\2\0\0\0", b"\3\0\0\0", b"\0\0\0\2", b"\0\0\0\3"}
    if kind == b"A\n":
        return workspace or (rest[:1] in _VERSIONS and rest[1:2] in {b"\n", b"\r"})
    return workspace
