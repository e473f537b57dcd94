"""Installed packages of this interpreter, and whether their files are still those that RECORD lists."""

import base64
import binascii
import csv
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Sequence
from typing import Any

_BLOCK = 1 << 20
_METADATA = 1 << 20
_RECORD = 64 << 20
_MOST_FILES = 2_000_000
"""Files of all packages together."""
_MOST_BYTES = 256 << 30
_SHOWN = 50
_INFO = (".dist-info", ".egg-info")
_STARTUP = re.compile(r".*\.pth|(?:site|user)customize\.py|_virtualenv\.py")
_USERINFO = re.compile(r"(?<=//)[^/@\s]+@")
_HASH = re.compile(r"sha(?:256|384|512)=[0-9a-f]{64,128}")


class Packages:
    """What is found; each package once: the first on the path is the one that Python imports."""

    def __init__(self, *, verify: bool) -> None:
        self.found: list[dict[str, Any]] = []
        self.startup: list[dict[str, str]] = []
        self.unrecorded: dict[str, Any] = {"files": 0, "paths": []}
        self.gaps: list[dict[str, str]] = []
        self.versions: dict[str, str] = {}
        self._verify = verify
        self._files = 0
        self._bytes = 0

    def look(self, paths: Sequence[str], prefix: str) -> None:
        """Look at every folder that Python imports from, and at conda's notes below `prefix`."""
        for path in dict.fromkeys(os.path.realpath(path or os.curdir) for path in paths):
            recorded: set[str] = set()
            names = [name for name in _listed(path) if name.endswith(_INFO)]
            for name in names:
                self._distribution(path, name, recorded)
            if os.path.basename(path) in {"site-packages", "dist-packages"}:
                self._unrecorded(path, recorded)
        for name in _listed(os.path.join(prefix, "conda-meta")):
            if name.endswith(".json"):
                self._conda(os.path.join(prefix, "conda-meta", name))
        self.found.sort(key=lambda row: (row["manager"], row["name"]))
        self.startup.sort(key=lambda row: row["path"])

    def _distribution(self, site: str, name: str, recorded: set[str]) -> None:
        folder = os.path.join(site, name)
        header = _header(folder)
        if not header.get("name"):
            self.gaps.append({"what": f"package {_printable(name)}", "why": "no METADATA that names it"})
            return
        normal = re.sub(r"[-_.]+", "-", header["name"]).lower()
        version = header.get("version", "")
        record = self._record(site, folder, recorded)
        if normal in self.versions:
            why = f"{version} of it is shadowed by {self.versions[normal]}, which stands before it on the path"
            self.gaps.append({"what": f"package {normal}", "why": why})
            return
        self.versions[normal] = version
        row: dict[str, Any] = {"name": normal, "version": version, "manager": "pypi"}
        installer = _text(os.path.join(folder, "INSTALLER"), 200).strip()
        if installer:
            row["installer"] = installer
        if os.path.exists(os.path.join(folder, "REQUESTED")):
            row["direct"] = True
        if record is not None:
            row["record"] = record
        else:
            self.gaps.append({"what": f"package {normal}", "why": "no RECORD: its files cannot be verified"})
        row.update(_origin(folder))
        self.found.append(row)

    def _record(self, site: str, folder: str, recorded: set[str]) -> dict[str, Any] | None:
        data = _bytes(os.path.join(folder, "RECORD"), _RECORD)
        if not data:
            return None
        told: dict[str, Any] = {"sha256": hashlib.sha256(data).hexdigest()}
        changed: list[str] = []
        missing: list[str] = []
        listed = agreed = 0
        for name, digest in _rows(data):
            listed += 1
            place = os.path.normpath(os.path.join(site, name))
            recorded.add(place)
            if self._verify and digest:
                same = self._same(place, digest)
                agreed += same is True
                if same is None:
                    missing.append(_printable(name))
                elif not same:
                    changed.append(_printable(name))
        told["files"] = listed
        if self._verify:
            told["agreed"] = agreed
            for key, names in (("changed", changed), ("missing", missing)):
                if names:
                    told[key] = sorted(names)[:_SHOWN]
        return told

    def _same(self, path: str, digest: str) -> bool | None:
        """The file has this digest; None where it is not there."""
        self._files += 1
        try:
            found = os.stat(path)
            if not stat.S_ISREG(found.st_mode):
                return False
            self._bytes += found.st_size
            if self._bytes > _MOST_BYTES or self._files > _MOST_FILES:
                self._stop()
                return True
            return _sha256(path) == digest
        except FileNotFoundError:
            return None
        except (OSError, ValueError):  # no file system takes a name with a zero byte
            return False

    def _stop(self) -> None:
        gap = {"what": "verification", "why": "more files than are hashed: the rest was not verified"}
        if gap not in self.gaps:
            self.gaps.append(gap)

    def _unrecorded(self, site: str, recorded: set[str]) -> None:
        """Files among the packages that no RECORD lists; those that Python runs at every start are named with digests."""
        count = 0
        shown: list[str] = self.unrecorded["paths"]
        for folder, folders, files in os.walk(site):
            folders[:] = sorted(f for f in folders if f != "__pycache__" and not (folder == site and f.endswith(_INFO)))
            for name in sorted(files):
                path = os.path.join(folder, name)
                if path in recorded or name.endswith(".pyc"):
                    continue
                count += 1
                relative = _printable(os.path.relpath(path, site))
                if folder == site and _STARTUP.fullmatch(name):
                    self.startup.append({"path": relative, "sha256": _sha256_or_none(path)})
                if len(shown) < _SHOWN:
                    shown.append(relative)
                if count > _MOST_FILES:
                    return
        self.unrecorded["files"] += count

    def _conda(self, path: str) -> None:
        try:
            found = json.loads(_bytes(path, _RECORD))
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or not isinstance(found.get("name"), str):
            self.gaps.append(
                {"what": f"package {_printable(os.path.basename(path))}", "why": "conda's note cannot be read"}
            )
            return
        row: dict[str, Any] = {"name": found["name"], "manager": "conda"}
        for key in ("version", "build"):
            row[key] = found[key] if isinstance(found.get(key), str) else ""
        if isinstance(found.get("requested_spec"), str) and found["requested_spec"] not in {"", "None"}:
            row["direct"] = True
        if isinstance(found.get("sha256"), str) and re.fullmatch(r"[0-9a-f]{64}", found["sha256"]):
            row["digests"] = [f"sha256:{found['sha256']}"]
        self.found.append(row)


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _bytes(path: str, limit: int) -> bytes:
    """A whole regular file; nothing where it cannot be read or is longer."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return b""
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except OSError:
        return b""
    return data if len(data) <= limit else b""


def _text(path: str, limit: int) -> str:
    return _bytes(path, limit).decode("utf-8", "backslashreplace")


def _header(folder: str) -> dict[str, str]:
    """Name and version of METADATA, PKG-INFO, or an egg-info that is one file."""
    text = next((t for n in ("METADATA", "PKG-INFO") if (t := _text(os.path.join(folder, n), _METADATA))), "")
    found: dict[str, str] = {}
    for line in (text or _text(folder, _METADATA)).splitlines():
        name, colon, value = line.partition(":")
        if not line.strip() or not colon:
            break
        if name.lower() in {"name", "version"}:
            found.setdefault(name.lower(), value.strip()[:200])
        if len(found) == 2:
            break
    return found


def _rows(data: bytes) -> Iterator[tuple[str, str]]:
    """(path, sha256 in hexadecimal or "") of a RECORD."""
    try:
        for row in csv.reader(data.decode("utf-8", "surrogateescape").splitlines()):
            if row and row[0]:
                algorithm, _, coded = (row[1] if len(row) > 1 else "").partition("=")
                yield row[0], _unbased(coded) if algorithm == "sha256" else ""
    except csv.Error:
        return


def _unbased(coded: str) -> str:
    try:
        return base64.urlsafe_b64decode(coded[:100] + "=" * (-len(coded) % 4)).hex()
    except (binascii.Error, ValueError):
        return "none"


def _sha256(path: str) -> str:
    total = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(_BLOCK):
            total.update(piece)
    return total.hexdigest()


def _sha256_or_none(path: str) -> str:
    try:
        return _sha256(path)
    except OSError:
        return ""


def _origin(folder: str) -> dict[str, Any]:
    """What direct_url.json says (PEP 610)."""
    try:
        found = json.loads(_bytes(os.path.join(folder, "direct_url.json"), _METADATA) or b"null")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    row: dict[str, Any] = {}
    if isinstance(found.get("url"), str):
        row["url"] = _USERINFO.sub("", found["url"])[:1_000]
    vcs, archive, place = (found.get(key) for key in ("vcs_info", "archive_info", "dir_info"))
    if isinstance(vcs, dict) and isinstance(vcs.get("commit_id"), str):
        row["revision"] = vcs["commit_id"][:64]
    if isinstance(archive, dict):
        hashes = archive.get("hashes")
        pairs = [f"{k}={v}" for k, v in hashes.items()] if isinstance(hashes, dict) else [str(archive.get("hash"))]
        digests = sorted(pair.replace("=", ":") for pair in pairs if _HASH.fullmatch(pair))
        if digests:
            row["digests"] = digests
    if isinstance(place, dict) and place.get("editable") is True:
        row["editable"] = True
    return row


def _printable(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
