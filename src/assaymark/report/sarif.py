"""SARIF 2.1.0 (OASIS, errata 01) for code scanning: GitHub, GitLab, Azure DevOps, VS Code.

What GitHub asks beyond the standard is kept: every result has a physical location with a `startLine`, rules carry
`security-severity`, and paths are relative to where the scan was started.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from assaymark.core.check import Rule
from assaymark.core.finding import Finding, Severity
from assaymark.core.scan import FileReport, Ignored, ScanReport, source_to_json
from assaymark.report import summary

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_REMOTE = re.compile(r"[a-z][a-z0-9]{0,15}://")
_LEVEL = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
_SCORE = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.0",
    Severity.INFO: "0.0",
}
"""GitHub's bands: above 9.0 critical, from 7.0 high, from 4.0 medium, from 0.1 low, 0.0 not security."""
_PLACEHOLDER = re.compile(r"\{(\d+)\}")
_NAMED_ROOTS = 3


def render(report: ScanReport, rules: Mapping[str, Rule]) -> str:
    """One log with one run. Ignored findings are suppressed results, those of the baseline are `unchanged`."""
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [_Run(report, rules).to_dict()]}
    return json.dumps(log, indent=2) + "\n"


class _Run:
    def __init__(self, report: ScanReport, rules: Mapping[str, Rule]) -> None:
        self.report = report
        self.rules = [rules[rule_id] for rule_id in sorted(rules)]
        self.rule_index = {rule.id: index for index, rule in enumerate(self.rules)}
        every = (*report.findings, *(entry.finding for entry in report.ignored), *report.known)
        self.artifact_index = {path: index for index, path in enumerate(dict.fromkeys(f.where.path for f in every))}
        self.uris = {path: _uri(report.typed(path)) for path in self.artifact_index}

    def to_dict(self) -> dict[str, Any]:
        report = self.report
        return {
            "tool": {"driver": self.driver()},
            "automationDetails": {"id": f"{_category(report)}/{_text(report.at)}"},
            "invocations": [self.invocation()],
            "columnKind": "unicodeCodePoints",
            "artifacts": list(self.artifacts()),
            "results": list(self.results()),
            "properties": {
                "verdict": report.verdict.outcome.value,
                "policy": report.verdict.policy,
                "subjects": [str(root.subject.digest) for root in report.roots if root.subject],
                "files": len(report.files),
                "bytes": report.bytes,
                "analysed": sum(file.analysed for file in report.files),
                "hidden": report.hidden,
                "gaps": len(report.gaps),
                "excluded": len(report.excluded),
                **_sources(report),
            },
        }

    def driver(self) -> dict[str, Any]:
        return {
            "name": "Assaymark",
            "version": _text(self.report.tool.version),
            "rules": [_rule(rule) for rule in self.rules],
            "properties": {"checkset": _text(self.report.tool.checkset)},
        }

    def invocation(self) -> dict[str, Any]:
        own = [finding for finding in self.report.findings if finding.id.startswith("CHK")]
        return {
            "executionSuccessful": all(finding.id != "CHK001" for finding in own),
            "endTimeUtc": _text(self.report.at),
            "toolExecutionNotifications": [
                {
                    "descriptor": {"id": finding.id},
                    "level": _LEVEL[finding.severity],
                    "message": _message(finding.message),
                    "locations": [self.location(finding)],
                }
                for finding in own
            ],
        }

    def artifacts(self) -> Iterator[dict[str, Any]]:
        """The files that results point at, with what they were found to be."""
        files = {file.path: file for file in self.report.files if file.path in self.artifact_index}
        for path in self.artifact_index:
            yield {"location": {"uri": self.uris[path]}} | _artifact(files.get(path))

    def results(self) -> Iterator[dict[str, Any]]:
        with_baseline = bool(self.report.known)
        fresh = {"baselineState": "new"} if with_baseline else {}
        for finding in self.report.findings:
            yield self.result(finding) | fresh
        for entry in self.report.ignored:
            yield self.result(entry.finding) | fresh | {"suppressions": [_suppression(entry)]}
        for finding in self.report.known:
            yield self.result(finding) | {"baselineState": "unchanged"}

    def result(self, finding: Finding) -> dict[str, Any]:
        where = finding.where
        index = self.rule_index.get(finding.id)
        return {
            "ruleId": finding.id,
            **({} if index is None else {"ruleIndex": index}),
            "level": _LEVEL[finding.severity],
            "message": _message(finding.message),
            "locations": [self.location(finding)],
            "partialFingerprints": {"assaymark/v1": _text(finding.fingerprint)},
            "occurrenceCount": finding.count,
            "properties": {
                "severity": finding.severity.word,
                "confidence": finding.confidence.word,
                "persona": finding.persona.value,
                "holds": finding.holds,
                "member": _text(where.member),
                "offset": where.offset,
                "line": where.line,
                "symbol": _text(where.symbol),
            },
        }

    def location(self, finding: Finding) -> dict[str, Any]:
        """Line and offset count in the innermost member, so only without one do they hold in the file itself.

        GitHub shows nothing without a line: it gets the first where there is none.
        """
        where = finding.where
        region: dict[str, Any] = {"startLine": 1}
        if not where.member and where.line is not None:
            region["startLine"] = where.line
        if not where.member and where.offset is not None:
            region["byteOffset"] = where.offset
        if finding.excerpt:
            region["snippet"] = {"text": _text(finding.excerpt)}
        index = self.artifact_index[where.path]
        location: dict[str, Any] = {
            "physicalLocation": {
                "artifactLocation": {"uri": self.uris[where.path], "index": index},
                "region": region,
            }
        }
        if where.member:
            member = _text(where.member)
            full = f"{_text(self.report.typed(where.path))}!{member}"
            location["logicalLocations"] = [{"name": member, "fullyQualifiedName": full, "kind": "member"}]
        return location


def _rule(rule: Rule) -> dict[str, Any]:
    why, fix = _text(rule.why), _text(rule.fix)
    return {
        "id": rule.id,
        "name": _name(rule),
        "shortDescription": {"text": _text(rule.title)},
        "fullDescription": {"text": why},
        "help": {"text": f"Why: {why}\n\nFix: {fix}", "markdown": f"**Why:** {why}\n\n**Fix:** {fix}"},
        "defaultConfiguration": {"level": _LEVEL[rule.severity]},
        "properties": {
            "tags": list(dict.fromkeys(["security", rule.layer.value, *map(_tag, rule.refs)])),
            "precision": rule.confidence.word,
            "security-severity": _SCORE[rule.severity],
            "persona": rule.persona.value,
            "holds": rule.holds,
            "since": rule.since,
        },
    }


def _name(rule: Rule) -> str:
    """PascalCase as the standard asks: from the check's function, the runner's own rules from their title."""
    words = rule.run.__name__.split("_") if rule.run else re.findall(r"[A-Za-z0-9]+", rule.title)
    return "".join(word.capitalize() for word in words) or rule.id


def _tag(ref: str) -> str:
    """`CWE:502` as GitHub knows it, any other reference as it is."""
    scheme, _, number = ref.partition(":")
    return f"external/cwe/cwe-{number}" if scheme == "CWE" else _text(ref)


def _suppression(entry: Ignored) -> dict[str, Any]:
    justification = f"{entry.reason} (accepted by {entry.owner} until {entry.expires})"
    return {"kind": "external", "status": "accepted", "justification": _text(justification)}


def _artifact(file: FileReport | None) -> dict[str, Any]:
    if file is None:
        return {}
    hashes = {"hashes": {"sha-256": file.sha256}} if file.sha256 else {}
    return {"length": file.size, **hashes, "properties": {"formats": [_text(name) for name in file.formats]}}


def _category(report: ScanReport) -> str:
    """GitHub keeps one set of results for each category; scans of different paths must not replace each other."""
    given = [_text(root.given) for root in report.roots]
    more = f" and {len(given) - _NAMED_ROOTS} more" if len(given) > _NAMED_ROOTS else ""
    return f"assay scan {' '.join(given[:_NAMED_ROOTS])}{more}"


def _sources(report: ScanReport) -> dict[str, Any]:
    """What remote paths stood for when they were resolved."""
    sources = [source_to_json(root.source) for root in report.roots if root.source]
    return (
        {"sources": [{name: _text(value) for name, value in source.items()} for source in sources]} if sources else {}
    )


def _message(text: str) -> dict[str, str]:
    """What a viewer would take for a placeholder (3.11.5) or an embedded link (3.11.6) is escaped, and nothing else."""
    return {"text": _PLACEHOLDER.sub(r"{{\1}}", _text(text).replace("](", "\\]("))}


def _text(text: str) -> str:
    return summary.safe(text)


def _uri(path: str) -> str:
    """RFC 3986: relative as typed, percent-encoded; a `file:` URI when it is absolute."""
    path = _text(path).removeprefix("./")
    if _REMOTE.match(path):
        return quote(path, safe="/:@")
    pure = PurePath(path)
    return pure.as_uri() if pure.is_absolute() else quote(path, safe="/")
