"""Installed environments in the folder: `*.dist-info` of pip and uv, `conda-meta` of conda, wheels at rest.

What is there is observed; where RECORD names the digest of each file and the bytes agree, it is verified.
"""

import base64
import binascii
import csv
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from assaymark.bom.build.draft import Draft, Sight, Sketch
from assaymark.bom.build.libraries_laid import Laid
from assaymark.bom.build.libraries_lay import (
    conda,
    directly,
    environment,
    folder_digest,
    joined,
    json_of,
    library,
    text,
    unread,
)
from assaymark.bom.document import Fact, Place, Status
from assaymark.core.errors import AssayError, Malformed, OverBudget
from assaymark.core.graph import EdgeKind
from assaymark.library.inventory.metadata import headers, required
from assaymark.library.lock_details import Detail, Need, hashes

_LIMIT = 4 << 20
_RECORD_LIMIT = 64 << 20
_MOST_FILES = 500_000
"""Lines of one RECORD."""
_SHOWN = 20
"""Paths that are named of those that differ."""
_DIST = re.compile(r"(?P<folder>(?:.*/)?)(?P<name>[^/]+)\.(?:dist-info|egg-info)")
_WHEEL = re.compile(r"(?P<name>[A-Za-z0-9_.]+)-(?P<version>[^-/]+)(?:-\d[^-/]*)?-[^-/]+-[^-/]+-[^-/]+\.whl")
_SITE = re.compile(r"(?:^|/)(?:site|dist)-packages$")


def gather(sight: Sight, draft: Draft) -> None:
    """Lay every installed environment into the draft."""
    places: dict[str, list[str]] = {}
    metas: dict[str, list[str]] = {}
    for path in sorted(sight.tree.files):
        folder, _, base = path.rpartition("/")
        if base in {"METADATA", "PKG-INFO"} and _DIST.fullmatch(folder):
            places.setdefault(posixpath.dirname(folder), []).append(folder)
        elif base.endswith(".json") and posixpath.basename(folder) == "conda-meta":
            metas.setdefault(posixpath.dirname(folder), []).append(path)
        elif base.endswith(".whl") and (match := _WHEEL.fullmatch(base)):
            _wheel(sight, draft, path, match)
    for place, folders in places.items():
        _site(sight, draft, place, folders)
    for prefix, paths in metas.items():
        _conda(sight, draft, prefix, paths)


@dataclass(slots=True)
class Checked:
    """What RECORD says against what is there."""

    listed: int = 0
    agreed: int = 0
    unhashed: int = 0
    changed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Every file that has a digest has these bytes."""
        return self.agreed > 0 and not self.changed and not self.missing

    def told(self) -> dict[str, Any]:
        """As the value of a fact."""
        told: dict[str, Any] = {"files": self.listed, "agreed": self.agreed, "unhashed": self.unhashed}
        for name, paths in (("changed", self.changed), ("missing", self.missing)):
            if paths:
                told[name] = len(paths)
                told[f"{name}_paths"] = paths[:_SHOWN]
        return told


def _site(sight: Sight, draft: Draft, place: str, folders: list[str]) -> None:
    """One folder that Python imports from."""
    root = place or "."
    sketch = environment(sight, draft, root, "installed")
    sketch.say("manifest", folder_digest(sight, place), Status.OBSERVED, Place(root))
    laid = Laid(draft, sketch, root, None, status=Status.OBSERVED)
    recorded: set[str] = set()
    for folder in folders:
        sight.budget.tick()
        try:
            _distribution(sight, draft, laid, folder, recorded)
        except AssayError as error:
            unread(draft, sketch, f"libraries of {folder}", error)
    laid.edges(tick=sight.budget.tick)
    _unrecorded(sight, draft, sketch, place, recorded)


def _distribution(sight: Sight, draft: Draft, laid: Laid, folder: str, recorded: set[str]) -> None:
    from packaging.utils import canonicalize_name

    base = "METADATA" if f"{folder}/METADATA" in sight.tree.files else "PKG-INFO"
    source = f"{folder}/{base}"
    header = headers(text(sight, source, _LIMIT))
    name, version = header.get("name", [""])[0], header.get("version", [""])[0]
    if not name or not version:
        raise Malformed(f"{source} has no name or no version")
    place = Place(source)
    checked = _record(sight, folder, recorded)
    made = library(draft, "pypi", canonicalize_name(name[:200]), version[:200], place, Status.OBSERVED)
    made.say("license", _license(header), Status.DECLARED, place)
    made.say("homepage", header.get("home-page", [""])[0][:500], Status.DECLARED, place)
    _installer(sight, made, folder)
    _verified(draft, made, folder, checked)
    needs = [Need(n) for n in required(header.get("requires-dist", []))]
    asked = f"{folder}/REQUESTED"
    if asked in sight.tree.files:
        directly(made, Status.OBSERVED, Place(asked), direct=True)
    detail = Detail(needs=tuple(needs), direct=True if asked in sight.tree.files else None)
    laid.add(made, canonicalize_name(name[:200]), version, detail, place)


def _verified(draft: Draft, made: Sketch, folder: str, checked: Checked | None) -> None:
    record = Place(f"{folder}/RECORD")
    if checked is None:
        draft.gap(made, "record", f"{folder} has no RECORD: its files cannot be verified", "install it from a wheel")
        return
    status = Status.VERIFIED if checked.whole else Status.OBSERVED
    made.say("record", checked.told(), status, record)
    if checked.whole:
        version = made.facts["version"]
        places = tuple(dict.fromkeys((*version.places, record)))
        made.facts["version"] = Fact(version.value, Status.VERIFIED, places, version.note)
    elif checked.changed or checked.missing:
        what = ", ".join([*checked.changed, *checked.missing][:5])
        why = f"{len(checked.changed)} files differ from RECORD and {len(checked.missing)} are missing: {what}"
        draft.gap(made, "record", why[:500], "pip install --force-reinstall --no-deps it, or find out who changed it")


def _record(sight: Sight, folder: str, recorded: set[str]) -> Checked | None:
    """RECORD against the digests of the files that are there (PyPA: Recording installed projects)."""
    path = f"{folder}/RECORD"
    if path not in sight.tree.files:
        return None
    top = posixpath.dirname(folder)
    checked = Checked()
    try:
        for row in csv.reader(text(sight, path, _RECORD_LIMIT).splitlines()):
            checked.listed += 1
            if checked.listed > _MOST_FILES:
                raise OverBudget(f"{path} lists more than {_MOST_FILES:,} files")
            if row:
                _line(sight, top, row, checked, recorded)
    except csv.Error as error:
        raise Malformed(f"{path} is no CSV: {error}") from None
    return checked


def _line(sight: Sight, top: str, row: list[str], checked: Checked, recorded: set[str]) -> None:
    name = row[0].replace("\\", "/")
    file = posixpath.normpath(posixpath.join(top, name))
    recorded.add(file)
    algorithm, _, coded = (row[1] if len(row) > 1 else "").partition("=")
    if algorithm != "sha256":
        checked.unhashed += 1
        return
    observed = sight.sha256.get(file)
    if file.startswith(("../", "/")) or (observed is None and file not in sight.tree.files):
        if not file.startswith("..") and not name.startswith(".."):
            checked.missing.append(file)
        return  # a script of bin/, outside of what was looked at
    if observed is not None and observed == unbased(coded):
        checked.agreed += 1
    else:
        checked.changed.append(file)


def unbased(coded: str) -> str:
    """URL-safe base64 without padding, as RECORD has it, in hexadecimal; "" where it is none."""
    try:
        return base64.urlsafe_b64decode(coded[:100] + "=" * (-len(coded) % 4)).hex()
    except (binascii.Error, ValueError):
        return ""


def _unrecorded(sight: Sight, draft: Draft, sketch: Sketch, place: str, recorded: set[str]) -> None:
    """Files among installed packages that no package brought: `.pth` files run at every start of Python."""
    if not recorded or not _SITE.search(place):
        return
    lead = f"{place}/"
    strange = [
        path
        for path in sorted(sight.tree.files)
        if path.startswith(lead) and path not in recorded and not path.endswith(".pyc")
    ]
    if strange:
        starting = [path for path in strange if path.endswith((".pth", "sitecustomize.py", "usercustomize.py"))]
        value = {"files": len(strange), "paths": [*starting, *(p for p in strange if p not in starting)][:_SHOWN]}
        sketch.say("unrecorded", value, Status.OBSERVED, Place(place))
        why = f"{len(strange)} files that no RECORD lists: {', '.join(value['paths'][:5])}"  # type: ignore[index] # a list
        draft.gap(sketch, "unrecorded", why[:500], "make the environment anew from its lock")


def _installer(sight: Sight, made: Sketch, folder: str) -> None:
    path = f"{folder}/INSTALLER"
    if path in sight.tree.files:
        made.say("installer", text(sight, path, 1_000).strip()[:100], Status.OBSERVED, Place(path))
    path = f"{folder}/direct_url.json"
    if path not in sight.tree.files:
        return
    place = Place(path)
    found = json_of(sight, path, _LIMIT)
    from assaymark.core.source.secrets import redact

    address = found.get("url")
    made.say("download", redact(address)[:1_000] if isinstance(address, str) else None, Status.OBSERVED, place)
    vcs, archive, folder_info = (found.get(key) for key in ("vcs_info", "archive_info", "dir_info"))
    if isinstance(vcs, dict) and isinstance(vcs.get("commit_id"), str):
        made.say("revision", vcs["commit_id"][:64], Status.OBSERVED, place)
    if isinstance(archive, dict):
        listed = archive.get("hashes")
        values = [f"{k}:{v}" for k, v in listed.items()] if isinstance(listed, dict) else [str(archive.get("hash"))]
        joined(made, "digests", hashes(values), Status.OBSERVED, place)
    if isinstance(folder_info, dict) and folder_info.get("editable") is True:
        made.say("editable", value=True, status=Status.OBSERVED)


def _license(header: Mapping[str, list[str]]) -> str:
    expression = header.get("license-expression", [""])[0] or header.get("license", [""])[0]
    if 0 < len(expression) < 200:
        return expression
    named = [c.rpartition("::")[2].strip() for c in header.get("classifier", []) if c.startswith("License ::")]
    return " AND ".join(named)[:200]


def _wheel(sight: Sight, draft: Draft, path: str, match: re.Match[str]) -> None:
    """A wheel that lies in the folder: the digest of its bytes is what a lock would name."""
    from packaging.utils import canonicalize_name

    place = Place(path)
    made = library(draft, "pypi", canonicalize_name(match["name"]), match["version"], place, Status.DECLARED)
    digest = sight.sha256.get(path)
    joined(made, "digests", [f"sha256:{digest}"] if digest else [], Status.OBSERVED, place)
    if draft.subject:
        draft.relate(draft.subject, EdgeKind.CONTAINS, made, Status.OBSERVED, place)


def _conda(sight: Sight, draft: Draft, prefix: str, paths: list[str]) -> None:
    root = f"{prefix}/conda-meta" if prefix else "conda-meta"
    sketch = environment(sight, draft, root, "conda")
    laid = Laid(draft, sketch, root, None, status=Status.OBSERVED)
    for path in paths:
        sight.budget.tick()
        try:
            _conda_package(sight, draft, laid, prefix, path)
        except AssayError as error:
            unread(draft, sketch, f"libraries of {path}", error)
    laid.edges(tick=sight.budget.tick)


def _conda_package(sight: Sight, draft: Draft, laid: Laid, prefix: str, path: str) -> None:
    found = json_of(sight, path, _RECORD_LIMIT)
    name, version = _text(found, "name").lower(), _text(found, "version")
    if not name or not version:
        raise Malformed(f"{path} has no name or no version")
    place = Place(path)
    channel = _text(found, "channel").rstrip("/")
    channel = channel.removesuffix("/" + _text(found, "subdir")).rpartition("/")[2]
    made = conda(
        draft, name, version, place, Status.OBSERVED,
        build=_text(found, "build"), channel=channel, subdir=_text(found, "subdir"),
    )  # fmt: skip
    joined(made, "digests", hashes(f"{k}:{_text(found, k)}" for k in ("sha256", "md5")), Status.DECLARED, place)
    made.say("license", _text(found, "license")[:200], Status.DECLARED, place)
    made.say("download", _text(found, "url"), Status.DECLARED, place)
    depends = [item for item in found.get("depends", []) if isinstance(item, str)][:2_000]
    needs = {re.split(r"[\s=<>!~;\[(]", item, maxsplit=1)[0].lower() for item in depends}
    direct = True if _text(found, "requested_spec") not in {"", "None"} else None
    kept = tuple(Need(need) for need in sorted(needs) if not need.startswith("__"))
    laid.add(made, name, version, Detail(needs=kept, direct=direct), place)
    checked = _conda_files(sight, prefix, found)
    if checked.listed:
        made.say("record", checked.told(), Status.VERIFIED if checked.whole else Status.OBSERVED, place)


def _conda_files(sight: Sight, prefix: str, found: Mapping[str, Any]) -> Checked:
    checked = Checked()
    data = found.get("paths_data")
    listed = data.get("paths") if isinstance(data, dict) else None
    for row in (listed if isinstance(listed, list) else [])[:_MOST_FILES]:
        if not isinstance(row, dict) or not isinstance(row.get("_path"), str):
            continue
        checked.listed += 1
        file = posixpath.normpath(posixpath.join(prefix, row["_path"]))
        digest = row.get("sha256_in_prefix") or row.get("sha256")
        observed = sight.sha256.get(file)
        if not isinstance(digest, str):
            checked.unhashed += 1
        elif observed is None:
            checked.missing.append(file)
        elif observed == digest:
            checked.agreed += 1
        else:
            checked.changed.append(file)
    return checked


def _text(found: Mapping[str, Any], key: str) -> str:
    value = found.get(key)
    return value[:1_000] if isinstance(value, str) else ""
