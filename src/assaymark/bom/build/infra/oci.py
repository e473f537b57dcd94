"""Images at rest: OCI image layouts in the folder (OCI Image Layout Specification 1.1), each blob named by its digest."""

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from assaymark.bom.build.draft import Draft, Sight, Sketch
from assaymark.bom.build.environment_values import plain
from assaymark.bom.build.infra.lay import image
from assaymark.bom.build.libraries_lay import json_of, unread
from assaymark.bom.document import Place, Status
from assaymark.core.errors import AssayError, Malformed
from assaymark.core.graph import EdgeKind, NodeKind
from assaymark.infra.image import image_name

_LIMIT = 4 << 20
_MOST = 200
"""Manifests of one layout, those of its indexes included."""
_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_CONFIGS = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")
_NAME = "org.opencontainers.image.ref.name"
_BASE = "org.opencontainers.image.base"


def gather(sight: Sight, draft: Draft) -> None:
    """Lay every image of every layout of the folder."""
    for path in sorted(sight.tree.files):
        folder, _, base = path.rpartition("/")
        index = posixpath.join(folder, "index.json")
        if base == "oci-layout" and index in sight.tree.files:
            try:
                _layout(sight, draft, folder, index)
            except AssayError as error:
                unread(draft, draft.component(NodeKind.FILE, f"file:{index}"), "images", error)


def _layout(sight: Sight, draft: Draft, folder: str, index: str) -> None:
    for place, descriptor, manifest in _manifests(sight, folder, index):
        sight.budget.tick()
        config = manifest.get("config")
        if not isinstance(config, dict) or config.get("mediaType") not in _CONFIGS:
            continue  # an artifact: a model or a dataset, which is no image
        digest = str(descriptor.get("digest"))
        notes = _table(descriptor, "annotations")
        named = str(notes.get(_NAME) or "")[:200]
        written = f"{named or posixpath.basename(folder) or 'image'}@{digest}"
        made = image(draft, image_name(written), written, Status.OBSERVED, place)
        _verified(sight, made, folder, digest, place)
        _configured(sight, draft, made, folder, config)
        _base(draft, made, {**notes, **_table(manifest, "annotations")}, place)
        if draft.subject:
            draft.relate(draft.subject, EdgeKind.RUNS_ON, made, Status.INFERRED, place)


def _manifests(sight: Sight, folder: str, index: str) -> Iterator[tuple[Place, Mapping[str, Any], Mapping[str, Any]]]:
    """(place, descriptor, manifest) of every manifest, through indexes of indexes."""
    pending = [index]
    seen: set[str] = set()
    count = 0
    while pending:
        path = pending.pop()
        if path in seen:
            continue
        seen.add(path)
        listed = json_of(sight, path, _LIMIT).get("manifests")
        for number, descriptor in enumerate(listed if isinstance(listed, list) else []):
            count += 1
            if count > _MOST:
                raise Malformed(f"{index} leads to more than {_MOST} manifests")
            blob = _blob(folder, descriptor)
            if blob is None or blob not in sight.tree.files:
                continue
            if descriptor.get("mediaType") in _INDEXES:
                pending.append(blob)
            else:
                yield Place(path, f"/manifests/{number}"), descriptor, json_of(sight, blob, _LIMIT)


def _blob(folder: str, descriptor: object) -> str | None:
    """Where the content of a descriptor lies."""
    digest = descriptor.get("digest") if isinstance(descriptor, dict) else None
    algorithm, _, value = digest.partition(":") if isinstance(digest, str) else ("", "", "")
    if algorithm not in {"sha256", "sha512"} or not value.isalnum():
        return None
    return posixpath.join(folder, "blobs", algorithm, value)


def _verified(sight: Sight, made: Sketch, folder: str, digest: str, place: Place) -> None:
    algorithm, _, value = digest.partition(":")
    blob = posixpath.join(folder, "blobs", algorithm, value)
    observed = sight.sha256.get(blob)
    if algorithm == "sha256" and observed == value:
        made.say("sha256", observed, Status.VERIFIED, Place(blob))
    elif observed is not None and algorithm == "sha256":
        made.facts["sha256"] = _contradicted(observed, value, place, Place(blob))


def _contradicted(observed: str, claimed: str, place: Place, blob: Place) -> Any:
    from assaymark.bom.document import Fact

    return Fact(observed, Status.OBSERVED, (blob,), f"{place.path} says {claimed}: the bytes are others")


def _configured(sight: Sight, draft: Draft, made: Sketch, folder: str, descriptor: Mapping[str, Any]) -> None:
    path = _blob(folder, descriptor)
    if path is None or path not in sight.tree.files:
        draft.gap(made, "config", "its configuration is not in the layout", "")
        return
    place = Place(path)
    config = json_of(sight, path, _LIMIT)
    for key in ("architecture", "os", "created"):
        value = config.get(key)
        made.say(key, value[:100] if isinstance(value, str) else None, Status.OBSERVED, place)
    from assaymark.bom.build.infra.gather import SETTINGS

    listed = _table(config, "config").get("Env")
    settings = {}
    for pair in (listed if isinstance(listed, list) else [])[:500]:
        name, equals, value = pair.partition("=") if isinstance(pair, str) else ("", "", "")
        shown = plain(name, value, 300)
        if equals and name.startswith((*SETTINGS, "NV_", "PYTHON_VERSION")) and shown is not None:
            settings[name[:100]] = shown
    made.say("settings", settings, Status.OBSERVED, place)


def _base(draft: Draft, made: Sketch, notes: Mapping[str, Any], place: Place) -> None:
    """The image that it was built from, where the builder noted it."""
    name, digest = notes.get(f"{_BASE}.name"), notes.get(f"{_BASE}.digest")
    if isinstance(name, str) and name:
        written = f"{name[:200]}@{digest}" if isinstance(digest, str) else name[:200]
        base = image(draft, image_name(written), written, Status.DECLARED, place)
        draft.relate(made, EdgeKind.DESCENDANT_OF, base, Status.DECLARED, place)


def _table(found: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = found.get(key)
    return value if isinstance(value, dict) else {}
