"""What this host has seen of its registries, in one file: the newest trust root and the counters of channels only ever grow."""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from assaymark.core.errors import Malformed, Untrusted, UsageError
from assaymark.core.strictjson import loads

SCHEMA = "assaymark/verify-state/v1"
_LIMIT = 16 << 20
_STEP = "put the file right from a backup; without it this host would accept what is older than what it has seen"
Seen = tuple[int, Mapping[str, tuple[int, str]]]
"""Newest root; channel -> highest counter and the digest of its activation."""


def load(path: str, root: str) -> Seen:
    """What was seen of the trust root of that name; (1, {}) where there is no file yet. Raises Malformed, UsageError."""
    entry = _read(path).get(root)
    if entry is None:
        return 1, {}
    return entry["root"], {name: (counter, digest) for name, (counter, digest) in entry["channels"].items()}


def store(path: str, root: str, seen: Seen) -> None:
    """Keep what was seen, atomically, behind a link where `path` is one. What another process kept meanwhile and is higher stays.

    Raises Untrusted where that is another activation of the same counter, UsageError where it cannot be written.
    """
    path = os.path.realpath(path)
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o700, exist_ok=True)
        with _locked(path):
            every = _read(path)
            before, channels = load(path, root)
            merged = {**channels}
            for name, (counter, digest) in seen[1].items():
                highest = merged.get(name, (0, ""))
                if counter == highest[0] and digest != highest[1]:
                    step = "tell whoever runs the registry"
                    raise Untrusted(f"another activation has the counter {counter} of {name}", step=step)
                merged[name] = max(highest, (counter, digest))
            every[root] = {"root": max(before, seen[0]), "channels": {name: list(v) for name, v in merged.items()}}
            _replace(path, {"schema": SCHEMA, "roots": every})
    except OSError as error:
        step = "name a place that can be written with --state; it must outlive this process"
        raise UsageError(f"the state cannot be kept in {path}: {error.strerror}", step=step) from error


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            data = loads(file.read(_LIMIT + 1), f"the state {path}", limit=_LIMIT, step=_STEP)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"the state {path} cannot be read: {error.strerror}", step=_STEP) from error
    if not isinstance(data, dict) or data.keys() != {"schema", "roots"} or data["schema"] != SCHEMA or not _valid(data):
        raise Malformed(f"{path} is not a state of this version", step=_STEP)
    roots: dict[str, Any] = data["roots"]
    return roots


def _valid(data: Mapping[str, Any]) -> bool:
    try:
        return all(
            entry.keys() == {"root", "channels"}
            and _count(entry["root"])
            and all(_count(counter) and isinstance(digest, str) for counter, digest in entry["channels"].values())
            for entry in data["roots"].values()
        )
    except (AttributeError, TypeError, ValueError):
        return False


def _count(value: object) -> bool:
    return type(value) is int and value >= 1


@contextmanager
def _locked(path: str) -> Iterator[None]:
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: str, document: Mapping[str, Any]) -> None:
    folder = os.path.dirname(os.path.abspath(path))
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".assay-state-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    above = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(above)
    finally:
        os.close(above)
