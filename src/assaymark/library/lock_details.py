"""What a lock says of a package beyond its name and version: hashes of its files, what it needs, its groups and marker.

A scan does without; a bill of materials reads it (`lock.read(…, detail=True)`).
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from assaymark.core.record import dataclass
from assaymark.library.documents import rows, table, text, texts

_HASH = re.compile(r"(sha256|sha384|sha512|sha1|md5|blake2b)[:=-]([0-9a-f]{32,128})", re.IGNORECASE)
_LENGTHS = {"md5": 32, "sha1": 40, "sha256": 64, "sha384": 96, "sha512": 128, "blake2b": 128}
_MOST_NEEDS = 2_000
"""Needs of one package."""
_MOST_HASHES = 1_000
_DEEP = 64
"""Folders within folders of `node_modules`."""


class Need(NamedTuple):
    """One package that another asks for. `version` only where the lock says which of several."""

    name: str
    version: str = ""
    group: str = ""
    """Extra or dependency group that asks for it, `default` for none; only of what a project itself asks for."""
    marker: str = ""
    """Only where this holds (PEP 508)."""


@dataclass(frozen=True, slots=True)
class Detail:
    """`hashes` are `algorithm:hex`, one or more for each file that may be installed."""

    hashes: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    groups: tuple[str, ...] = ()
    marker: str = ""
    direct: bool | None = None
    """Whether the project asks for it itself, where the lock says so."""


def hashes(values: Iterable[str]) -> tuple[str, ...]:
    """Those that are hashes, as `algorithm:hex` in lower case, sorted, each once."""
    found: set[str] = set()
    for value in values:
        match = _HASH.fullmatch(value)
        if match and len(match[2]) == _LENGTHS[match[1].lower()] and len(found) < _MOST_HASHES:
            found.add(f"{match[1]}:{match[2]}".lower())
    return tuple(sorted(found))


def integrity(value: str) -> tuple[str, ...]:
    """Subresource integrity, as npm has it: `sha512-<base64>`, several apart by spaces."""
    found = []
    for part in value.split()[:8]:
        algorithm, _, coded = part.partition("-")
        try:
            found.append(f"{algorithm}:{base64.b64decode(coded[:200], validate=True).hex()}")
        except (binascii.Error, ValueError):
            continue
    return hashes(found)


def _normal(name: object) -> str:
    from packaging.utils import canonicalize_name

    return canonicalize_name(text(name)[:200])


def _need(row: Mapping[str, Any], group: str = "") -> Need:
    return Need(_normal(row.get("name")), text(row.get("version"))[:100], group, text(row.get("marker"))[:1_000])


def _spelled(requirements: Iterable[str]) -> Iterator[Need]:
    """PEP 508 texts; only the name counts."""
    for spelled in requirements:
        match = re.match(r"\s*([A-Za-z0-9][\w.-]{0,200})", spelled)
        if match:
            yield Need(_normal(match[1]))


def _once(needs: Iterable[Need]) -> tuple[Need, ...]:
    return tuple(sorted({need for need in needs if need.name}))[:_MOST_NEEDS]


def _uv(row: dict[str, Any], _data: dict[str, Any]) -> Detail:
    files = [*rows(row.get("wheels")), *rows([row.get("sdist")])]
    local = bool(table(row, "source").keys() & {"virtual", "editable", "directory"})
    needs = [_need(need, "default" if local else "") for need in rows(row.get("dependencies"))]
    for key in ("optional-dependencies", "dev-dependencies"):
        for group, listed in table(row, key).items():
            needs += (_need(need, group if local else "") for need in rows(listed))
    return Detail(hashes(text(file.get("hash")) for file in files), _once(needs))


def _poetry(row: dict[str, Any], data: dict[str, Any]) -> Detail:
    name = text(row.get("name"))
    old = table(data, "metadata", "files")
    files = rows(row.get("files")) or rows(old.get(name) or old.get(name.lower()))
    weak = (f"sha256:{value}" for value in texts(table(data, "metadata", "hashes").get(name)))
    needs = (Need(_normal(needed)) for needed in table(row, "dependencies"))
    groups = texts(row.get("groups")) or texts(row.get("category"))
    markers = row.get("markers")
    marker = text(markers) or "; ".join(f"{k}: {v}" for k, v in table(markers).items() if isinstance(v, str))
    return Detail(
        hashes([*(text(file.get("hash")) for file in files), *weak]), _once(needs), _groups(groups), marker[:1_000]
    )


def _pdm(row: dict[str, Any], data: dict[str, Any]) -> Detail:
    old = table(data, "metadata", "files").get(f"{text(row.get('name'))} {text(row.get('version'))}")
    files = rows(row.get("files")) or rows(old)
    own = _normal(row.get("name"))  # `name[extra]` needs the bare name
    needs = (need for need in _spelled(texts(row.get("dependencies"))) if need.name != own)
    found = hashes(text(file.get("hash")) for file in files)
    return Detail(found, _once(needs), _groups(texts(row.get("groups"))), text(row.get("marker"))[:1_000])


def _pylock(row: dict[str, Any], _data: dict[str, Any]) -> Detail:
    files = [*rows(row.get("wheels")), *rows([row.get("sdist")]), *rows([row.get("archive")])]
    found = (f"{kind}:{text(value)}" for file in files for kind, value in table(file, "hashes").items())
    needs = (_need(need) for need in rows(row.get("dependencies")))
    return Detail(hashes(found), _once(needs), marker=text(row.get("marker"))[:1_000])


def _groups(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({name[:100] for name in names}))[:100]


def pipenv(category: str, entry: Mapping[str, Any]) -> Detail:
    """One package of a Pipfile.lock; `index` is a name there, not an address."""
    return Detail(hashes(texts(entry.get("hashes"))), (), _groups([category]), text(entry.get("markers"))[:1_000])


def npm(path: str, entry: Mapping[str, Any], packages: Mapping[str, Any]) -> Detail:
    """One entry of `packages`: what it needs is found as Node finds it, in the nearest `node_modules` above."""
    needs = []
    for key in ("dependencies", "optionalDependencies", "peerDependencies"):
        for name in list(table(entry, key))[:_MOST_NEEDS]:
            version = _resolved(path, name, packages)
            if version is not None:
                needs.append(Need(name[:200], version))
    groups = [key for key in ("dev", "optional", "peer") if entry.get(key) is True]
    root = packages.get("")
    named = ("dependencies", "devDependencies", "optionalDependencies")
    asked = any(path == f"node_modules/{name}" for key in named for name in _short(path, table(root, key)))
    return Detail(integrity(text(entry.get("integrity"))), _once(needs), _groups(groups), direct=asked)


def _short(path: str, listed: Mapping[str, Any]) -> list[str]:
    name = path.removeprefix("node_modules/")
    return [name] if name in listed else []


def _resolved(path: str, name: str, packages: Mapping[str, Any]) -> str | None:
    place = path
    for _ in range(_DEEP):
        found = packages.get(f"{place}/node_modules/{name}" if place else f"node_modules/{name}")
        if isinstance(found, dict):
            return text(found.get("version"))[:100]
        if not place:
            return None
        place = place.rpartition("/node_modules/")[0] if "/node_modules/" in place else ""
    return None


def npm_old(entry: Mapping[str, Any], *, top: bool) -> Detail:
    """One entry of lockfileVersion 1: `requires` has names and ranges, no versions. `top` may be direct: it is not said."""
    needs = (Need(name[:200]) for name in list(table(entry, "requires"))[:_MOST_NEEDS])
    groups = [key for key in ("dev", "optional") if entry.get(key) is True]
    found = integrity(text(entry.get("integrity")))
    return Detail(found, _once(needs), _groups(groups), direct=None if top else False)


TOML: Mapping[str, Callable[[dict[str, Any], dict[str, Any]], Detail]] = {
    "uv": _uv, "poetry": _poetry, "pdm": _pdm, "pip": _pylock
}  # fmt: skip
"""By the tool that writes the lock."""
