"""Composition of package vetting: files from disk, facts from the home, the one gate, and the model scanner for assets."""

import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from assaymark.app import agree, conclude
from assaymark.core.blob import Bytes
from assaymark.core.budget import Budget, Limits
from assaymark.core.check import RULES, load_checks
from assaymark.core.clock import Clock
from assaymark.core.errors import AssayError, UsageError
from assaymark.core.finding import Finding, Severity, Where
from assaymark.core.look import MALFORMED, OVER_BUDGET, Catalog, clean, look
from assaymark.core.scan import FileReport, Root, ScanReport
from assaymark.core.subject import Layer
from assaymark.library.malware import delta as deltas
from assaymark.library.malware.model import Chain, FileFacts, Tier
from assaymark.library.malware.package import parts
from assaymark.library.malware.package_look import Seen
from assaymark.library.malware.package_look import look as look_at
from assaymark.library.malware.reading import read
from assaymark.settings import home as home_folder

_CHECKS = "assaymark.library.checks.vetting"
_VERSION = "1"
"""Of the facts: raised when the analyser sees more, so that what is kept is read again."""
_SECONDS = 300.0


class Kept:
    """Facts of files by sha256, in one file of the home for each first byte; what cannot be read is worked out again."""

    def __init__(self, home: str | None) -> None:
        """`home` None keeps nothing."""
        self._folder = home and os.path.join(home_folder(home), "cache", f"vet-{_VERSION}-{analyser()}")
        self._shards: dict[str, dict[str, Any]] = {}
        self._changed: set[str] = set()
        self._deadline = time.monotonic() + _SECONDS

    def facts(self, data: bytes, whole: bool) -> FileFacts:  # noqa: FBT001 - handed on as a function of two values
        """Facts of a Python file."""
        if time.monotonic() > self._deadline:
            return FileFacts(fault=f"the package was not read within {_SECONDS:g} s")
        digest = hashlib.sha256(data).hexdigest() + ("!" if whole else "")
        shard = self._shard(digest[:1])
        try:
            if digest in shard:
                return FileFacts.from_json(shard[digest])
        except (KeyError, TypeError, ValueError, AttributeError):
            pass
        facts = read(data, whole=whole)
        shard[digest] = facts.to_json()
        self._changed.add(digest[:1])
        return facts

    def _shard(self, key: str) -> dict[str, Any]:
        if key not in self._shards:
            self._shards[key] = {}
            if self._folder:
                try:
                    with open(os.path.join(self._folder, f"{key}.json"), encoding="utf-8") as file:
                        found = json.load(file)
                    self._shards[key] = found if isinstance(found, dict) else {}
                except (OSError, ValueError):
                    pass
        return self._shards[key]

    def save(self) -> None:
        """Write what is new."""
        if not self._folder:
            return
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            for key in self._changed:
                path = os.path.join(self._folder, f"{key}.json")
                with open(f"{path}.{os.getpid()}", "w", encoding="utf-8") as file:
                    json.dump(self._shards[key], file)
                os.replace(f"{path}.{os.getpid()}", path)
        except OSError:
            pass  # a home that cannot be written to only costs time


def analyser() -> str:
    """A digest of the analyser's own sources: other sources, other facts."""
    from assaymark.core import source
    from assaymark.library import malware

    digest = hashlib.sha256()
    for package in (malware, source):
        folder = package.__path__[0]
        for name in sorted(os.listdir(folder)):
            if name.endswith(".py"):
                with open(os.path.join(folder, name), "rb") as file:
                    digest.update(file.read())
    return digest.hexdigest()[:16]


def see(path: str, home: str | None = None) -> Seen:
    """All that is worked out of a package; raises UsageError, Malformed, OverBudget."""
    if not os.path.lexists(path):
        raise UsageError(f"{path}: no such file or folder")
    kept = Kept(home)
    seen = look_at(parts(path), kept.facts)
    kept.save()
    return seen


def vet(*paths: str, home: str | None = None, fail_on: str | None = None, clock: Clock | None = None) -> ScanReport:
    """Look at packages and judge them; the same as `assay deps vet`."""
    terms = agree(fail_on, None, "", None, clock)
    load_checks(_CHECKS)
    reports = [_report(os.fspath(path), home) for path in paths]
    return conclude(terms, [Root(r.path, "", is_folder=False, subject=None) for r in reports], reports, ())


def _report(path: str, home: str | None) -> FileReport:
    ran = tuple(rule.id for rule in load_checks(_CHECKS))
    name = path
    digest, size = _digest(path)
    try:
        seen = see(path, home)
    except AssayError as error:
        if isinstance(error, UsageError):
            raise
        fault = _finding(MALFORMED, name, "", None, error.message)
        return FileReport(name, size, digest, ("python-package",), ran, (fault,), (), analysed=True)
    findings = [f for chain in seen.chains for f in judged(chain, name)]
    for inner, problem in seen.problems[:200]:
        rule = MALFORMED if "leads out" in problem or "twice" in problem or "not Python" in problem else OVER_BUDGET
        severity = Severity.LOW if problem.startswith("not Python") else None
        findings.append(_finding(rule, name, inner, None, problem, severity))
    findings += _models(name, seen.models)
    kept = {f.fingerprint: f for f in findings}
    return FileReport(name, size, digest, ("python-package",), ran, tuple(kept.values()), (), analysed=True)


def judged(chain: Chain, name: str) -> list[Finding]:
    """The findings of a chain: block at the severity of its rule, review holds, a note informs."""
    rule = RULES[chain.rule]
    found = []
    for hit in rule.run(chain) if rule.run else ():
        finding = _finding(rule.id, name, chain.path, hit.line, hit.message, None, clean(hit.excerpt, 300), hit.symbol)
        if chain.tier is Tier.BLOCK:
            finding = replace(finding, severity=max(rule.severity, Severity.HIGH))
        elif chain.tier is Tier.REVIEW:
            finding = replace(finding, severity=Severity.MEDIUM, holds=True)
        else:
            finding = replace(finding, severity=Severity.INFO)
        found.append(finding)
    return found


def _finding(
    rule_id: str,
    path: str,
    member: str,
    line: int | None,
    message: str,
    severity: Severity | None = None,
    excerpt: str = "",
    symbol: str = "",
) -> Finding:
    rule = RULES[rule_id]
    where = Where(clean(path, 500), clean(member, 500), line=line, symbol=clean(symbol, 200))
    holds = rule.holds and severity is None
    return Finding(
        rule.id,
        rule.title,
        rule.severity if severity is None else severity,
        rule.confidence,
        rule.persona,
        where,
        clean(message),
        excerpt,
        holds,
    )


def _models(name: str, models: Sequence[tuple[str, bytes]]) -> list[Finding]:
    """What the model layer says of assets within the package."""
    from assaymark.catalog import catalog
    from assaymark.storage.spool import FileSpool

    whole = catalog()
    known = Catalog(whole.formats, (), whole.facts)
    found = []
    for path, data in models[:200]:
        budget = Budget(Limits(seconds=60.0), monotonic=time.monotonic, spool=FileSpool)
        report = look(Bytes(data), path, known, budget)
        for finding in report.findings:
            if RULES[finding.id].layer is Layer.MODEL or finding.holds:
                member = "!".join(p for p in (path, finding.where.member) if p)
                found.append(replace(finding, where=replace(finding.where, path=name, member=member), fingerprint=""))
    return found


def _digest(path: str) -> tuple[str | None, int]:
    if os.path.isdir(path):
        return None, 0
    digest, size = hashlib.sha256(), 0
    try:
        with open(path, "rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    return digest.hexdigest(), size


def diff(old: str, new: str, home: str | None = None) -> Mapping[str, Any]:
    """The capability delta of an update, as `assaymark/deps-diff/v1`."""
    before, after = see(old, home), see(new, home)
    changes = deltas.delta(before, after)
    return {
        "schema": "assaymark/deps-diff/v1",
        "old": {"path": old, "sha256": _digest(old)[0]},
        "new": {"path": new, "sha256": _digest(new)[0]},
        "alerts": sum(c.alert for c in changes),
        "unread": sorted({path for path, _ in after.problems}),
        "changes": [
            {"kind": c.kind, "what": clean(c.what, 300), "path": clean(c.path, 500), "line": c.line, "alert": c.alert}
            for c in changes
        ],
    }
