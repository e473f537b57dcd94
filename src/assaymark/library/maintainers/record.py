"""What an index says of projects, as the content of a snapshot: people, releases, files, dependencies. Every size is bounded.

From PyPI's JSON API come people (`ownership`), mail addresses, releases and the dependencies of the newest one; from a
PEP 691 page come upload times (PEP 700), yanks, project status (PEP 792) and where the provenance lies (PEP 740).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from assaymark.core.clock import parse_timestamp
from assaymark.core.errors import Malformed
from assaymark.core.snapshot import Snapshot
from assaymark.core.strictjson import loads

KIND = "package-releases"
SCHEMA = "assaymark/release-snapshot/v1"
LIMIT = 64 << 20
_MOST_FILES, _MOST_NAMES, _LONGEST = 50_000, 5_000, 500
_MAIL = re.compile(r"[^\s@<>,;\"]{1,100}@([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+)")
_REQUIRED = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")
_SDIST = re.compile(r"^(?P<name>.+?)-(?P<version>\d[^-]*)\.(?:tar\.(?:gz|bz2|xz)|tgz|zip)$")


def content(answers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The content for `{name: {"json": …, "simple": …}}`; what is not as it should be is left out."""
    return {
        normal(name): _project(_table(said.get("json")), _table(said.get("simple"))) for name, said in answers.items()
    }


def normal(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name.strip().lower())


def to_json(snapshot: Snapshot) -> dict[str, Any]:
    """The document (docs/schemas/release-snapshot-v1.schema.json)."""
    head = {"schema": SCHEMA, "kind": snapshot.kind, "of": snapshot.of, "at": snapshot.at}
    return {**head, "digest": str(snapshot.digest), "content": snapshot.content}


def read_snapshot(data: bytes, what: str) -> Snapshot:
    """Raises Malformed for what is no snapshot, or does not have the digest that it says."""
    found = loads(data, what, limit=LIMIT)
    if not isinstance(found, dict) or found.get("schema") != SCHEMA or found.get("kind") != KIND:
        raise Malformed(f"{what} is no snapshot of releases", step="make one with: assay deps monitor snapshot")
    of, at, inside = found.get("of"), found.get("at"), found.get("content")
    if not isinstance(of, str) or not isinstance(at, str) or not _is_content(inside):
        raise Malformed(f"{what} lacks what a snapshot of releases has")
    try:
        parse_timestamp(at)
    except ValueError:
        raise Malformed(f"{what} has no time that can be read") from None
    snapshot = Snapshot(KIND, of, at, inside)
    if str(snapshot.digest) != found.get("digest"):
        raise Malformed(f"{what} does not have the digest that it says: it was changed or cut short")
    return snapshot


def _is_content(inside: Any) -> bool:
    """Whether the content is of the shape that `content` gives."""
    if not isinstance(inside, dict):
        return False
    return all(
        isinstance(one, dict)
        and all(isinstance(one.get(key), list) for key in ("owners", "maintainers", "mail", "requires"))
        and all(isinstance(text, str) for key in ("owners", "maintainers", "mail", "requires") for text in one[key])
        and all(isinstance(one.get(key), str) for key in ("organization", "status"))
        and isinstance(one.get("releases"), dict)
        and all(_is_release(release) for release in one["releases"].values())
        for one in inside.values()
    )


def _is_release(release: Any) -> bool:
    return isinstance(release, dict) and all(
        isinstance(row, dict)
        and all(isinstance(row.get(key), str) for key in ("at", "sha256", "yanked"))
        and isinstance(row.get("provenance"), bool)
        for row in release.values()
    )


def _project(said: Mapping[str, Any], page: Mapping[str, Any]) -> dict[str, Any]:
    info, ownership = _table(said.get("info")), _table(said.get("ownership"))
    roles = [(str(_text(role.get("role"))).lower(), _text(role.get("user"))) for role in _rows(ownership.get("roles"))]
    mail = {
        match[0].lower()
        for key in ("author_email", "maintainer_email")
        for match in _MAIL.finditer(str(info.get(key) or "")[:10_000])
    }
    required = (_REQUIRED.match(_text(one)) for one in _items(info.get("requires_dist")))
    status = page.get("project-status")
    return {
        "known": bool(said or page),
        "owners": sorted({user for role, user in roles if role == "owner" and user}),
        "maintainers": sorted({user for role, user in roles if role != "owner" and user}),
        "organization": _text(ownership.get("organization")),
        "mail": sorted(mail),
        "requires": sorted({normal(match[1]) for match in required if match}),
        "status": _text(status.get("status")) if isinstance(status, dict) else _text(status),
        "releases": _releases(said, page),
    }


def _releases(said: Mapping[str, Any], page: Mapping[str, Any]) -> dict[str, Any]:
    """By version and file name; the two answers tell of the same files, and each knows something more."""
    found: dict[str, dict[str, Any]] = {}
    places: dict[str, dict[str, Any]] = {}
    for version, row in _api_files(said):
        name = _text(row.get("filename"))
        if name:
            places[name] = found.setdefault(version, {})[name] = {
                "at": _moment(row.get("upload_time_iso_8601")), "sha256": _text(_table(row.get("digests")).get("sha256")),
                "yanked": _yanked(row.get("yanked"), row.get("yanked_reason")), "provenance": False,
            }  # fmt: skip
    for row in _rows(page.get("files"))[:_MOST_FILES]:
        name = _text(row.get("filename"))
        version = version_of(name)
        if name not in places and version:
            blank = {"at": "", "sha256": "", "yanked": "", "provenance": False}
            places[name] = found.setdefault(version, {})[name] = blank
        if name in places:
            kept = places[name]
            kept["at"] = kept["at"] or _moment(row.get("upload-time"))
            kept["sha256"] = _text(_table(row.get("hashes")).get("sha256")) or kept["sha256"]
            kept["yanked"] = _yanked(row.get("yanked"), "") or kept["yanked"]
            kept["provenance"] = bool(_text(row.get("provenance")))
    return found


def _api_files(said: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    count = 0
    for version, rows in _table(said.get("releases")).items():
        for row in _rows(rows):
            count += 1
            if count > _MOST_FILES:
                return
            yield version[:_LONGEST], row


def version_of(filename: str) -> str:
    """The version that the name of a wheel or sdist says; empty for another file."""
    if filename.endswith(".whl"):
        parts = filename.split("-")
        return parts[1] if len(parts) in {5, 6} else ""
    match = _SDIST.match(filename)
    return match["version"] if match else ""


def _yanked(said: Any, reason: Any) -> str:
    """The reason, or `yes`; empty where the file is not yanked."""
    if isinstance(said, str) and said:
        return _text(said)
    return (_text(reason) or "yes") if said is True else ""


def _moment(said: Any) -> str:
    text = _text(said)
    try:
        parse_timestamp(text)
    except ValueError:
        return ""
    return text


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> list[Any]:
    return value[:_MOST_NAMES] if isinstance(value, list) else []


def _rows(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value[:_MOST_FILES] if isinstance(row, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    return value[:_LONGEST].encode("utf-8", "replace").decode("utf-8")
