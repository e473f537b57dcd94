"""What an inventory says: each package once per source, and what could not be read."""

from collections.abc import Sequence
from typing import Any

from assaymark.core.record import dataclass

SCHEMA = "assaymark/inventory/v1"


@dataclass(frozen=True, slots=True)
class Package:
    """One package as one file says it."""

    ecosystem: str
    """As OSV spells it: `PyPI`, `npm`, `conda`."""
    name: str
    """Normalised: PEP 503 for PyPI, as written for npm, lower case for conda."""
    version: str
    """Empty where the source does not say which one is meant."""
    path: str
    line: int
    """1 and up; 0 where a place has no lines."""
    source: str
    """What says so: `requirements`, `constraints`, `uv`, `poetry`, `pdm`, `pip` (pylock.toml), `pipenv`, `npm`, `conda`,
    `conda-lock`, `pixi`, `pyproject`, `setup.cfg`, `installed`, `wheel`, `sdist`."""
    hashes: tuple[str, ...] = ()
    """`algorithm:hex` in lower case, sorted: one or more for every file that may be installed."""
    index: str = ""
    """Where it comes from as far as the source says: an index, a repository or an archive."""
    origin: str = "index"
    """`index`, `git`, `url` or `local`."""
    direct: bool | None = None
    """Whether the project asks for it itself; None where no file says so."""
    via: tuple[str, ...] = ()
    """One shortest path, from a direct package to the one that needs this; empty for a direct one."""
    groups: tuple[str, ...] = ()
    marker: str = ""
    """PEP 508: only where this holds."""
    specifier: str = ""
    """What is asked for, where that is no single version."""
    fixed: bool = False
    """Exactly one content can be meant: a hash for every file, or a full commit."""

    @property
    def purl(self) -> str:
        """The package URL, without qualifiers."""
        from urllib.parse import quote

        kind = {"PyPI": "pypi", "npm": "npm", "conda": "conda"}.get(self.ecosystem, "generic")
        version = f"@{quote(self.version, safe='')}" if self.version else ""
        return f"pkg:{kind}/{quote(self.name, safe='/')}{version}"

    @property
    def place(self) -> str:
        """`path:line`."""
        return f"{self.path}:{self.line}" if self.line else self.path

    def told(self) -> dict[str, Any]:
        """As JSON; empty things are left out."""
        told: dict[str, Any] = {
            "ecosystem": self.ecosystem, "name": self.name, "version": self.version, "purl": self.purl,
            "hashes": list(self.hashes), "index": self.index, "origin": self.origin, "direct": self.direct,
            "via": list(self.via), "groups": list(self.groups), "marker": self.marker, "specifier": self.specifier,
            "source": self.source, "path": self.path, "line": self.line, "fixed": self.fixed,
        }  # fmt: skip
        kept = ("ecosystem", "name", "version", "source", "path", "direct", "fixed")
        return {key: value for key, value in told.items() if value or key in kept}


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that was there and could not be read."""

    path: str
    why: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """One file or folder that an inventory was read from."""

    path: str
    kind: str
    """As `Package.source`."""
    digest: str
    """`sha256:<hex>` of the file; of the sorted list of its METADATA digests for an installed environment."""
    packages: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """All packages of one look."""

    source: str
    """What was looked at, as it was named."""
    digest: str
    """`sha256:<hex>` over the sources, each by kind and digest, sorted: the same content gives the same digest."""
    packages: tuple[Package, ...]
    gaps: tuple[Gap, ...] = ()
    sources: tuple[Source, ...] = ()

    @property
    def whole(self) -> bool:
        """Nothing that was there went unread."""
        return not self.gaps

    def told(self) -> dict[str, Any]:
        """As JSON, `assaymark/inventory/v1`."""
        return {
            "schema": SCHEMA,
            "source": self.source,
            "digest": self.digest,
            "sources": [
                {"path": s.path, "kind": s.kind, "digest": s.digest, "packages": s.packages} for s in self.sources
            ],
            "packages": [package.told() for package in self.packages],
            "gaps": [{"path": gap.path, "line": gap.line, "why": gap.why} for gap in self.gaps],
        }


def digest_of(sources: Sequence[Source]) -> str:
    """The digest of an inventory that was read from these."""
    import hashlib

    lines = sorted(f"{source.kind} {source.digest}\n" for source in sources)
    return f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"
