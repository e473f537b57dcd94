"""What an audit and a feed say, as JSON."""

from collections.abc import Mapping
from typing import Any

from assaymark.auditing.audit import Audit
from assaymark.library.advisories.known import Known
from assaymark.storage.advisories import Feed


def told(audit_: Audit) -> dict[str, Any]:
    """The audit as `assaymark/deps-audit/v1`."""
    from assaymark.core.scan import finding_to_json

    report = audit_.report
    return {
        "schema": "assaymark/deps-audit/v1",
        "at": report.at,
        "verdict": {
            "outcome": report.verdict.outcome.value, "policy": report.verdict.policy,
            "reasons": [
                {"outcome": r.outcome.value, "code": r.code, "message": r.message, "refs": list(r.refs)}
                for r in report.verdict.reasons
            ],
        },
        "inventories": [
            {"source": i.source, "digest": i.digest, "packages": len(i.packages), "gaps": len(i.gaps)}
            for i in audit_.inventories
        ],
        "feeds": [feed_told(feed) for feed in audit_.feeds],
        "vulnerabilities": [known_told(one, audit_.safe) for one in audit_.known],
        "findings": [finding_to_json(finding) for finding in report.findings],
        "ignored": [
            {"finding": finding_to_json(i.finding), "reason": i.reason, "owner": i.owner, "expires": i.expires}
            for i in report.ignored
        ],
    }  # fmt: skip


def feed_told(feed: Feed) -> dict[str, Any]:
    """A feed as JSON."""
    names = ("name", "kind", "source", "imported_at", "as_of", "records", "malformed", "malicious", "digest")
    return {**{name: getattr(feed, name) for name in names}, "ecosystems": list(feed.ecosystems)}


def known_told(one: Known, safe: Mapping[tuple[str, str, str], str]) -> dict[str, Any]:
    """What is known, as JSON; severity null is unknown."""
    kev = {"added": one.kev[0], "due": one.kev[1], "ransomware": one.kev[2]} if one.kev else None
    return {
        "ecosystem": one.ecosystem, "name": one.name, "version": one.version, "id": one.id, "aliases": list(one.aliases),
        "summary": one.summary, "why": one.why, "malicious": one.malicious, "possibly": one.possibly,
        "severity": one.severity.word if one.severity is not None else None, "score": one.score,
        "fixed": list(one.fixed), "upgrade": safe.get((one.ecosystem, one.name, one.version)), "published": one.published,
        "feeds": list(one.feeds), "symbols": list(one.symbols), "epss": one.epss, "kev": kev, "path": one.path,
        "line": one.line, "direct": one.direct,
    }  # fmt: skip
