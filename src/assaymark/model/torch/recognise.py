"""How ExecuTorch files are known by their first bytes. Light, for it is asked for every file of a scan."""

from assaymark.core.format import Head


def is_executorch(head: Head) -> bool:
    """A flatbuffer with the identifier of a program (`ET12`) or of its external data (`FT01`)."""
    identifier = head.start[4:8]
    return identifier[:2] in {b"ET", b"FT"} and identifier[2:].isdigit()
