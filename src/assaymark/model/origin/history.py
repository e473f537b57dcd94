"""What changed between two snapshots of a repository, ranked by what it may mean. A branch may move; a tag and a past may not."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from assaymark.core.clock import parse_timestamp
from assaymark.core.finding import Severity
from assaymark.core.snapshot import Change, Snapshot, diff
from assaymark.model.origin.stock import kind_of

_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".dill")
_ALARM = re.compile(
    r"malware|malicious|backdoor|trojan|compromis|unsafe|virus|stolen|hijack|suspicious|licen[cs]e violation",
    re.IGNORECASE,
)
_QUIET = (
    "/downloads",
    "/likes",
    "/modified",
    "/discussions/open",
    "/owner/members",
    "/owner/models",
    "/owner/followers",
)
_SHOWN = 5
_MOST = 1000
YOUNG = 30
"""Days: an account younger than that had no time to earn anything."""


@dataclass(frozen=True, slots=True)
class Shift:
    """One change that means something. `pointer` leads into the snapshot's content."""

    what: str
    severity: Severity
    message: str
    pointer: str = ""

    def to_json(self) -> dict[str, Any]:
        """In the report."""
        return {"what": self.what, "severity": self.severity.word, "message": self.message, "pointer": self.pointer}


def shifts(old: Snapshot, new: Snapshot) -> list[Shift]:
    """The changes, worst first; raises ValueError where the two are of different repositories."""
    renamed = old.content["uid"] and old.content["uid"] == new.content["uid"]
    if old.of != new.of and not renamed and old.content["id"] != new.content["id"]:
        raise ValueError(f"snapshots of different repositories: {old.of} and {new.of}")
    before, after = old.content, new.content
    tagged = "@" in new.of and not new.of.endswith("@main")
    found = [
        *_owner(before, after), *_identity(before, after), *_weights(before, after, tagged=tagged), *_formats(before, after),
        *_past(before, after), *_said(before, after), *_people(before, after),
    ]  # fmt: skip
    return sorted(found, key=lambda shift: (-shift.severity, shift.what, shift.pointer))


def changes(old: Snapshot, new: Snapshot) -> list[Change]:
    """Every change of the content by pointer, at most a thousand; counters that move by themselves come last."""
    as_new = Snapshot(old.kind, old.of, new.at, new.content)
    every = list(diff(old, as_new))
    return sorted(every, key=lambda change: change.pointer in _QUIET)[:_MOST]


def _owner(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Shift]:
    old, new = before["owner"], after["owner"]
    if before["author"] != after["author"]:
        yield Shift("owner", Severity.HIGH, f"it belonged to {before['author']}, now to {after['author']}", "/author")
    if not old or not new:
        return
    if old["created"] and new["created"] and old["created"] != new["created"] and old["name"] == new["name"]:
        message = f"the account {new['name']} was made on {new['created']}, before on {old['created']}: the name was taken by somebody else"
        yield Shift("account", Severity.CRITICAL, message, "/owner/created")
    if old["kind"] != new["kind"]:
        yield Shift("account", Severity.HIGH, f"its owner was {old['kind']}, now {new['kind']}", "/owner/kind")
    if old["verified"] and not new["verified"]:
        yield Shift("account", Severity.MEDIUM, f"{new['name']} is no longer verified by the hub", "/owner/verified")
    if old["fullname"] != new["fullname"]:
        yield Shift(
            "account",
            Severity.LOW,
            f"its owner calls itself {new['fullname']!r}, before {old['fullname']!r}",
            "/owner/fullname",
        )


def _identity(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Shift]:
    if before["id"] != after["id"]:
        message = (
            f"{before['id']} was renamed or moved to {after['id']}: whoever takes the old name is served to old links"
        )
        yield Shift("repository", Severity.HIGH, message, "/id")
    fresh = [key for key in ("created", "uid") if before[key] and after[key] and before[key] != after[key]]
    if fresh:
        message = f"the repository was made anew ({', '.join(fresh)} changed): it is another one under the same name"
        yield Shift("repository", Severity.HIGH, message, f"/{fresh[0]}")
    if after["disabled"] and not before["disabled"]:
        yield Shift("repository", Severity.HIGH, "the hub disabled it", "/disabled")
    if before["gated"] != after["gated"]:
        yield Shift("access", Severity.LOW, f"gated was {before['gated']}, now {after['gated']}", "/gated")


def _weights(before: Mapping[str, Any], after: Mapping[str, Any], *, tagged: bool) -> Iterator[Shift]:
    old, new = before["files"], after["files"]
    both = [
        path
        for path in sorted(old.keys() & new.keys())
        if old[path] != new[path] and old[path]["digest"] and new[path]["digest"]
    ]
    weights = [path for path in both if kind_of(path)]
    if both and before["commit"] == after["commit"] and before["commit"]:
        message = (
            f"{_some(both)} changed and the commit {before['commit'][:12]} did not: no honest repository does that"
        )
        yield Shift("weights", Severity.CRITICAL, message, f"/files/{both[0]}")
    elif weights:
        severity = Severity.HIGH if tagged else Severity.MEDIUM
        where = "under the same tag" if tagged else "on the branch that is followed"
        yield Shift("weights", severity, f"{_some(weights)} was replaced {where}", f"/files/{weights[0]}")
    gone = sorted(path for path in old.keys() - new.keys() if kind_of(path))
    if gone:
        yield Shift("weights", Severity.LOW, f"{_some(gone)} is no longer there", f"/files/{gone[0]}")
    code = sorted(path for path in new.keys() - old.keys() if path.endswith((".py", ".so", ".sh")))
    changed = [path for path in both if path.endswith((".py", ".so", ".sh"))]
    if code or changed:
        message = f"code came with it: {_some(code or changed)}" if code else f"its code changed: {_some(changed)}"
        yield Shift("code", Severity.MEDIUM, message, f"/files/{(code or changed)[0]}")
    if old.get("README.md") != new.get("README.md") and "README.md" in old:
        yield Shift(
            "card",
            Severity.LOW,
            "the card was changed" if "README.md" in new else "the card was taken away",
            "/files/README.md",
        )


def _formats(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Shift]:
    safe = [any(path.endswith((".safetensors", ".gguf")) for path in side["files"]) for side in (before, after)]
    pickled = [
        sorted(path for path in side["files"] if path.lower().endswith(_PICKLED) and kind_of(path))
        for side in (before, after)
    ]
    added = sorted(set(pickled[1]) - set(pickled[0]))
    if safe[0] and not safe[1] and pickled[1]:
        yield Shift(
            "format", Severity.HIGH, f"safetensors gave way to pickles: {_some(pickled[1])}", f"/files/{pickled[1][0]}"
        )
    elif safe[0] and added and not pickled[0]:
        yield Shift(
            "format", Severity.MEDIUM, f"a pickle came beside the safetensors: {_some(added)}", f"/files/{added[0]}"
        )


def _past(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Shift]:
    """The commit that was the newest has to be among those of today, unless the list ends before it."""
    newest, listed = before["commit"], [commit["id"] for commit in after["commits"]]
    known = [commit["id"] for commit in before["commits"]]
    if not newest or not listed or newest in listed or len(listed) >= _MOST:
        return
    if not known or not set(known) <= set(listed):
        message = f"the commit {newest[:12]} is no longer in its history: the past was rewritten"
        yield Shift("history", Severity.HIGH, message, "/commits")


def _said(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Shift]:
    for key, word, severity in (("license", "licence", Severity.MEDIUM), ("base_model", "base model", Severity.MEDIUM)):
        if before[key] != after[key]:
            old, new = (", ".join(side[key]) or "none" for side in (before, after))
            yield Shift(word, severity, f"its {word} was {old}, now {new}", f"/{key}")
    if (
        before["parameters"] is not None
        and after["parameters"] is not None
        and before["parameters"] != after["parameters"]
    ):
        message = f"it had {before['parameters']:,} parameters, now {after['parameters']:,}"
        yield Shift("parameters", Severity.MEDIUM, message, "/parameters")
    alarms = [
        title
        for title in after["discussions"]["titles"]
        if title not in before["discussions"]["titles"] and _ALARM.search(title)
    ]
    if alarms:
        yield Shift(
            "discussions", Severity.MEDIUM, f"people discuss: {'; '.join(map(repr, alarms[:3]))}", "/discussions"
        )


def _people(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Shift]:
    known = {author for commit in before["commits"] for author in commit["authors"]}
    past = {commit["id"] for commit in before["commits"]}
    fresh = {author for commit in after["commits"] if commit["id"] not in past for author in commit["authors"]}
    if known and fresh - known:
        message = f"commits by people who had none before: {_some(sorted(fresh - known))}"
        yield Shift("people", Severity.MEDIUM, message, "/commits")


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:_SHOWN]) + (f" and {len(listed) - _SHOWN:,} more" if len(listed) > _SHOWN else "")


def creator(snapshot: Snapshot) -> dict[str, Any]:
    """Who stands behind it as far as the hub says: facts, and what a reviewer ought to weigh. It lowers nothing."""
    content = snapshot.content
    owner = content["owner"]
    told: list[str] = []
    age = days(owner.get("created", ""), snapshot.at)
    if age is not None and age < YOUNG:
        told.append(f"the account {owner['name']} is {age} days old")
    if owner and not owner["verified"]:
        told.append(f"{owner['name']} is not verified by the hub")
    if not owner:
        told.append("nothing is known of the owner's account")
    authors = sorted({author for commit in content["commits"] for author in commit["authors"]})
    return {
        "id": content["id"], "author": content["author"], "commit": content["commit"], "created": content["created"],
        "modified": content["modified"], "owner": owner, "account_days": age, "gated": content["gated"],
        "downloads": content["downloads"], "likes": content["likes"], "committers": authors[:50],
        "at": snapshot.at, "snapshot": str(snapshot.digest), "weigh": told,
    }  # fmt: skip


def days(since: str, until: str) -> int | None:
    """Whole days between two moments, or None."""
    try:
        return (parse_timestamp(until) - parse_timestamp(since)).days
    except (ValueError, OverflowError):
        return None
