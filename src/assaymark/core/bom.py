"""Which files a bill of materials names, and by which digests: so much of CycloneDX and SPDX documents, and no more.

This is what a serving host reads of one, so it is short and needs the standard library alone. `assaymark.bom` reads them whole.
Predicate types: in-toto attestation, spec/predicates/cyclonedx.md, spdx2.md and spdx3.md.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from assaymark.core.errors import Malformed
from assaymark.core.manifest import Manifest
from assaymark.core.record import dataclass
from assaymark.core.strictjson import loads

CYCLONEDX, SPDX, SPDX3 = "https://cyclonedx.org/bom", "https://spdx.dev/Document", "https://spdx.dev/Document/v3"
TYPES = frozenset((CYCLONEDX, SPDX, SPDX3))
ROLES = ("publisher", "scanner")
"""Who may sign one about a version: who knows what went in, or who looked."""
LIMIT = 8 << 20
"""Bytes of a statement that a registry takes: it comes with every bundle."""
TOGETHER = 16 << 20
"""Bytes of all that count for one version."""
_PATH = "assaymark:fact:path"
"""The property of a CycloneDX component that says where in the folder it stands (bom.cyclonedx)."""
_IN_FOLDER = frozenset(("file", "data", "machine-learning-model"))
"""Types of components of which it is the place of the component itself."""
_MANIFEST = re.compile(r"assaymark-manifest(?:-v1)?:([0-9a-f]{64})")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_OTHER = frozenset(
    (
        "md", "rst", "txt", "csv", "tsv", "json", "jsonl", "yaml", "yml", "toml", "ini", "cfg", "conf", "lock", "py", "pyi",
        "ipynb", "sh", "html", "htm", "css", "js", "jinja", "j2", "template", "png", "jpg", "jpeg", "gif", "svg", "webp",
        "bmp", "ico", "pdf", "gitattributes", "gitignore", "gitkeep", "keep", "license", "licence", "notice", "sha256",
        "sha512", "md5", "sig", "asc",
    )
)  # fmt: skip
"""What follows the last dot of names from which no loader takes weights, but for `_TEXT_WEIGHTS`."""
_WORDS = frozenset(
    ("license", "licence", "notice", "copying", "readme", "authors", "changelog", "dockerfile", "makefile")
)
_TEXT_WEIGHTS = re.compile(r"(?:.*[._-])?(?:model|booster|weights|xgboost|lightgbm|catboost)[._-]?\d*\.(?:json|txt)")
"""Tree ensembles are kept as text (XGBoost, LightGBM, CatBoost)."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What a document names. `files`: (path in the folder, sha256); `digests`: every sha256 of a component."""

    files: tuple[tuple[str, str], ...]
    digests: frozenset[str]
    manifests: frozenset[str]
    """Digests of folders that the document says it is about, hexadecimal."""


def holds_weights(path: str) -> bool:
    """Whether a loader may take weights from a file of that name: every file, but for text, configuration and pictures."""
    name = path.rpartition("/")[2].casefold()
    if _TEXT_WEIGHTS.fullmatch(name):
        return True
    return name not in _WORDS and name.rpartition(".")[2] not in _OTHER


def read(document: Mapping[str, Any], kind: str) -> Listed:
    """What a predicate of that type names; raises Malformed for what is no such document."""
    if kind == CYCLONEDX and document.get("bomFormat") == "CycloneDX":
        found = list(_cyclonedx(document))
    elif kind == SPDX3 and isinstance(document.get("@graph"), list):
        found = list(_spdx3(document))
    elif kind == SPDX and str(document.get("spdxVersion")).startswith("SPDX-2."):
        found = list(_spdx2(document))
    else:
        raise Malformed(f"the predicate is no document of its type {kind!r:.60}", step="make it anew: assay bom sign")
    return Listed(
        tuple(sorted({(path, sha256) for path, sha256 in found if path and sha256})),
        frozenset(sha256 for _, sha256 in found if sha256),
        frozenset(_about(document, kind)),
    )


def disagreements(listed: Listed, manifest: Manifest) -> list[str]:
    """What of a document is not so in a folder, a line for each.

    Nothing, where every file that it names is there as it says, it is about no other folder, and it names each file that
    may hold weights by its sha256.
    """
    there = {file.path: file.sha256 for file in manifest.files}
    wrong = [
        f"{path!r:.200} is named with sha256 {sha256}, and is {there.get(path, 'not there')}"
        for path, sha256 in listed.files
        if there.get(path) != sha256
    ]
    if listed.manifests and manifest.digest.value not in listed.manifests:
        wrong.append(f"it is about the folder {min(listed.manifests)}, not about {manifest.digest}")
    wrong += [
        f"{file.path!r:.200} is not named: nothing in it has sha256 {file.sha256}"
        for file in manifest.files
        if file.sha256 not in listed.digests and holds_weights(file.path)
    ]
    return wrong


def _cyclonedx(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Components and what is nested in them; not their pedigree, which are others' files."""
    for item in _components(document):
        path = next((_plain(text) for name, text in _properties(item) if name == _PATH), "")
        if item.get("type") not in _IN_FOLDER:
            path = ""
        elif not path and item.get("type") == "file":
            path = _text(item, "name")
        yield from _named(path, _hashes(item, "hashes", "alg", "content", "SHA-256"))


def _components(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    root = document.get("metadata", {})
    if not isinstance(root, Mapping):
        raise Malformed("the metadata of the document is no object")
    level = [
        *_objects(document, "components"),
        *([root["component"]] if isinstance(root.get("component"), dict) else ()),
    ]
    while level:
        yield from level
        level = [part for item in level for part in _objects(item, "components")]


def _spdx3(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    graph = _objects(document, "@graph")
    known = {item["@id"]: item for item in graph if isinstance(item.get("@id"), str)}
    for item in graph:
        used = item.get("verifiedUsing", [])
        if not isinstance(used, list):
            raise Malformed("verifiedUsing of an element is not a list")
        hashes = [known.get(one, {}) if isinstance(one, str) else one for one in used]
        is_file = item.get("type") == "software_File" and item.get("software_fileKind", "file") == "file"
        path = _text(item, "name") if is_file else ""
        yield from _named(path, _hashes({"hashes": hashes}, "hashes", "algorithm", "hashValue", "sha256"))


def _spdx2(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for item in _objects(document, "files"):
        yield from _named(_text(item, "fileName"), _hashes(item, "checksums", "algorithm", "checksumValue", "SHA256"))
    for item in _objects(document, "packages"):
        yield from _named("", _hashes(item, "checksums", "algorithm", "checksumValue", "SHA256"))


def _about(document: Mapping[str, Any], kind: str) -> Iterator[str]:
    """The folders that the document's subject says it is."""
    roots: list[Any]
    if kind == CYCLONEDX:
        roots = [document.get("metadata", {}).get("component")]
    elif kind == SPDX3:
        graph = _objects(document, "@graph")
        named = {one for item in graph for one in _texts(item, "rootElement")}
        roots = [item for item in graph if item.get("spdxId") in named and item.get("type") != "software_Sbom"]
    else:
        described = set(_texts(document, "documentDescribes"))
        described |= {
            _text(one, "relatedSpdxElement")
            for one in _objects(document, "relationships")
            if one.get("relationshipType") == "DESCRIBES"
        }
        roots = [item for item in _objects(document, "packages") if item.get("SPDXID") in described]
    texts = [text for root in roots if isinstance(root, dict) for text in _every_text(root)]
    for text in texts:
        if match := _MANIFEST.fullmatch(text):
            yield match[1]


def _every_text(root: Mapping[str, Any]) -> Iterator[str]:
    """The texts of an object, but not those of components that are nested in it, or that it was made from."""
    level: list[Any] = [value for name, value in root.items() if name not in {"components", "pedigree"}]
    while level:
        yield from (item for item in level if isinstance(item, str))
        level = [
            part
            for item in level
            if isinstance(item, dict | list)
            for part in (item.values() if isinstance(item, dict) else item)
        ]


def _named(path: str, digests: list[str]) -> Iterator[tuple[str, str]]:
    path = path.removeprefix("./")
    yield from ((path, digest) for digest in digests)


def _plain(text: str) -> str:
    """A text that could be read as JSON is written as JSON."""
    found = loads(text.encode(), "a path") if text.startswith('"') else text
    return found if isinstance(found, str) else ""


def _properties(item: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for one in _objects(item, "properties"):
        yield _text(one, "name"), _text(one, "value")


def _hashes(item: Mapping[str, Any], field: str, algorithm: str, value: str, wanted: str) -> list[str]:
    found = [_text(one, value) for one in _objects(item, field) if one.get(algorithm) == wanted]
    if wrong := [text for text in found if not _SHA256.fullmatch(text)]:
        raise Malformed(f"{wrong[0]!r:.100} is no sha256", step="see where: assay bom validate")
    return [text.lower() for text in found]


def _objects(item: Mapping[str, Any], field: str) -> list[Mapping[str, Any]]:
    found = item.get(field, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Malformed(f"{field} is not a list of objects", step="see where: assay bom validate")
    return found


def _texts(item: Mapping[str, Any], field: str) -> list[str]:
    found = item.get(field, [])
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _text(item: Mapping[str, Any], field: str) -> str:
    found = item.get(field, "")
    return found if isinstance(found, str) else ""
