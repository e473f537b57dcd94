"""What a scan says: of each file, and of the whole. These records are what every report is written from."""

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from assaymark.core.bytemap import NOTHING, ByteMap
from assaymark.core.evidence import Statement
from assaymark.core.finding import Confidence, Finding, Persona, Severity, Where
from assaymark.core.record import dataclass
from assaymark.core.remote import Pinned
from assaymark.core.subject import Subject
from assaymark.core.verdict import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that was left out, and why that hides nothing. What could hide something is a finding that holds."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """How a remote file was read: bytes of content received, requests sent, and the digest that its host declares.

    `verified`: everything was fetched, and it has the declared digest.
    """

    bytes: int
    requests: int
    declared: str | None = None
    verified: bool = False


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file. `sha256` is None when digests were not asked for or the bytes could not be had.

    `formats` is what the content was found to be, nested ones as `zip > pickle`; `checks` the ids of the checks that ran.
    """

    path: str
    size: int
    sha256: str | None = None
    formats: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    gaps: tuple[Gap, ...] = ()
    analysed: bool = False
    """A parser of ours, not only a magic number, looked at the content."""
    fetched: Fetched | None = None
    """Of a remote file only."""
    byte_map: ByteMap = NOTHING


@dataclass(frozen=True, slots=True)
class Ignored:
    """A finding that a person accepted, for a while."""

    finding: Finding
    reason: str
    owner: str
    expires: str


@dataclass(frozen=True, slots=True)
class Root:
    """A path the user named. `prefix` leads the paths of its files when several were named.

    `source` is what a remote one stood for when it was resolved.
    """

    given: str
    prefix: str
    is_folder: bool
    subject: Subject | None
    source: Pinned | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """Who looked: product version, and the digest of every parser, check and table that took part."""

    version: str
    checkset: str


@dataclass(frozen=True)
class ScanReport:
    """The result of `scan`. Findings are sorted, worst first; `ignored` and `known` (baseline) ones are apart."""

    at: str
    tool: Tool
    roots: tuple[Root, ...]
    files: tuple[FileReport, ...]
    findings: tuple[Finding, ...]
    verdict: Verdict
    ignored: tuple[Ignored, ...] = ()
    known: tuple[Finding, ...] = ()
    hidden: int = 0
    """Findings of a persona that was not asked for."""
    gaps: tuple[Gap, ...] = ()
    """What was left out of each file (`what` begins with the path)."""
    checks: Mapping[str, int] = field(default_factory=dict)
    """Check id -> files it ran on; 0 for one that had nothing to read."""
    excluded: tuple[Gap, ...] = ()
    """Paths left out of the subject on purpose, and why."""
    statement: Statement | None = None
    """The same as evidence to be signed; None where a byte or a name could not be bound into a digest."""

    @property
    def bytes(self) -> int:
        """Sum of the sizes of all files."""
        return sum(file.size for file in self.files)

    @property
    def byte_map(self) -> ByteMap:
        """The bytes of all files by what became of them."""
        maps = [file.byte_map for file in self.files]
        return ByteMap(sum(m.parsed for m in maps), sum(m.data for m in maps), sum(m.unexplained for m in maps))

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """Path -> what the verdict says of that file: the worst of the reasons that point at it."""
        paths = {finding.fingerprint: finding.where.path for finding in self.findings}
        worst = {file.path: Outcome.ALLOW for file in self.files}
        for reason in self.verdict.reasons:
            for ref in reason.refs:
                path = paths.get(ref)
                if path in worst and worst[path] is not Outcome.DENY:
                    worst[path] = reason.outcome
        return worst

    def locate(self, where: Where) -> str:
        """`where` as the user would type the path."""
        return str(replace(where, path=self.typed(where.path)))

    def typed(self, path: str) -> str:
        """A file's path in front of which the root stands as the user gave it."""
        for root in self.roots:
            if root.prefix and not path.startswith(f"{root.prefix}/") and path != root.prefix:
                continue
            rest = path[len(root.prefix) :].lstrip("/") if root.prefix else path
            if not root.is_folder:
                return root.given
            return rest if root.given in {".", "./"} else f"{root.given.rstrip('/')}/{rest}"
        return path


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """As it stands in json reports, evidence and the cache."""
    where = finding.where
    return {
        "id": finding.id,
        "title": finding.title,
        "severity": finding.severity.word,
        "confidence": finding.confidence.word,
        "persona": finding.persona.value,
        "holds": finding.holds,
        "path": where.path,
        "member": where.member,
        "offset": where.offset,
        "line": where.line,
        "symbol": where.symbol,
        "message": finding.message,
        "excerpt": finding.excerpt,
        "count": finding.count,
        "fingerprint": finding.fingerprint,
    }


def finding_from_json(data: Mapping[str, Any]) -> Finding:
    """Inverse of finding_to_json; raises KeyError, TypeError or ValueError on anything else."""
    return Finding(
        id=data["id"],
        title=data["title"],
        severity=Severity[data["severity"].upper()],
        confidence=Confidence[data["confidence"].upper()],
        persona=Persona(data["persona"]),
        where=Where(data["path"], data["member"], data["offset"], data["line"], data["symbol"]),
        message=data["message"],
        excerpt=data["excerpt"],
        holds=data["holds"],
        count=data["count"],
        fingerprint=data["fingerprint"],
    )


def source_to_json(source: Pinned) -> dict[str, Any]:
    """As it stands in reports and evidence."""
    return {"url": source.url, "kind": source.kind, "value": source.value}


def fetched_to_json(fetched: Fetched) -> dict[str, Any]:
    """As it stands in reports."""
    return {
        "bytes": fetched.bytes,
        "requests": fetched.requests,
        "declared": fetched.declared,
        "verified": fetched.verified,
    }


def gap_to_json(gap: Gap) -> dict[str, Any]:
    """As it stands in reports."""
    return {"what": gap.what, "why": gap.why}


def byte_map_to_json(found: ByteMap) -> dict[str, Any]:
    """As it stands in reports."""
    return {
        "parsed": found.parsed,
        "data": found.data,
        "unexplained": found.unexplained,
        "first": found.first,
    }


def file_to_json(report: FileReport) -> dict[str, Any]:
    """As it crosses the process pool and lies in the cache, findings included."""
    return {
        "path": report.path,
        "size": report.size,
        "sha256": report.sha256,
        "formats": list(report.formats),
        "checks": list(report.checks),
        "findings": [finding_to_json(f) for f in report.findings],
        "gaps": [gap_to_json(g) for g in report.gaps],
        "analysed": report.analysed,
        "byte_map": byte_map_to_json(report.byte_map),
    }


def file_from_json(data: Mapping[str, Any]) -> FileReport:
    """Inverse of file_to_json; raises KeyError, TypeError or ValueError on anything else."""
    return FileReport(
        path=data["path"],
        size=data["size"],
        sha256=data["sha256"],
        formats=tuple(data["formats"]),
        checks=tuple(data["checks"]),
        findings=tuple(finding_from_json(f) for f in data["findings"]),
        gaps=tuple(Gap(g["what"], g["why"]) for g in data["gaps"]),
        analysed=data["analysed"],
        byte_map=ByteMap(**data["byte_map"]),
    )
