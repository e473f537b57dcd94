"""How libraries are laid into a draft: one component for each version, whatever file names it."""

import posixpath
from collections.abc import Iterable, Mapping
from typing import Any

from assaymark.bom.build.draft import Draft, Sight, Sketch
from assaymark.bom.document import Fact, Place, Status
from assaymark.core.errors import AssayError, Malformed, OverBudget, Unreadable
from assaymark.core.graph import EdgeKind, NodeKind
from assaymark.core.manifest import Manifest, ManifestFile

VENDORED = frozenset({"node_modules", "site-packages", "dist-packages", ".git", ".tox", ".nox", "__pycache__"})
"""Folders whose own manifests and scripts are not the project's."""
_MOST = 2_000
"""Elements of one list of a component."""


def library(
    draft: Draft, kind: str, name: str, version: str, place: Place, status: Status, pinned: Place | None = None
) -> Sketch:
    """The component of one version of a package; without a version, of the package. `kind` is a purl's type.

    `pinned`: where the version stands, if elsewhere than the name.
    """
    return _named(draft, purl(kind, name, version), name, version, (place, pinned or place), status)


def _named(draft: Draft, address: str, name: str, version: str, places: tuple[Place, Place], status: Status) -> Sketch:
    place, pinned = places
    from urllib.parse import unquote

    sketch = draft.component(NodeKind.LIBRARY, unquote(address) or f"library:{name}@{version}")
    sketch.say("name", name, status, place)
    sketch.say("version", version, status, pinned)
    if address:
        sketch.say("purl", address, Status.INFERRED if status is Status.DECLARED else status, place)
    return sketch


def conda(draft: Draft, name: str, version: str, place: Place, status: Status, **where: str) -> Sketch:
    """The same for one build of a conda package; `where`: build, channel, subdir."""
    address = purl("conda", name, version, {key: value for key, value in sorted(where.items()) if value})
    sketch = _named(draft, address, name, version, (place, place), status)
    for key, value in where.items():
        sketch.say(key, value, status, place)
    return sketch


def purl(kind: str, name: str, version: str, qualifiers: Mapping[str, str] | None = None) -> str:
    """The package URL, or "" where the name is none."""
    from packageurl import PackageURL

    namespace, _, bare = name.rpartition("/") if kind == "npm" else ("", "", name)
    try:
        made = PackageURL(kind, namespace or None, bare, version or None, dict(qualifiers or {}) or None)
        return str(made.to_string())
    except ValueError:
        return ""


def joined(sketch: Sketch, name: str, values: Iterable[str], status: Status, place: Place) -> None:
    """State that a list has these elements, too; two locks may know different files of one version."""
    new = list(values)
    old = sketch.facts.get(name)
    if not new:
        return
    if old is None or not isinstance(old.value, list):
        sketch.say(name, sorted(set(new))[:_MOST], status, place)
        return
    merged = sorted({*old.value, *new})[:_MOST]
    places = tuple(dict.fromkeys((*old.places, place)))
    note = old.note
    if name == "digests" and not set(new) & set(old.value):
        note = f"{place.path} and {old.places[0].path if old.places else 'another file'} have no file in common"
    sketch.facts[name] = Fact(merged, old.status, places, note)


def directly(sketch: Sketch, status: Status, place: Place, *, direct: bool, note: str = "") -> None:
    """State whether the project asks for it itself; true where any file says so."""
    old = sketch.facts.get("direct")
    if old is None or (direct and old.value is False):
        sketch.facts["direct"] = Fact(direct, status, (place,), note)
    elif old.value is direct and place not in old.places:
        sketch.facts["direct"] = Fact(direct, old.status, (*old.places, place), old.note)


def environment(sight: Sight, draft: Draft, path: str, tool: str) -> Sketch:
    """The component of a file that says what is installed; the model that it stands with depends on it."""
    sketch = draft.component(NodeKind.ENVIRONMENT, f"environment:{path}")
    file = Place(path)
    sketch.say("name", path, Status.OBSERVED, file)
    sketch.say("path", path, Status.OBSERVED, file)
    sketch.say("format", tool, Status.OBSERVED, file)
    sketch.say("sha256", sight.sha256.get(path), Status.OBSERVED, file)
    if path in sight.tree.files:
        sketch.say("size", sight.tree.files[path].size, Status.OBSERVED, file)
    above = owner(draft, path)
    if above:
        draft.relate(above, EdgeKind.DEPENDS_ON, sketch, Status.DECLARED, file)
    return sketch


def folder_digest(sight: Sight, folder: str) -> str:
    """The identity of all that is below a folder (core.manifest), "" where not every file has a digest."""
    lead = f"{folder}/" if folder not in {"", "."} else ""
    files = []
    for path, digest in sight.sha256.items():
        if path.startswith(lead) and path in sight.tree.files:
            files.append(ManifestFile(path[len(lead) :], sight.tree.files[path].size, digest))
    whole = len(files) == sum(path.startswith(lead) for path in sight.tree.files)
    try:
        return str(Manifest.of(files).digest) if files and whole else ""
    except Malformed:
        return ""  # a path that means different files on different systems


def owner(draft: Draft, path: str) -> str:
    """The ref of the model in whose folder a file stands: the innermost one, else the subject."""
    best, depth = draft.subject, -1
    for sketch in draft.sketches.values():
        if sketch.kind in {NodeKind.ENVIRONMENT, NodeKind.LIBRARY}:
            break  # models are laid before all else
        if sketch.kind is not NodeKind.MODEL or sketch.ref == draft.subject:
            continue
        fact = sketch.facts.get("path")
        folder = fact.value if fact is not None and isinstance(fact.value, str) else ""
        folder = folder.rstrip("/")
        if folder and f"{path}/".startswith(f"{folder}/") and len(folder) > depth:
            best, depth = sketch.ref, len(folder)
    return best


def text(sight: Sight, path: str, limit: int) -> str:
    """A text file; raises Malformed, OverBudget or Unreadable."""
    from assaymark.core.source.text import decode

    if path not in sight.tree.files:
        raise Unreadable(f"{path} is not there")
    if sight.tree.files[path].size > limit:
        size = sight.tree.files[path].size
        raise OverBudget(f"{path} is {size:,} bytes long, more than the {limit:,} that are looked at")
    return decode(sight.tree.read(path, limit), path)


def json_of(sight: Sight, path: str, limit: int) -> dict[str, Any]:
    """A JSON object of a stranger."""
    from assaymark.core.strictjson import loads

    found = loads(text(sight, path, limit).encode("utf-8"), path, floats=True)
    if not isinstance(found, dict):
        raise Malformed(f"{path} is not a JSON object")
    return found


def loose_json(sight: Sight, path: str, limit: int) -> dict[str, Any]:
    """A JSON object as trackers write it: NaN and numbers that are out of range become None."""
    from assaymark.library.documents import load_json

    return load_json(text(sight, path, limit), path, loose=True)


def unread(draft: Draft, sketch: Sketch | str, what: str, error: AssayError) -> None:
    """A file that could not be read is a gap, never silence."""
    draft.gap(sketch, what, error.message[:500], error.step or "assay scan on the file says where it is broken")


def beside(path: str, name: str) -> str:
    """The path of a file in the same folder."""
    return posixpath.join(posixpath.dirname(path), name)


def vendored(path: str) -> bool:
    """It came with a package, or belongs to a tool."""
    return not VENDORED.isdisjoint(path.split("/")[:-1])
