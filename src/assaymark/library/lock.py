"""Lock files: uv.lock, poetry.lock, pdm.lock, pylock.toml (PEP 751), Pipfile.lock and npm's package-lock.json."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from assaymark.core.blob import Blob
from assaymark.core.errors import Malformed
from assaymark.core.format import Context, Item
from assaymark.core.source.secrets import redact
from assaymark.core.source.text import read_text
from assaymark.library import urls
from assaymark.library.documents import header_lines, load_json, load_toml, rows, table, text, texts
from assaymark.library.lock_details import TOML, Detail
from assaymark.library.sources import credentials, source

_TOML_LIMIT = 16 << 20  # bytes; the parser reads about 1 MB a second
_JSON_LIMIT = 64 << 20
_MOST = 50_000  # packages of one lock
_STRONG = re.compile(r"sha(?:256|384|512):[0-9a-f]{64,128}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """One entry of a lock."""

    name: str
    """Normalised by PEP 503, except for npm."""
    version: str
    line: int
    excerpt: str
    origin: str
    """`index`, `git`, `url` or `local`."""
    address: str
    """The index, repository or file that it is fetched from, as far as the lock says."""
    fixed: bool
    """A hash for every file that may be installed, or a full commit; local ones need none."""
    files: tuple[str, ...] = ()
    """File names or addresses of what may be installed."""
    npm: bool = False
    detail: Detail | None = None
    """Only where it was asked for."""


@dataclass(frozen=True, slots=True)
class Lock:
    """A whole lock. `tool` is who writes it: uv, poetry, pdm, pip, pipenv, npm."""

    tool: str
    packages: tuple[LockedPackage, ...]
    groups: tuple[str, ...] = ()
    """The dependency groups that it was made for, where it says so (pdm)."""


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Every package, the sources it names, then the lock as a whole."""
    limit = (
        _JSON_LIMIT if context.name.lower().endswith("json") or context.name.lower() == "pipfile.lock" else _TOML_LIMIT
    )
    document = read_text(blob, context.budget, context.name, limit)
    yield from credentials(document)
    if context.name.lower() == "pipfile.lock":
        for index in rows(table(load_json(document, context.name), "_meta").get("sources")):
            url = text(index.get("url"))
            if index.get("verify_ssl") is False:
                yield source("no-verify", urls.host(url), 1, f'"url": "{url}", "verify_ssl": false', "pipenv")
    lock = read(document, context.name)
    yield from lock.packages
    yield lock


def read(document: str, name: str, *, detail: bool = False) -> Lock:
    """The lock in this document. Raises Malformed where it is none. `detail`: what a scan does without is read, too."""
    base = name.rsplit("/", 1)[-1].lower()
    if base in {"package-lock.json", "npm-shrinkwrap.json"}:
        from assaymark.library.lock_json import npm

        packages: Iterable[LockedPackage] = npm(load_json(document, base), document, detail=detail)
        return Lock("npm", _bounded(packages))
    if base == "pipfile.lock":
        from assaymark.library.lock_json import pipenv

        return Lock("pipenv", _bounded(pipenv(load_json(document, base), document, detail=detail)))
    tool, array, entry = _TOML_LOCKS.get(base, ("pip", "packages", _pylock))
    data = load_toml(document, base)
    if not table(data, "metadata") and not data.get("version") and not data.get("lock-version"):
        raise Malformed(f"{base} has no version and no metadata: it is cut short, or no lock")
    if not isinstance(data.get(array, []), list):
        raise Malformed(f"{base}: `{array}` is not an array of tables")
    lines = header_lines(document, array)
    listed = rows(data.get(array))
    packages = (entry(row, data, lines[at] if at < len(lines) else 1) for at, row in enumerate(listed))
    if detail:
        packages = (replace(made, detail=TOML[tool](row, data)) for made, row in zip(packages, listed, strict=True))
    groups = tuple(texts(table(data, "metadata").get("groups"))) if tool == "pdm" else ()
    return Lock(tool, _bounded(packages), groups)


def _bounded(packages: Iterable[LockedPackage]) -> tuple[LockedPackage, ...]:
    kept: list[LockedPackage] = []
    for package in packages:
        if len(kept) == _MOST:
            raise Malformed(f"a lock of more than {_MOST:,} packages")
        kept.append(package)
    return tuple(kept)


def strange_file(package: LockedPackage) -> str:
    """The first file that carries another package's name, or that PyPI is said to have and another host serves."""
    if package.origin != "index":
        return ""
    for file in package.files:
        host = urls.host(file)
        if urls.host(package.address) == "pypi.org" and host and not f".{host}".endswith(_PYPI_HOSTS):
            return f"{redact(file)[:200]}, which is not on {package.address}"
        if not _carries(file, package):
            return f"{redact(file)[:200]}, which is of another package"
    return ""


_PYPI_HOSTS = (".pypi.org", ".pythonhosted.org")


def _carries(file: str, package: LockedPackage) -> bool:
    """The file name begins with the package's (PyPI: then a version; npm: `/name/-/name-version.tgz`)."""
    path = urls.split(file).path or file
    if package.npm:
        known = urls.host(file) in {"registry.npmjs.org", "registry.yarnpkg.com"}
        return not known or f"/{package.name}/-/" in path.replace("%2f", "/").replace("%2F", "/")
    base = re.sub(r"[-_.%]+", "-", path.rsplit("/", 1)[-1].lower())
    name = re.sub(r"[-_.]+", "-", package.name)
    return not base or bool(re.match(re.escape(name) + r"(?:-v?\d|-$|$)", base))


def locked(
    name: object,
    version: object,
    line: int,
    origin: str,
    address: str,
    *,
    fixed: bool,
    files: Iterable[str] = (),
) -> LockedPackage:
    """A LockedPackage of a Python lock: name normalised, secrets masked."""
    from packaging.utils import canonicalize_name

    spelled = text(name)
    if not spelled:
        raise Malformed(f"a package without a name (line {line})")
    return LockedPackage(
        canonicalize_name(spelled[:200]), text(version), line, f"{spelled[:200]} {text(version)}".strip(),
        origin, redact(address), fixed, tuple(files)[:1_000],
    )  # fmt: skip


def _hashed(files: Iterable[dict[str, Any]]) -> bool:
    """There is a file, and every one has a sha256 or stronger (`hash = "sha256:…"`)."""
    hashes = [text(file.get("hash")) for file in files]
    return bool(hashes) and all(_STRONG.fullmatch(value) for value in hashes)


def _uv(row: dict[str, Any], _data: dict[str, Any], line: int) -> LockedPackage:
    place = table(row, "source")
    name, version = row.get("name"), row.get("version")
    files = [*rows(row.get("wheels")), *rows([row.get("sdist")])]
    if "git" in place:
        url = text(place["git"])
        return locked(name, version, line, "git", url, fixed=urls.is_commit(url.rpartition("#")[2]))
    if "url" in place:
        return locked(name, version, line, "url", text(place["url"]), fixed=_hashed(files))
    if "registry" in place:
        names = (text(file.get("url")) or text(file.get("path")) for file in files)
        fixed = not files or _hashed(files)  # uv keeps entries that no platform has a file for
        return locked(name, version, line, "index", text(place["registry"]), fixed=fixed, files=names)
    if not place:
        raise Malformed(f"{text(name)} has no source (line {line})")
    return locked(name, version, line, "local", "", fixed=True)


def _poetry(row: dict[str, Any], data: dict[str, Any], line: int) -> LockedPackage:
    place = table(row, "source")
    name, version = row.get("name"), row.get("version")
    kind, url = text(place.get("type")), text(place.get("url"))
    old = table(data, "metadata", "files").get(text(name)) or table(data, "metadata", "files").get(text(name).lower())
    files = rows(row.get("files")) or rows(old)
    weak = table(data, "metadata", "hashes").get(text(name))  # Poetry before 1.0: hex digests without file names
    if kind == "git":
        return locked(name, version, line, "git", url, fixed=urls.is_commit(text(place.get("resolved_reference"))))
    if kind in {"directory", "file"}:
        return locked(name, version, line, "local", "", fixed=True)
    fixed = _hashed(files) or bool(isinstance(weak, list) and weak)
    origin = "url" if kind == "url" else "index"
    return locked(name, version, line, origin, url, fixed=fixed, files=(text(f.get("file")) for f in files))


def _pdm(row: dict[str, Any], data: dict[str, Any], line: int) -> LockedPackage:
    name, version = row.get("name"), row.get("version")
    old = table(data, "metadata", "files").get(f"{text(name)} {text(version)}")
    files = rows(row.get("files")) or rows(old)
    if "git" in row:
        return locked(name, version, line, "git", text(row["git"]), fixed=urls.is_commit(text(row.get("revision"))))
    if "path" in row:
        return locked(name, version, line, "local", "", fixed=True)
    origin = "url" if "url" in row else "index"
    fixed = _hashed(files) or bool(row.get("extras"))  # `name[extra]` repeats an entry that has the files
    names = (text(f.get("url")) or text(f.get("file")) for f in files)
    return locked(name, version, line, origin, text(row.get("url")), fixed=fixed, files=names)


def _pylock(row: dict[str, Any], _data: dict[str, Any], line: int) -> LockedPackage:
    """PEP 751: exactly one of vcs, directory, archive, or sdist and wheels."""
    name, version = row.get("name"), row.get("version")
    if "vcs" in row:
        vcs = table(row, "vcs")
        fixed = urls.is_commit(text(vcs.get("commit-id")))
        return locked(name, version, line, "git", text(vcs.get("url")) or text(vcs.get("path")), fixed=fixed)
    if "directory" in row:
        return locked(name, version, line, "local", "", fixed=True)
    if "archive" in row:
        archive = table(row, "archive")
        return locked(name, version, line, "url", text(archive.get("url")), fixed=_hashes(table(archive, "hashes")))
    files = [*rows(row.get("wheels")), *rows([row.get("sdist")])]
    fixed = bool(files) and all(_hashes(table(file, "hashes")) for file in files)
    names = (text(f.get("name")) or text(f.get("url")) or text(f.get("path")) for f in files)
    return locked(name, version, line, "index", text(row.get("index")), fixed=fixed, files=names)


def _hashes(hashes: dict[str, Any]) -> bool:
    return any(_STRONG.fullmatch(f"{kind}:{text(value)}") for kind, value in hashes.items())


Entry = Callable[[dict[str, Any], dict[str, Any], int], LockedPackage]
_TOML_LOCKS: dict[str, tuple[str, str, Entry]] = {
    "uv.lock": ("uv", "package", _uv),
    "poetry.lock": ("poetry", "package", _poetry),
    "pdm.lock": ("pdm", "package", _pdm),
}
