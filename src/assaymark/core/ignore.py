"""What a person accepted for a while, and what an earlier report knew already. Pure: today comes in."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from fnmatch import fnmatchcase
from typing import Any

from assaymark.core.errors import UsageError
from assaymark.core.finding import Finding
from assaymark.core.record import dataclass
from assaymark.core.scan import Gap, Ignored
from assaymark.core.snapshot import ABSENT, Snapshot, diff

LONGEST = timedelta(days=90)
_FIELDS = {"fingerprint", "id", "path", "reason", "owner", "expires"}


@dataclass(frozen=True, slots=True)
class Ignore:
    """Matches by fingerprint (its first 12 digits suffice), or by rule id and a path pattern. Reason, owner, expiry always."""

    fingerprint: str
    id: str
    path: str
    reason: str
    owner: str
    expires: date

    def matches(self, finding: Finding) -> bool:
        """Whether this is about `finding`."""
        if self.fingerprint:
            return finding.fingerprint.startswith(self.fingerprint)
        return finding.id == self.id and fnmatchcase(finding.where.path, self.path)


def read_ignores(entries: Any, today: date, source: str) -> tuple[Ignore, ...]:
    """Parse the `[[ignore]]` tables of `source`; raises UsageError that names the entry and what is wrong with it."""
    if not isinstance(entries, list):
        raise UsageError(f"{source}: 'ignore' is not a list of tables", step="write [[ignore]] before each entry")
    return tuple(_read(entry, today, f"{source}: ignore {n}") for n, entry in enumerate(entries, 1))


def _read(entry: Any, today: date, place: str) -> Ignore:
    if not isinstance(entry, Mapping) or entry.keys() - _FIELDS:
        raise UsageError(f"{place}: known keys are {', '.join(sorted(_FIELDS))}")
    texts = {name: entry.get(name, "") for name in _FIELDS - {"expires"}}
    if not all(isinstance(value, str) for value in texts.values()):
        raise UsageError(f"{place}: every key but 'expires' is a text")
    if not texts["reason"].strip() or not texts["owner"].strip():
        raise UsageError(f"{place}: needs a reason and an owner", step='add reason = "…" and owner = "…"')
    by_print, by_path = bool(texts["fingerprint"]), bool(texts["id"] and texts["path"])
    if by_print == by_path or (by_print and len(texts["fingerprint"]) < 12):
        raise UsageError(f"{place}: needs either a fingerprint (12 digits or more), or both id and path")
    expires = entry.get("expires")
    if type(expires) is not date:
        raise UsageError(f"{place}: needs an expiry date", step=f"add expires = {today + LONGEST}")
    if expires > today + LONGEST:
        raise UsageError(f"{place}: expires {expires}, later than 90 days from now", step=f"at most {today + LONGEST}")
    return Ignore(expires=expires, **texts)


def apply_ignores(
    findings: Iterable[Finding], ignores: Sequence[Ignore], today: date
) -> tuple[list[Finding], list[Ignored], list[Gap]]:
    """Split into what stands and what is accepted. An ignore is good to the end of its day; then it is a note, no more."""
    standing: list[Finding] = []
    accepted: list[Ignored] = []
    expired: dict[Ignore, Gap] = {}
    for finding in findings:
        matching = [ignore for ignore in ignores if ignore.matches(finding)]
        valid = next((ignore for ignore in matching if ignore.expires >= today), None)
        if valid is not None:
            accepted.append(Ignored(finding, valid.reason, valid.owner, valid.expires.isoformat()))
            continue
        standing.append(finding)
        for ignore in matching:
            expired[ignore] = Gap(
                f"ignore of {ignore.fingerprint or f'{ignore.id} in {ignore.path}'}",
                f"expired on {ignore.expires} (owner: {ignore.owner}); its findings count again",
            )
    return standing, accepted, list(expired.values())


def split_known(findings: Sequence[Finding], baseline: Iterable[str]) -> tuple[list[Finding], list[Finding]]:
    """Findings that are new since the baseline's fingerprints, and those that it knew."""
    before = Snapshot("findings", "scan", "", dict.fromkeys(baseline, True))
    after = Snapshot("findings", "scan", "", {finding.fingerprint: True for finding in findings})
    new = {change.pointer[1:] for change in diff(before, after) if change.before is ABSENT}
    return [f for f in findings if f.fingerprint in new], [f for f in findings if f.fingerprint not in new]


def read_baseline(document: Any) -> list[str]:
    """Fingerprints of an earlier json report; raises UsageError for anything else."""
    try:
        if document["schema"] != "assaymark/scan-report/v1":
            raise UsageError(f"the baseline has schema {document['schema']!r}")
        prints = [finding["fingerprint"] for part in ("findings", "known") for finding in document[part]]
        "".join(prints)  # a text each
    except (KeyError, TypeError) as error:
        step = "make one with: assay scan PATH --output json:FILE"
        raise UsageError("the baseline is not an assaymark json report", step=step) from error
    return prints
