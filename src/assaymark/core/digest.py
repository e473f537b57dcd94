"""Digests name bytes. A name encodes every parameter that changes the value."""

import hashlib
import re
from dataclasses import dataclass

SHA256 = "sha256"
MANIFEST = "assaymark-manifest-v1"
"""sha256 over a domain prefix and the canonical JSON of a folder's manifest (core.manifest)."""

_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """An algorithm's name and its value in lower-case hexadecimal."""

    algorithm: str
    value: str

    def __post_init__(self) -> None:
        if self.algorithm not in {SHA256, MANIFEST} or not _HEX.fullmatch(self.value):
            message = f"not a digest: {self.algorithm}:{self.value}"
            raise ValueError(message)

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.value}"

    @classmethod
    def parse(cls, text: str) -> "Digest":
        """Read `algorithm:hex`; raises ValueError for anything else."""
        algorithm, _, value = text.partition(":")
        return cls(algorithm, value)


def sha256(data: bytes) -> Digest:
    """Digest of bytes at hand."""
    return Digest(SHA256, hashlib.sha256(data).hexdigest())
