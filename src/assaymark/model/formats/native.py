"""Machine code and byte code: named, never clean."""

from collections.abc import Iterator

from assaymark.core.blob import Blob
from assaymark.core.errors import Opaque
from assaymark.core.format import Context, Item

_KINDS = {
    b"\x7fELF": "ELF",
    b"MZ": "Windows",
    b"\xca\xfe\xba\xbe": "Mach-O or Java",
    b"\x00asm": "WebAssembly",
    b"BC\xc0\xde": "LLVM bitcode",
}


def parse(blob: Blob, _context: Context) -> Iterator[Item]:
    """Say what it is, and hold."""
    start = blob.read(0, 4)
    kind = next((name for magic, name in _KINDS.items() if start.startswith(magic)), "native or byte")
    raise Opaque(f"{kind} code ({blob.size:,} bytes) runs when it is loaded and cannot be judged from its bytes")
    yield
