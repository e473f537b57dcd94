"""METADATA and PKG-INFO: name, version and needs of a distribution (PyPA core metadata)."""

import re
from collections.abc import Iterable, Iterator, Mapping

from assaymark.core.errors import Malformed
from assaymark.library.lock_details import Need

LIMIT = 4 << 20
"""Bytes of one METADATA file."""
_LINES = 20_000
_NEEDS = 2_000


def headers(document: str) -> dict[str, list[str]]:
    """The headers by lower-case name, continuation lines joined; the body is left out."""
    found: dict[str, list[str]] = {}
    last: list[str] | None = None
    for line in document.splitlines()[:_LINES]:
        if not line.strip():
            break
        if line[0] in " \t" and last:
            last[-1] += " " + line.strip()
            continue
        name, colon, value = line.partition(":")
        if colon:
            last = found.setdefault(name.strip().lower(), [])
            last.append(value.strip())
    return found


def required(spelled: Iterable[str]) -> Iterator[str]:
    """Names of requirements, without those of extras."""
    from packaging.utils import canonicalize_name

    for line in list(spelled)[:_NEEDS]:
        match = re.match(r"[A-Za-z0-9][\w.-]*", line)
        if match and not re.search(r"\bextra\s*==", line):
            yield canonicalize_name(match[0][:200])


def identity(header: Mapping[str, list[str]], what: str) -> tuple[str, str]:
    """Normalised name, and version; raises Malformed where either is not there or is no name."""
    from packaging.utils import canonicalize_name

    name, version = header.get("name", [""])[0], header.get("version", [""])[0]
    if not re.fullmatch(r"[A-Za-z0-9](?:[\w.-]{0,198}[A-Za-z0-9])?", name) or not version:
        raise Malformed(f"{what} has no name or no version")
    return canonicalize_name(name), version[:200]


def needs(header: Mapping[str, list[str]]) -> tuple[Need, ...]:
    """What it needs without extras, each once."""
    return tuple(Need(name) for name in sorted(set(required(header.get("requires-dist", [])))))
