"""Installed environments: `*.dist-info` and `*.egg-info` of one folder that Python imports from."""

from assaymark.core.errors import AssayError
from assaymark.core.source.secrets import redact
from assaymark.library.documents import load_json, table, text
from assaymark.library.inventory import metadata
from assaymark.library.inventory.look import Look
from assaymark.library.inventory.model import Package
from assaymark.library.inventory.paths import Entry, traced
from assaymark.library.lock_details import hashes

_RECORD_LIMIT = 1 << 20


def read(look: Look, folders: list[str]) -> list[Package]:
    """Every distribution; direct are those that the installer marks as REQUESTED. What cannot be read is a gap."""
    entries = []
    for folder in folders:
        try:
            entries.append(_distribution(look, folder))
        except AssayError as error:
            look.gap(folder, error.message)
    asked = {entry.package.name: {"default"} for entry in entries if entry.package.direct}
    return traced(entries, asked or None, look.tick)


def _distribution(look: Look, folder: str) -> Entry:
    base = "METADATA" if f"{folder}/METADATA" in look.tree.files else "PKG-INFO"
    path = f"{folder}/{base}"
    header = metadata.headers(look.text(path, metadata.LIMIT))
    name, version = metadata.identity(header, path)
    address, origin, digests = _origin(look, folder)
    direct = True if f"{folder}/REQUESTED" in look.tree.files else None
    made = Package("PyPI", name, version, path, 0, "installed", digests, address, origin, direct, fixed=bool(digests))
    return Entry(made, metadata.needs(header))


def _origin(look: Look, folder: str) -> tuple[str, str, tuple[str, ...]]:
    """Address, kind and hashes, from direct_url.json (PEP 610)."""
    path = f"{folder}/direct_url.json"
    if path not in look.tree.files:
        return "", "index", ()
    found = load_json(look.text(path, _RECORD_LIMIT), path)
    address = redact(text(found.get("url")))[:1_000]
    archive = table(found, "archive_info")
    listed = [f"{kind}:{text(value)}" for kind, value in table(archive, "hashes").items()]
    origin = "git" if "vcs_info" in found else "url" if "archive_info" in found else "local"
    commit = text(table(found, "vcs_info").get("commit_id"))[:64]
    return f"{address}@{commit}" if commit else address, origin, hashes([*listed, text(archive.get("hash"))])
