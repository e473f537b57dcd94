"""What the OCI checks read. `place` is the document that says it: `index.json`, or the digest of a manifest."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BlobDiffers:
    """A blob that is not what its descriptor says. `field` is `digest`, `size` or `embedded data`."""

    place: str
    blob: str
    field: str
    declared: str
    actual: str


@dataclass(frozen=True, slots=True)
class BlobMissing:
    """A blob that a manifest needs and that is not there."""

    place: str
    blob: str
    role: str


@dataclass(frozen=True, slots=True)
class ForeignBlob:
    """A blob that is to be fetched from elsewhere. `present`: it is here too."""

    place: str
    blob: str
    url: str
    present: bool


@dataclass(frozen=True, slots=True)
class UnreferencedBlob:
    """A blob that no manifest leads to."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class MediaTypeDiffers:
    """A blob whose content is not of the media type that its descriptor gives."""

    place: str
    blob: str
    media_type: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class AmbiguousManifest:
    """A document that tools may read in two ways; `why` says which."""

    place: str
    why: str


@dataclass(frozen=True, slots=True)
class EscapingReference:
    """A digest, path or file name that leads out of the folder it is meant for."""

    place: str
    key: str
    value: str
    why: str


@dataclass(frozen=True, slots=True)
class UnreadableDocument:
    """An index, manifest or configuration that cannot be read, so that what it leads to is not known."""

    place: str
    why: str
