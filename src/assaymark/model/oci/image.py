"""Walks from the indexes of a layout to every blob that they lead to, and says where the two do not agree.

The blobs themselves are files or members of their own and looked at as such; here only their bond to the manifests
counts (OCI image specification 1.1, `docker save`, Ollama's store).
"""

import base64
import hashlib
from collections.abc import Collection, Iterator
from typing import Any, Protocol

from assaymark.core.errors import AssayError, Malformed, OverBudget
from assaymark.core.format import Item, Skipped
from assaymark.model.oci.documents import LIMIT, Descriptor, configured_paths, descriptor, expected, leaves, load
from assaymark.model.oci.views import (
    AmbiguousManifest,
    BlobDiffers,
    BlobMissing,
    EscapingReference,
    ForeignBlob,
    MediaTypeDiffers,
    UnreadableDocument,
    UnreferencedBlob,
)

_DESCRIPTORS = 20_000
_DEPTH = 8
_UNREFERENCED = 50
_INDEX, _MANIFEST = "index", "manifest"

Said = Iterator[tuple[str, Item]]
"""Path of the document that says it, and what is said."""


class Store(Protocol):
    """Files below one root, by relative path."""

    @property
    def paths(self) -> Collection[str]:
        """Every file."""
        ...

    def size(self, path: str) -> int:
        """Bytes."""
        ...

    def read(self, path: str, limit: int) -> bytes:
        """All of it; raises OverBudget beyond `limit` bytes."""
        ...

    def digest(self, path: str, algorithm: str) -> str | None:
        """In hexadecimal; None where it would cost too much."""
        ...

    def formats(self, path: str) -> tuple[str, ...]:
        """What the content is."""
        ...


class Layout:
    """One store and what was found in it. `links` are paths that are links: what they lead to is not followed."""

    def __init__(self, store: Store, links: Collection[str]) -> None:
        self._store = store
        self._links = links
        self._reached: set[str] = set()
        self._hashed: dict[tuple[str, str], str | None] = {}
        self._configs: set[str] = set()
        self._count = 0

    def views(self) -> Said:
        """Everything that does not fit together."""
        paths = self._store.paths
        # Other projects have files of these names too.
        layout = "oci-layout" in paths or any(path.startswith("blobs/sha") for path in paths)
        roots = (
            sorted(path for path in paths if path == "index.json" or path.startswith("manifests/")) if layout else []
        )
        for path in roots:
            yield from self._document(path, path, "", 0)
        if "manifest.json" in paths:
            yield from self._saved("manifest.json", sure=layout or "repositories" in paths)
        if layout and (roots or "manifest.json" in paths):
            yield from self._unreferenced()

    def _document(self, path: str, place: str, media_type: str, depth: int) -> Said:
        """An index or manifest, and all that it leads to."""
        try:
            document, twice = load(self._store.read(path, LIMIT))
            if not isinstance(document, dict):
                raise Malformed("no JSON object")
            if depth > _DEPTH:
                raise OverBudget(f"indexes nested deeper than {_DEPTH}")
        except AssayError as error:
            yield path, UnreadableDocument(place, error.message)
            return
        for why in _ambiguous(document, twice, media_type):
            yield path, AmbiguousManifest(place, why)
        for role, value in _references(document):
            yield from self._reference(path, place, role, value, depth)

    def _reference(self, path: str, place: str, role: str, value: Any, depth: int) -> Said:
        self._count += 1
        if self._count > _DESCRIPTORS:
            raise OverBudget(f"more than {_DESCRIPTORS:,} descriptors in the manifests of an image layout")
        try:
            found = descriptor(value)
        except Malformed as error:
            yield path, UnreadableDocument(place, f"{role}: {error.message}")
            return
        for key, name in found.names:
            if why := leaves(name):
                yield path, EscapingReference(place, key, name, why)
        if not found.algorithm:
            why = leaves(found.digest)
            bad = EscapingReference(place, f"{role} digest", found.digest, why) if why else None
            yield path, bad or UnreadableDocument(place, f"{role}: {found.digest[:100]!r} is no digest")
            return
        target = self._find(found)
        yield from ((path, view) for view in self._compare(place, role, found, target))
        if target is None or target in self._reached:
            return
        self._reached.add(target)
        if role == "config":
            self._configs.add(found.digest)
            if "kitops" in found.media_type:
                yield from self._kitfile(target, found.digest)
        if role == _MANIFEST:
            yield from self._document(target, found.digest, found.media_type, depth + 1)

    def _find(self, found: Descriptor) -> str | None:
        """The path of a blob: as OCI lays it out, or as Ollama does."""
        paths = (f"blobs/{found.algorithm}/{found.value}", f"blobs/{found.algorithm}-{found.value}")
        return next((path for path in paths if path in self._store.paths), None)

    def _compare(self, place: str, role: str, found: Descriptor, target: str | None) -> Iterator[Item]:
        """The descriptor against the blob."""
        name = f"{role} {found.digest}"
        if found.urls:
            yield ForeignBlob(place, name, found.urls[0], target is not None)
        if found.data and not _embedded_fits(found):
            yield BlobDiffers(place, name, "embedded data", found.digest, "something else")
        if target is None:
            if role == _MANIFEST:
                yield Skipped(name, "not in this layout, which holds only some platforms of an index", holds=False)
            elif not found.urls and not found.data:
                yield BlobMissing(place, name, role)
            return
        size = self._store.size(target)
        if found.size is not None and found.size != size:
            yield BlobDiffers(place, name, "size", f"{found.size:,} bytes", f"{size:,} bytes")
        yield from self._compare_digest(place, name, target, found.algorithm, found.value)
        formats, wanted = self._store.formats(target), expected(found.media_type)
        if wanted and formats and not set(wanted) & set(formats[:2]):
            yield MediaTypeDiffers(place, name, found.media_type, " or ".join(wanted), formats[0])

    def _compare_digest(self, place: str, name: str, target: str, algorithm: str, value: str) -> Iterator[Item]:
        if algorithm not in {"sha256", "sha512"}:
            yield UnreadableDocument(place, f"{name}: digests of kind {algorithm!r} are not known")
            return
        key = (target, algorithm)
        if key not in self._hashed:
            self._hashed[key] = self._store.digest(target, algorithm)
        actual = self._hashed[key]
        if actual is None:
            yield Skipped(name, "too large to compare its digest here; the content was looked at", holds=False)
        elif actual != value:
            yield BlobDiffers(place, name, "digest", value, actual)

    def _kitfile(self, target: str, place: str) -> Said:
        try:
            document, _ = load(self._store.read(target, LIMIT))
        except AssayError as error:
            yield target, UnreadableDocument(place, error.message)
            return
        for value in configured_paths(document):
            if why := leaves(value):
                yield target, EscapingReference(place, "path", value[:400], why)

    def _saved(self, path: str, *, sure: bool) -> Said:
        """The list that `docker save` writes: a configuration and layers for each image."""
        try:
            images, _ = load(self._store.read(path, LIMIT))
        except AssayError as error:
            if sure:
                yield path, UnreadableDocument(path, error.message)
            return
        if not isinstance(images, list):
            return  # a manifest.json of something else
        configs = set()
        for image in images[:1000]:
            if not isinstance(image, dict) or not isinstance(image.get("Config"), str):
                return
            layers = image.get("Layers")
            layers = [layer for layer in layers if isinstance(layer, str)] if isinstance(layers, list) else []
            configs.add(image["Config"].removesuffix(".json").rpartition("/")[2])
            for role, name in (("config", image["Config"]), *(("layer", layer) for layer in layers)):
                yield from ((path, view) for view in self._saved_file(role, name))
            yield from self._diff_ids(path, image["Config"], layers)
        known = {digest.partition(":")[2] for digest in self._configs}
        if known and configs - known:
            why = "index.json and manifest.json lead to different images, and tools differ in which they load"
            yield path, AmbiguousManifest(path, why)

    def _saved_file(self, role: str, name: str) -> Iterator[Item]:
        if why := leaves(name):
            yield EscapingReference("manifest.json", role, name[:400], why)
        elif name in self._store.paths:
            self._reached.add(name)
            stem = name.removesuffix(".json").rpartition("/")[2]
            if len(stem) == 64 and not stem.strip("0123456789abcdef"):
                yield from self._compare_digest("manifest.json", f"{role} {name}", name, "sha256", stem)
        elif name not in self._links:
            yield BlobMissing("manifest.json", f"{role} {name[:200]}", role)

    def _diff_ids(self, path: str, config: str, layers: list[str]) -> Said:
        """The digests of the layers as plain tars, which the configuration holds."""
        if config not in self._store.paths:
            return
        try:
            document, _ = load(self._store.read(config, LIMIT))
        except AssayError as error:
            yield path, UnreadableDocument(config, error.message)
            return
        root = document.get("rootfs") if isinstance(document, dict) else None
        declared = root.get("diff_ids") if isinstance(root, dict) else None
        for layer, digest in zip(layers, declared if isinstance(declared, list) else [], strict=False):
            if layer in self._store.paths and isinstance(digest, str) and "tar" in self._store.formats(layer)[:1]:
                algorithm, _, value = digest.partition(":")
                for view in self._compare_digest(path, f"layer {layer}", layer, algorithm, value):
                    yield path, view

    def _unreferenced(self) -> Said:
        left = sorted(path for path in self._store.paths if path.startswith("blobs/") and path not in self._reached)
        for path in left[:_UNREFERENCED]:
            yield path, UnreferencedBlob(path, self._store.size(path))
        if len(left) > _UNREFERENCED:
            yield left[-1], Skipped("blobs", f"{len(left) - _UNREFERENCED:,} more that nothing refers to", holds=False)


def _references(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Everything that an index or manifest leads to, by its role."""
    for key, role in (("manifests", _MANIFEST), ("layers", "layer"), ("blobs", "blob")):
        for value in document.get(key) or [] if isinstance(document.get(key), list) else []:
            yield role, value
    if document.get("config") is not None and "layers" in document:
        yield "config", document["config"]


def _ambiguous(document: dict[str, Any], twice: list[str], media_type: str) -> Iterator[str]:
    """Ways in which two clients take the document for different things (CVE-2021-41190)."""
    for key in dict.fromkeys(twice[:20]):
        yield f"key {key[:100]!r} occurs twice in one object"
    if "manifests" in document and not {"layers", "config", "fsLayers"}.isdisjoint(document):
        yield "it is an index (`manifests`) and a manifest (`layers`, `config`) at once"
    own = document.get("mediaType")
    if media_type and isinstance(own, str) and own != media_type:
        yield f"its descriptor calls it {media_type!r}, it calls itself {own[:200]!r}"


def _embedded_fits(found: Descriptor) -> bool:
    """The `data` of a descriptor is the content that its digest and size speak of."""
    try:
        data = base64.b64decode(found.data, validate=True)
    except ValueError:
        return False
    if found.algorithm not in {"sha256", "sha512"}:
        return True
    return hashlib.new(found.algorithm, data).hexdigest() == found.value
