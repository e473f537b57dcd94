"""The examination: every claim, the card, the records, the past; what comes of it as views for checks and as a document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from assaymark.core.errors import AssayError
from assaymark.core.finding import Severity
from assaymark.core.format import Item
from assaymark.core.snapshot import Snapshot
from assaymark.model.origin import asked as wishes
from assaymark.model.origin import beside, descent, hashes, history, incidents, licences, packed, shape, sizes
from assaymark.model.origin.base import Kinship
from assaymark.model.origin.claims import Claim, Place, Result
from assaymark.model.origin.documented import Documented, documented
from assaymark.model.origin.incidents import Advisory, Incident, Thing
from assaymark.model.origin.model import Model
from assaymark.model.origin.names import lookalikes
from assaymark.model.origin.signed import signatures
from assaymark.model.origin.views import Claims, Documentation, History, Incidents, Lookalike, Unchecked

SCHEMA = "assaymark/origin/v1"
SIGNED = (
    "schema",
    "subject",
    "summary",
    "claims",
    "base",
    "creator",
    "history",
    "documentation",
    "incidents",
    "signatures",
)
"""Parts of the document that evidence carries."""
_CLAIMS = 20_000


@dataclass(frozen=True)
class Told:
    """Views by path, and the document without what only the caller knows."""

    views: list[tuple[str, Item]]
    document: dict[str, Any]


def examine(  # noqa: PLR0913 - what there is to go by
    model: Model,
    *,
    revision: str,
    kin: Kinship | None,
    base: Model | None,
    base_name: str,
    asked: Mapping[str, Any],
    asked_in: str,
    snapshots: Sequence[Snapshot],
    advisories: Sequence[Advisory],
    expected: Sequence[str],
) -> Told:
    """Look at all of it. What is hostile is bounded by the readers; a fault of one part is told and the others go on."""
    for part in (sizes.check, shape.check, packed.check, beside.check, licences.check, hashes.check):
        try:
            part(model)
        except AssayError as error:
            model.faults.append((model.name, error.message))
    descent.check(model, kin, base, base_name)
    if snapshots:
        _published(model, snapshots, revision)
    wishes.check(model, asked, asked_in)
    claims = sorted(model.ledger.claims[:_CLAIMS], key=lambda c: (list(Result).index(c.result) != 1, -c.severity))
    sections = documented(model.card)
    shifts = [shift for old, new in pairwise(snapshots) for shift in history.shifts(old, new)]
    known = incidents.match(advisories, _things(model, base, base_name, snapshots, revision)) if advisories else []
    names = [
        (name, other)
        for name in dict.fromkeys((model.name, *(s.content["id"] for s in snapshots)))
        for other in lookalikes(name, expected)
    ]
    unread = [(path, why) for one in model.sets for path, why in one.unread] + model.faults
    views = list(_views(model, claims, sections, known, unread))
    home = _home(model)
    views += [(home, History(tuple(sorted(shifts, key=lambda s: -s.severity))))] if snapshots else []
    views += [(home, Lookalike(name, other)) for name, other in names]
    return Told(views, {
        "summary": {result.value: sum(claim.result is result for claim in claims) for result in Result},
        "model": _described(model),
        "claims": [claim.to_json() for claim in claims],
        "base": kin.to_json() if kin is not None else None,
        "creator": history.creator(snapshots[-1]) if snapshots else None,
        "history": [shift.to_json() for shift in shifts],
        "documentation": [section.to_json() for section in sections],
        "incidents": [incident.to_json() for incident in known],
        "signatures": [signed.to_json() for signed in signatures(model)],
        "lookalikes": [{"name": name, "other": other} for name, other in names],
        "unread": [{"path": path, "why": why} for path, why in unread[:200]],
    })  # fmt: skip


def _home(model: Model) -> str:
    """Where something is told that stands in no file: the card, else the first weights, else the first file."""
    if model.card is not None:
        return model.card.path
    return next((one.files[0] for one in model.main), next(iter(sorted(model.tree.files)), model.name))


def _views(
    model: Model,
    claims: Sequence[Claim],
    sections: Sequence[Documented],
    known: Sequence[Incident],
    unread: Sequence[tuple[str, str]],
) -> Sequence[tuple[str, Item]]:
    home = _home(model)
    found: list[tuple[str, Item]] = []
    by_path: dict[str, list[Claim]] = {}
    for claim in claims:
        path = next((place.path for place in (*claim.by, *claim.against) if place.path in model.tree.files), home)
        by_path.setdefault(path, []).append(claim)
    found += [(path, Claims(tuple(mine))) for path, mine in sorted(by_path.items())]
    found.append((home, Documentation(tuple(sections))))
    if known:
        found.append((home, Incidents(tuple(known))))
    for claim in claims:
        if claim.asked and claim.result is Result.UNVERIFIABLE:
            found.append((home, Unchecked(f"{claim.about} {claim.says}", claim.note or "nothing at hand tells it")))
    if not any(one.tensors for one in model.sets):
        found.append((home, Unchecked("tensors", "there are none that can be read: claims were held against nothing")))
    weights = {path for one in model.main for path in one.files}
    for path, why in unread[:200]:
        if path in weights:
            found.append((path, Unchecked(f"weights in {path}", why)))
        elif path == model.name:
            found.append((home, Unchecked(path, why)))
    return found


def _described(model: Model) -> list[dict[str, Any]]:
    """The sets of weights as they are."""
    return [
        {
            "files": one.files[:50], "file_count": len(one.files), "format": one.kind, "complete": one.complete, "adapter": one.is_adapter,
            "tensors": len(one.tensors), "parameters": one.parameters, "bytes": one.bytes, "dtypes": one.dtypes(),
        }
        for one in model.sets
    ]  # fmt: skip


def _published(model: Model, snapshots: Sequence[Snapshot], revision: str) -> None:
    """The files against what the hub said it had: of the snapshot of this commit, else of the one that fits best."""
    same = [one for one in snapshots if revision and one.content["commit"] == revision]
    if revision and not same:
        note = f"no snapshot is of the commit {revision[:12]}"
        model.ledger.say("published files", "the hub's digests", "unknown", Result.UNVERIFIABLE, (), (), note=note)
        return
    chosen = max(same or snapshots, key=lambda one: (_fitting(model, one), one.at))
    for path, file in chosen.content["files"].items():
        digest = str(file["digest"])
        actual = model.sha256.get(path)
        if digest.startswith("sha256:") and path in model.tree.files:
            place = Place(f"snapshot of {chosen.at}", path)
            if actual is None:
                model.ledger.say(
                    f"digest of {path}", digest, "not read whole", Result.UNVERIFIABLE, (place,), [Place(path)]
                )
            else:
                model.ledger.match(f"digest of {path}", digest, f"sha256:{actual}", place, [Place(path)], Severity.HIGH)
    total = chosen.content["parameters"]
    mains = [one for one in model.main if one.complete and one.kind == "safetensors"]
    if total is not None and mains and len(mains) == len(model.main):
        actual_total = sum(one.parameters for one in mains)
        place = Place(f"snapshot of {chosen.at}", "safetensors.total")
        against = [Place(path) for one in mains for path in one.files[:3]]
        model.ledger.match("parameters", total, actual_total, place, against, Severity.HIGH)


def _fitting(model: Model, snapshot: Snapshot) -> int:
    files = snapshot.content["files"]
    return sum(f"sha256:{digest}" == files.get(path, {}).get("digest") for path, digest in model.sha256.items())


def _things(
    model: Model, base: Model | None, base_name: str, snapshots: Sequence[Snapshot], revision: str
) -> list[Thing]:
    """The model, its bases and its publisher. The publisher's name is the hub's, or the first part of the model's."""
    latest = snapshots[-1].content if snapshots else None
    name = model.name if "/" in model.name else str(latest["id"]) if latest else model.name
    commit = revision or (
        str(latest["commit"]) if latest and any(_fitting(model, one) for one in snapshots[-1:]) else ""
    )
    digests = {f"sha256:{digest}" for digest in model.sha256.values()} | ({model.manifest} if model.manifest else set())
    things = [Thing("model", name, commit, frozenset(digests))]
    bases = {text for text, _ in beside.declared_bases(model)} | ({base_name} if base_name else set())
    for text in sorted(bases):
        plain, _, pinned = text.partition("@")
        things.append(Thing("base", plain, pinned))
    if base is not None and base.sha256:
        things.append(Thing("base", base.name, "", frozenset(f"sha256:{digest}" for digest in base.sha256.values())))
    publisher = str(latest["author"]) if latest else name.partition("/")[0] if "/" in name else ""
    if publisher:
        things.append(Thing("publisher", publisher))
    return things
