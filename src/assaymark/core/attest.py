"""A scan as evidence: in-toto predicate `test-result/v0.1`, our detail in its field `assaymark`."""

from collections.abc import Mapping, Sequence
from typing import Any

from assaymark.core.evidence import TEST_RESULT, Statement
from assaymark.core.finding import Finding
from assaymark.core.manifest import Manifest
from assaymark.core.remote import Pinned
from assaymark.core.scan import Gap, Ignored, Tool, finding_to_json, gap_to_json, source_to_json
from assaymark.core.subject import Subject
from assaymark.core.verdict import Outcome, Verdict

DETAIL_SCHEMA = "assaymark/scan-evidence/v1"
RESULTS = {Outcome.ALLOW: "PASSED", Outcome.HOLD: "WARNED", Outcome.DENY: "FAILED"}


def scan_statement(  # noqa: PLR0913 - each is a field of the statement
    *,
    subjects: Sequence[Subject],
    manifests: Mapping[str, Manifest],
    at: str,
    tool: Tool,
    policy: str,
    findings: Sequence[Finding],
    ignored: Sequence[Ignored],
    known: Sequence[Finding],
    checks: Mapping[str, int],
    analysed: int,
    gaps: Sequence[Gap],
    excluded: Sequence[Gap],
    sources: Sequence[Pinned] = (),
    allow: str | None = None,
    verdict: Verdict | None = None,
) -> Statement:
    """The statement about `subjects`. `manifests` (by subject name) let a verifier say which file differs.

    `sources` say where remote subjects were read, by the commit, ETag or digest that their references stood for.
    Without a verdict it is what the gate judges; with it, what is signed.
    """
    allowed = [{"name": "allow", "digest": {"sha256": allow.removeprefix("sha256:")}}] if allow else []
    hit = {finding.id for finding in findings}
    bad = {reason.code for reason in verdict.reasons if reason.outcome is Outcome.DENY} if verdict else set()
    predicate: dict[str, Any] = {
        "result": RESULTS[verdict.outcome if verdict else Outcome.HOLD],
        "configuration": [
            {"name": "assaymark-checkset", "digest": {"sha256": tool.checkset.removeprefix("sha256:")}},
            {"name": "policy", "digest": {"sha256": policy.removeprefix("sha256:")}},
            *allowed,
        ],
        "passedTests": sorted(c for c, files in checks.items() if files and c not in hit),
        "warnedTests": sorted(hit - bad),
        "failedTests": sorted(bad),
        "assaymark": {
            "schema": DETAIL_SCHEMA,
            "at": at,
            "version": tool.version,
            "findings": [finding_to_json(finding) for finding in findings],
            "ignored": [
                {"finding": finding_to_json(i.finding), "reason": i.reason, "owner": i.owner, "expires": i.expires}
                for i in ignored
            ],
            "known": [finding_to_json(finding) for finding in known],
            "coverage": {
                "analysed": analysed,
                "checks": dict(checks),
                "gaps": [gap_to_json(gap) for gap in gaps],
                "excluded": [gap_to_json(gap) for gap in excluded],
            },
            "manifests": {name: manifest.to_json() for name, manifest in manifests.items()},
        },
    }
    if sources:
        predicate["assaymark"]["sources"] = [source_to_json(source) for source in sources]
    return Statement(tuple(subjects), TEST_RESULT, predicate)
