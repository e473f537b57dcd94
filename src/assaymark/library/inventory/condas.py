"""What conda and pixi install: environment.yml, conda-lock.yml, pixi.lock, explicit lists, and the records of conda-meta."""

import posixpath

from assaymark.core.errors import AssayError, Malformed
from assaymark.library import conda
from assaymark.library.documents import load_json, text, texts
from assaymark.library.inventory.lines import packages as pip_packages
from assaymark.library.inventory.look import Look
from assaymark.library.inventory.model import Package
from assaymark.library.inventory.paths import Entry, traced
from assaymark.library.lock_details import Need, hashes
from assaymark.library.requirements import read as read_requirements

_HEAD = 4_096
_RECORD = 64 << 20


def kind_of(look: Look, path: str) -> str:
    """Which tool's document this is, "" where it is none."""
    base = path.rpartition("/")[2].lower()
    if base == "pixi.lock" or base.endswith((".yml", ".yaml", ".txt", ".lock")):
        return conda.kind_of(path, look.tree.start(path, _HEAD))
    return ""


def read(look: Look, path: str) -> tuple[str, list[Package]]:
    """The tool, and every package; raises AssayError."""
    tool = kind_of(look, path)
    found = conda.read(look.text(path, conda.LIMIT), tool)
    asked = _asked(look, path) if found.locked else None
    entries = [Entry(_package(package, tool, path), package.detail.needs) for package in found.packages]
    made = traced(entries, asked, look.tick)
    if found.pip:
        source = "\n".join(line for _, line in found.pip)
        document = read_requirements(source, "requirements.txt", look.tick)
        made += pip_packages(look, path, source, document, "conda", lead=found.pip[0][0] - 1)
    return tool, made


def _package(package: conda.CondaPackage, tool: str, path: str) -> Package:
    name = package.name
    if package.pypi:
        from packaging.utils import canonicalize_name

        name = canonicalize_name(name)
    return Package(
        "PyPI" if package.pypi else "conda", name, package.version, path, package.line, tool, package.detail.hashes,
        package.address or package.channel, "index", package.detail.direct, (), package.detail.groups,
        package.detail.marker, "" if package.exact else package.spec, bool(package.detail.hashes),
    )  # fmt: skip


def _asked(look: Look, path: str) -> dict[str, set[str]] | None:
    """The names in an environment.yml beside a lock."""
    for base in ("environment.yml", "environment.yaml", "conda.yaml", "conda.yml"):
        other = posixpath.join(posixpath.dirname(path), base)
        if other in look.tree.files and other != path:
            try:
                found = conda.read(look.text(other, conda.LIMIT), "conda")
            except AssayError:
                return None
            return {package.name: {"default"} for package in found.packages}
    return None


def installed(look: Look, paths: list[str]) -> list[Package]:
    """Every record of one `conda-meta` folder; what cannot be read is a gap."""
    entries = []
    for path in paths:
        try:
            entries.append(_record(look, path))
        except AssayError as error:
            look.gap(path, error.message)
    asked = {entry.package.name: {"default"} for entry in entries if entry.package.direct}
    return traced(entries, asked or None, look.tick)


def _record(look: Look, path: str) -> Entry:
    found = load_json(look.text(path, _RECORD), path)
    name, version = text(found.get("name")).lower()[:200], text(found.get("version"))[:200]
    if not name or not version:
        raise Malformed(f"{path} has no name or no version")
    digests = hashes(f"{kind}:{text(found.get(kind))}" for kind in ("sha256", "md5"))
    direct = True if text(found.get("requested_spec")) not in {"", "None"} else None
    made = Package(
        "conda", name, version, path, 0, "installed", digests, text(found.get("url"))[:1_000], direct=direct,
        fixed=bool(digests),
    )  # fmt: skip
    needs = {item.split(" ", 1)[0].lower() for item in texts(found.get("depends"))[:2_000]}
    return Entry(made, tuple(Need(need) for need in sorted(needs) if need and not need.startswith("__")))
