"""What several forms of a report count, group and spell alike."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from assaymark.core.finding import Finding, Severity
from assaymark.core.look import clean
from assaymark.core.record import dataclass
from assaymark.core.remote import Pinned
from assaymark.core.scan import Fetched, FileReport, Gap, ScanReport
from assaymark.core.subject import Layer
from assaymark.core.verdict import Outcome, Verdict

SEVERITIES = tuple(sorted(Severity, reverse=True))
"""Worst first."""
SEVERITY_GLYPH: Mapping[Severity, str] = {
    Severity.CRITICAL: "✖",
    Severity.HIGH: "▲",
    Severity.MEDIUM: "◆",
    Severity.LOW: "●",
    Severity.INFO: "○",
}
OUTCOME_GLYPH: Mapping[Outcome, str] = {Outcome.ALLOW: "✔", Outcome.DENY: "✖", Outcome.HOLD: "‖"}
OUTCOME_MEANING: Mapping[Outcome, str] = {
    Outcome.ALLOW: "everything that was found could be looked at, and nothing in it denies",
    Outcome.DENY: "what was found must not pass",
    Outcome.HOLD: "not everything could be vouched for: not looked is never clean",
}
LAYER_OF: Mapping[str, Layer] = {
    "DAT": Layer.DATA,
    "MDL": Layer.MODEL,
    "LIB": Layer.LIBRARY,
    "INF": Layer.INFRA,
    "TLG": Layer.TOOLING,
    "CHK": Layer.PLATFORM,
}
"""Layer of a rule, by the letters its id begins with: checks that found nothing are counted without their rules."""
_NUMBER = re.compile(r"\d[\d,. ]*")


@dataclass(frozen=True, slots=True)
class Gathered:
    """Reasons of one code and outcome: the first one's message, and how many there are."""

    outcome: Outcome
    code: str
    message: str
    count: int


def layer_of(rule_id: str) -> Layer:
    """The layer that a rule id belongs to."""
    return LAYER_OF.get(rule_id[:3], Layer.PLATFORM)


def by_file(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Findings grouped by file, the file of the first one first; in a file the worst first, then as they stand there."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.where.path, []).append(finding)
    return [sorted(group, key=_standing) for group in groups.values()]


def _standing(finding: Finding) -> tuple[int, int]:
    where = finding.where
    return -finding.severity, where.line if where.line is not None else where.offset or 0


def bytes_seen(report: ScanReport) -> str:
    """What became of the bytes of all files."""
    found = report.byte_map
    left = f"{size(found.unexplained)} unexplained" if found.unexplained else "none unexplained"
    return f"{size(found.parsed)} parsed, {size(found.data)} raw values or text, {left}"


def by_severity(findings: Iterable[Finding]) -> dict[Severity, int]:
    """Number of findings of each severity, worst first, zeros included."""
    counts = Counter(finding.severity for finding in findings)
    return {severity: counts[severity] for severity in SEVERITIES}


def by_id(findings: Iterable[Finding]) -> list[tuple[str, int]]:
    """Number of findings of each id, most first."""
    return _most_first(Counter(finding.id for finding in findings))


def count_words(counts: Mapping[Severity, int], between: str = " · ") -> str:
    """`1 critical · 2 high`; `no findings` when all are zero."""
    return between.join(f"{number:,} {severity.word}" for severity, number in counts.items() if number) or "no findings"


def resolved(source: Pinned) -> str:
    """What a remote path stood for: `hf://org/name@<commit> (git-commit)`; the value where the URL does not hold it."""
    if source.kind == "none":
        return f"{source.url} (the host names no version: what is there may change unseen)"
    value = "" if source.value in source.url else f" {source.value}"
    return f"{source.url} ({source.kind}{value})"


def fetched(report: ScanReport) -> str:
    """How much of all remote files was read; empty where there are none."""
    files = [(file, file.fetched) for file in report.files if file.fetched]
    if not files:
        return ""
    got = size(sum(part.bytes for _, part in files))
    whole = size(sum(file.size for file, _ in files))
    requests = plural(sum(part.requests for _, part in files), "request")
    declared = sum(part.declared is not None for _, part in files)
    verified = sum(part.verified for _, part in files)
    return f"{got} of {whole} in {requests} · digests: {declared:,} declared by the host, {verified:,} verified"


def fetched_of(file: FileReport, part: Fetched) -> str:
    """The same of one file."""
    digest = "verified" if part.verified else f"{part.declared} declared, not verified" if part.declared else "none"
    return f"{size(part.bytes)} of {size(file.size)} in {plural(part.requests, 'request')}; declared digest: {digest}"


def formats_seen(report: ScanReport) -> list[tuple[str, int]]:
    """Format -> number of files it was met in, most first."""
    return _most_first(Counter(name for file in report.files for name in file.formats))


def gathered(verdict: Verdict) -> list[Gathered]:
    """The verdict's reasons, those of one code together, in the verdict's order."""
    groups: dict[tuple[Outcome, str], Gathered] = {}
    for reason in verdict.reasons:
        key = (reason.outcome, reason.code)
        known = groups.get(key)
        groups[key] = Gathered(*key, known.message if known else reason.message, known.count + 1 if known else 1)
    return list(groups.values())


def alike(gaps: Iterable[Gap]) -> list[tuple[str, int]]:
    """Why things were left out, and how many for that reason, most first. Reasons that differ in numbers are alike."""
    shown: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for gap in gaps:
        shape = _NUMBER.sub("#", gap.why)
        shown.setdefault(shape, one_line(gap.why))
        counts[shape] += 1
    return [(shown[shape], number) for shape, number in _most_first(counts)]


def excerpt(finding: Finding) -> list[tuple[str, str]]:
    """Gutter and text of each line that was seen. The gutter of the first holds its line number or offset.

    No form prints an excerpt without gutter: CI runners obey lines of a log that begin with `::`.
    """
    where = finding.where
    number = where.line if where.line is not None else where.offset
    first = "" if number is None else str(number)
    lines = (line.rstrip() for line in safe(finding.excerpt).expandtabs(4).split("\n"))
    seen = [line for line in lines if line]
    return [(first if index == 0 else " " * len(first), line) for index, line in enumerate(seen)]


def one_line(text: str) -> str:
    """Text of a stranger on one line: controls and bidi marks escaped, white space folded."""
    return " ".join(safe(text).split())


def place(text: str) -> str:
    """A path or location on one line, spaces kept, so that it can be copied."""
    return safe(text).replace("\n", "\\n").replace("\t", "\\t")


def safe(text: str) -> str:
    """Text of a stranger, whole, its lines kept: controls, bidi marks and surrogates are escaped."""
    return clean(text, 6 * len(text))  # an escape is at most six characters


def size(number: int) -> str:
    """Bytes in decimal units: `1.4 GB`."""
    if number < 1000:
        return f"{number} B"
    value, units = number / 1000, iter(("kB", "MB", "GB", "TB"))
    unit = next(units)
    while value >= 999.95 and unit != "TB":
        value, unit = value / 1000, next(units)
    return f"{value:,.1f} {unit}"


def times(number: int) -> str:
    """How often, put after a name: empty for once."""
    return f" \u00d7{number:,}" if number > 1 else ""


def plural(number: int, thing: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def _most_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
