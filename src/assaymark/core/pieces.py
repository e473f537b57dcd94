"""A file in parts of one length, with the sha256 of each."""

from dataclasses import dataclass

from assaymark.core.manifest import ManifestFile


@dataclass(frozen=True, slots=True)
class Pieces:
    """Parts of `length` bytes each, the last one shorter; `digests` are the sha256 of each."""

    length: int
    digests: tuple[bytes, ...]

    @classmethod
    def whole(cls, file: ManifestFile) -> "Pieces":
        """The file as its one part."""
        return cls(max(file.size, 1), (bytes.fromhex(file.sha256),))
