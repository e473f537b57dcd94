"""Versions as their ecosystem orders them: PEP 440 for PyPI, Semantic Versioning 2.0.0 for npm and ranges of type SEMVER."""

import re
from functools import lru_cache
from typing import Any

_LONGEST = 200
_SEMVER = re.compile(r"v?(\d{1,18})\.(\d{1,18})\.(\d{1,18})(?:-([0-9A-Za-z.-]{1,100}))?(?:\+[0-9A-Za-z.-]*)?")
SEMVER_ECOSYSTEMS = frozenset({"npm", "crates.io", "Go", "Hex", "Pub", "SwiftURL"})
"""Ecosystems whose versions are Semantic Versioning."""
READ = SEMVER_ECOSYSTEMS | {"PyPI"}
"""Ecosystems whose order of versions is known here."""


def read(ecosystem: str, version: str) -> Any:
    """A key that orders the versions of an ecosystem; None where the version cannot be read."""
    if ecosystem == "PyPI":
        return pep440(version)
    return semver(version) if ecosystem in SEMVER_ECOSYSTEMS else None


@lru_cache(maxsize=65_536)
def pep440(version: str) -> Any:
    """The version as packaging reads it, or None."""
    from packaging.version import InvalidVersion, Version

    if len(version) > _LONGEST:
        return None
    try:
        return Version(version)
    except (InvalidVersion, ValueError):
        return None


@lru_cache(maxsize=16_384)
def semver(version: str) -> tuple[object, ...] | None:
    """Precedence by section 11: numeric identifiers below the others, a prerelease below its release."""
    match = _SEMVER.fullmatch(version) if len(version) <= _LONGEST else None
    if match is None:
        return None
    parts = tuple(
        (0, int(part[:18]), "") if part.isdigit() else (1, 0, part) for part in (match[4] or "").split(".") if part
    )
    return int(match[1]), int(match[2]), int(match[3]), not parts, parts


@lru_cache(maxsize=65_536)
def canonical(ecosystem: str, version: str) -> str:
    """The spelling that equal versions share: `1.0` for `1.0.0` in PyPI; as written where it cannot be read.

    A local version (`2.1.0+cu121`) is a build of its own and keeps its mark.
    """
    if ecosystem == "PyPI":
        key = pep440(version)
        if key is None:
            return version
        text = str(key)
        release = ".".join(map(str, key.release))
        short = re.sub(r"(?:\.0)+$", "", release)
        return text.replace(release, short, 1)
    if ecosystem in SEMVER_ECOSYSTEMS and semver(version) is not None:
        return version.removeprefix("v").partition("+")[0]
    return version


@lru_cache(maxsize=65_536)
def public(ecosystem: str, version: str) -> str:
    """A version without its build mark: `2.1.0` of `2.1.0+cu121`, of which advisories speak without the mark."""
    key = pep440(version) if ecosystem == "PyPI" and "+" in version else None
    return str(key.public) if key is not None else version


def name(ecosystem: str, given: str) -> str:
    """A package's name as it is looked up: PEP 503 for PyPI, as it is elsewhere."""
    return re.sub(r"[-_.]+", "-", given).lower() if ecosystem == "PyPI" else given
