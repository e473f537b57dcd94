"""An environment snapshot (`assaymark/environment/v1`, made by `assay bom snapshot`), read as a stranger's document.

docs/schemas/environment-v1.schema.json is the whole of it; here is what a bill of materials and a comparison use.
"""

import re
from collections.abc import Mapping
from typing import Any

from assaymark.core.errors import Malformed
from assaymark.core.record import dataclass
from assaymark.core.strictjson import loads

SCHEMA = "assaymark/environment/v1"
SUFFIX = ".assay-environment.json"
LIMIT = 64 << 20
_MOST = 50_000
_SCHEMA = re.compile(rb'"schema"\s*:\s*"assaymark/environment/v1"')


@dataclass(frozen=True, slots=True)
class Distribution:
    """One installed package."""

    name: str
    version: str
    manager: str
    """`pypi` or `conda`."""
    direct: bool
    record: str
    """Digest of its RECORD, `sha256:<hex>`, or ""."""
    changed: tuple[str, ...]
    missing: tuple[str, ...]
    verified: bool
    """The bytes of its files were looked at."""
    build: str = ""
    url: str = ""
    revision: str = ""
    digests: tuple[str, ...] = ()
    """Of the archive that it was installed from, where the installer kept it."""


@dataclass(frozen=True, slots=True)
class Device:
    """An accelerator."""

    name: str
    vendor: str
    uuid: str
    firmware: str
    memory: int | None


@dataclass(frozen=True, slots=True)
class Environment:
    """The whole snapshot. Empty texts and empty tables: the machine did not tell."""

    python: Mapping[str, str]
    platform: Mapping[str, str]
    markers: Mapping[str, str]
    distributions: tuple[Distribution, ...]
    devices: tuple[Device, ...]
    drivers: Mapping[str, str]
    """Name -> version."""
    accelerator: Mapping[str, str]
    """cuda, cudnn, nccl, rocm -> version."""
    image: Mapping[str, str]
    """`digest`, `reference`."""
    settings: Mapping[str, str]
    startup: tuple[tuple[str, str], ...]
    """(path, sha256) of files that Python runs at start and no RECORD lists."""
    unrecorded: int
    verified: bool
    gaps: tuple[tuple[str, str], ...]


def is_environment(name: str, start: bytes) -> bool:
    """By its name, by its schema where that stands in its beginning, or because it begins as `assay bom snapshot` writes."""
    base = name.rsplit("/", 1)[-1].lower()
    begins = start.startswith(b'{"accelerator":{') or _SCHEMA.search(start) is not None
    return base.endswith(SUFFIX) or (base.endswith(".json") and begins)


def read(data: bytes, name: str) -> Environment:
    """The snapshot; raises Malformed where it is none."""
    step = "make it with `assay bom snapshot`"
    found = loads(data, name, limit=LIMIT, step=step)
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise Malformed(f"{name} is no environment snapshot: its schema is not {SCHEMA}", step=step)
    listed = found.get("distributions")
    if not isinstance(listed, list) or len(listed) > _MOST:
        raise Malformed(f"{name}: `distributions` is no list of at most {_MOST:,} packages", step=step)
    unrecorded = _table(found, "unrecorded").get("files")
    return Environment(
        python=_texts(found, "python"),
        platform=_texts(found, "platform"),
        markers=_texts(found, "markers"),
        distributions=tuple(_distribution(row, name) for row in listed),
        devices=tuple(_device(row) for row in _rows(found, "devices")),
        drivers={_text(row, "name"): _text(row, "version") for row in _rows(found, "drivers") if _text(row, "name")},
        accelerator={
            key: _text(value, "version")
            for key, value in _table(found, "accelerator").items()
            if isinstance(value, dict) and _text(value, "version")
        },
        image=_texts(found, "image"),
        settings=_texts(found, "settings"),
        startup=tuple((_text(row, "path"), _text(row, "sha256")) for row in _rows(found, "startup")),
        unrecorded=unrecorded if isinstance(unrecorded, int) else 0,
        verified=found.get("verified") is True,
        gaps=tuple((_text(row, "what"), _text(row, "why")) for row in _rows(found, "gaps")),
    )


def _distribution(row: object, name: str) -> Distribution:
    if not isinstance(row, dict) or not _text(row, "name"):
        raise Malformed(f"{name}: a distribution without a name")
    record = _table(row, "record")
    digest = _text(record, "sha256")
    return Distribution(
        name=_text(row, "name"),
        version=_text(row, "version"),
        manager=_text(row, "manager") or "pypi",
        direct=row.get("direct") is True,
        record=f"sha256:{digest}" if len(digest) == 64 else "",
        changed=_list(record, "changed"),
        missing=_list(record, "missing"),
        verified=isinstance(record.get("agreed"), int),
        build=_text(row, "build"),
        url=_text(row, "url"),
        revision=_text(row, "revision"),
        digests=_list(row, "digests"),
    )


def _device(row: Mapping[str, Any]) -> Device:
    memory = row.get("memory")
    kept = memory if isinstance(memory, int) and not isinstance(memory, bool) else None
    return Device(_text(row, "name"), _text(row, "vendor"), _text(row, "uuid"), _text(row, "firmware"), kept)


def _table(found: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = found.get(key)
    return value if isinstance(value, dict) else {}


def _texts(found: Mapping[str, Any], key: str) -> dict[str, str]:
    return {k: v[:1_000] for k, v in _table(found, key).items() if isinstance(v, str) and v}


def _rows(found: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    value = found.get(key)
    return [row for row in value[:_MOST] if isinstance(row, dict)] if isinstance(value, list) else []


def _text(found: Mapping[str, Any], key: str) -> str:
    value = found.get(key)
    return value[:1_000] if isinstance(value, str) else ""


def _list(found: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = found.get(key)
    return tuple(item[:1_000] for item in value[:_MOST] if isinstance(item, str)) if isinstance(value, list) else ()
