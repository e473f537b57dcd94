"""json v1 for machines: everything the report knows, in a fixed order. Schema: docs/schemas/scan-report-v1.schema.json."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from assaymark.core.check import Rule, rule_to_json
from assaymark.core.finding import Finding
from assaymark.core.scan import (
    FileReport,
    Ignored,
    Root,
    ScanReport,
    byte_map_to_json,
    fetched_to_json,
    finding_to_json,
    gap_to_json,
    source_to_json,
)
from assaymark.core.verdict import Outcome, Verdict
from assaymark.report import summary

SCHEMA = "assaymark/scan-report/v1"


def render(report: ScanReport, rules: Mapping[str, Rule]) -> str:
    """The document, two spaces deep, ASCII only, so that it survives any pipe."""
    return json.dumps(to_dict(report, rules), indent=2) + "\n"


def to_dict(report: ScanReport, rules: Mapping[str, Rule]) -> dict[str, Any]:
    """The document as JSON values in valid Unicode; evidence carries the same."""
    outcomes = report.outcomes
    document = {
        "schema": SCHEMA,
        "tool": {"name": "assaymark", "version": report.tool.version, "checkset": report.tool.checkset},
        "at": report.at,
        "roots": [_root(root) for root in report.roots],
        "policy": report.verdict.policy,
        "verdict": _verdict(report.verdict),
        "summary": _summary(report),
        "findings": _findings(report, report.findings),
        "ignored": [_ignored(report, entry) for entry in report.ignored],
        "known": _findings(report, report.known),
        "files": [_file(file, outcomes[file.path]) for file in report.files],
        "coverage": _coverage(report),
        "rules": {rule_id: rule_to_json(rules[rule_id]) for rule_id in sorted(rules)},
    }
    return {name: _valid(value) for name, value in document.items()}


def _valid(value: Any) -> Any:
    """The same value, surrogates in its texts escaped: other JSON readers refuse the document otherwise."""
    match value:
        case str():
            return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_valid(key): _valid(item) for key, item in value.items()}
        case list():
            return [_valid(item) for item in value]
        case _:
            return value


def _root(root: Root) -> dict[str, Any]:
    return {
        "path": root.given,
        "folder": root.is_folder,
        "digest": str(root.subject.digest) if root.subject else None,
        "source": source_to_json(root.source) if root.source else None,
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "outcome": verdict.outcome.value,
        "action": verdict.action,
        "reasons": [
            {"outcome": r.outcome.value, "code": r.code, "message": r.message, "refs": list(r.refs)}
            for r in verdict.reasons
        ],
    }


def _summary(report: ScanReport) -> dict[str, Any]:
    counts = summary.by_severity(report.findings)
    return {
        "files": len(report.files),
        "bytes": report.bytes,
        "byte_map": byte_map_to_json(report.byte_map),
        "analysed": sum(file.analysed for file in report.files),
        "findings": {severity.word: number for severity, number in counts.items()},
        "ignored": len(report.ignored),
        "known": len(report.known),
        "hidden": report.hidden,
        "excluded": len(report.excluded),
    }


def _findings(report: ScanReport, findings: Iterable[Finding]) -> list[dict[str, Any]]:
    return [finding_to_json(finding) | {"location": report.locate(finding.where)} for finding in findings]


def _ignored(report: ScanReport, entry: Ignored) -> dict[str, Any]:
    finding = _findings(report, [entry.finding])[0]
    return {"finding": finding, "reason": entry.reason, "owner": entry.owner, "expires": entry.expires}


def _file(file: FileReport, outcome: Outcome) -> dict[str, Any]:
    return {
        "path": file.path,
        "outcome": outcome.value,
        "size": file.size,
        "sha256": file.sha256,
        "formats": list(file.formats),
        "checks": list(file.checks),
        "analysed": file.analysed,
        "byte_map": byte_map_to_json(file.byte_map),
        "gaps": [gap_to_json(gap) for gap in file.gaps],
        "fetched": fetched_to_json(file.fetched) if file.fetched else None,
    }


def _coverage(report: ScanReport) -> dict[str, Any]:
    """`errors` are the fingerprints of what the runner itself could not do, ignored and known ones included."""
    every = (*report.findings, *(entry.finding for entry in report.ignored), *report.known)
    return {
        "analysed": sum(file.analysed for file in report.files),
        "checks": {rule_id: report.checks[rule_id] for rule_id in sorted(report.checks)},
        "gaps": [gap_to_json(gap) for gap in report.gaps],
        "excluded": [gap_to_json(gap) for gap in report.excluded],
        "errors": [finding.fingerprint for finding in every if finding.id.startswith("CHK")],
    }
