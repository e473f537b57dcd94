"""What changed between two bills of materials, as far as it matters for a model: bytes, origin, data, code, machines."""

from dataclasses import dataclass, replace
from typing import Any

from assaymark.bom.compare import diff_rules
from assaymark.bom.compare.diff_facts import changes_of
from assaymark.bom.compare.diff_record import Change, Side, canonical, label, plain
from assaymark.bom.compare.diff_relations import changes_of_relations
from assaymark.bom.compare.matching import Matching, clashes, match
from assaymark.bom.document import Bom, Component, Status
from assaymark.core.finding import Severity
from assaymark.core.graph import EdgeKind, NodeKind

SCHEMA = "assaymark/bom-diff/v1"
_ROLES = {EdgeKind.DESCENDANT_OF: "base", EdgeKind.TRAINED_ON: "training data", EdgeKind.TESTED_ON: "test data"}
__all__ = ["SCHEMA", "Change", "Diff", "Side", "diff"]


@dataclass(frozen=True, slots=True)
class Diff:
    """Changes by layer, the worst first. `same` counts components in which nothing changed."""

    changes: tuple[Change, ...]
    same: int

    @property
    def worst(self) -> Severity | None:
        """The highest severity, None where nothing changed."""
        return max((change.severity for change in self.changes), default=None)

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        counts = {severity.word: 0 for severity in reversed(Severity)}
        for change in self.changes:
            counts[change.severity.word] += 1
        return {
            "schema": SCHEMA,
            "equal": not self.changes,
            "same": self.same,
            "counts": counts,
            "changes": [plain(change) for change in self.changes],
        }


def diff(old: Bom, new: Bom) -> Diff:
    """Compare two documents, of whatever formats and tools; refs, order and places say nothing."""
    matching = match(old, new)
    roles = {ref: role for bom in (old, new) for ref, role in _roles(bom).items()}
    files = _files_of_data(old) | _files_of_data(new)
    rest = _with_the_same_weights(new, matching)
    changes: list[Change] = []
    same = 0
    for pair in matching.pairs:
        found = list(changes_of(pair, weights_rest=pair.new.ref in rest))
        same += not found
        role = roles.get(pair.new.ref) or roles.get(pair.old.ref, "")
        layer = "data" if pair.new.kind is NodeKind.FILE and pair.new.ref in files else ""
        changes += (replace(change, role=role, layer=layer or change.layer) for change in found)
    edges, told = changes_of_relations(old, new, matching)
    changes += edges
    changes += (
        _alone(c, "added", diff_rules.ADDED.get(c.kind, Severity.LOW)) for c in matching.added if c.ref not in told.new
    )
    changes += (_alone(c, "removed", Severity.LOW) for c in matching.removed if c.ref not in told.old)
    changes += _document(old, new, matching)
    order = {layer: number for number, layer in enumerate(diff_rules.LAYERS)}
    changes.sort(
        key=lambda c: (
            order[c.layer],
            -c.severity,
            c.name,
            c.code,
            c.what,
            canonical(c.old.value),
            canonical(c.new.value),
        )
    )
    return Diff(tuple(changes), same)


def _roles(bom: Bom) -> dict[str, str]:
    """What a component is to the subject or to another model: its base, its data."""
    return {r.target: _ROLES[r.kind] for r in bom.relations if r.kind in _ROLES and r.target != bom.subject}


def _files_of_data(bom: Bom) -> set[str]:
    kinds = {component.ref: component.kind for component in bom.components}
    return {
        r.target for r in bom.relations if r.kind is EdgeKind.CONTAINS and kinds.get(r.source) is NodeKind.DATA
    }  # fmt: skip


def _with_the_same_weights(new: Bom, matching: Matching) -> set[str]:
    """Models of whose files all that hold weights have a digest in both documents, and the same."""
    kept = {p.new.ref: bool(p.old.hashes) and bool(p.new.hashes) and not clashes(p.old, p.new) for p in matching.pairs}
    components = new.by_ref
    whole: dict[str, bool] = {}
    for relation in new.relations:
        part = components.get(relation.target)
        if (
            relation.kind is EdgeKind.CONTAINS
            and part
            and (part.text("path") or part.name).lower().endswith(diff_rules.WEIGHTS)
        ):
            whole[relation.source] = whole.get(relation.source, True) and kept.get(part.ref, False)
    return {ref for ref, all_kept in whole.items() if all_kept}


def _alone(component: Component, verb: str, severity: Severity) -> Change:
    layer = diff_rules.LAYER[component.kind]
    side = Side(label(component), "", (), component.ref)
    sides = (Side(), side) if verb == "added" else (side, Side())
    why = (
        diff_rules.WHY_ADDED[layer] if verb == "added" else "what relied on it may be missing, or it is no longer told"
    )
    return Change(f"{component.kind}-{verb}", severity, layer, component.name, f"{component.kind} {verb}", *sides, why)


def _document(old: Bom, new: Bom, matching: Matching) -> list[Change]:
    to_new = {pair.old.ref: pair.new.ref for pair in matching.pairs}
    names = {component.ref: component.name for component in new.components}
    found: list[Change] = []
    if old.subject and new.subject and to_new.get(old.subject, old.subject) != new.subject:
        sides = (_subject(old), _subject(new))
        why = "the two documents are about different things"
        found.append(Change("subject-changed", Severity.HIGH, "document", "document", "subject", *sides, why))
    if old.author != new.author:
        sides = (Side(old.author or None), Side(new.author or None))
        why = "somebody else vouches for it"
        found.append(Change("author-changed", Severity.MEDIUM, "document", "document", "author", *sides, why))
    before = {(to_new.get(gap.ref, gap.ref), gap.what) for gap in old.gaps}
    for gap in new.gaps:
        if (gap.ref, gap.what) not in before and gap.ref in to_new.values():
            side = Side(gap.why, str(Status.UNKNOWN), (), gap.ref)
            name, why = names.get(gap.ref, gap.ref), "it ought to be known, and is not any more"
            found.append(Change("gap-opened", Severity.LOW, "document", name, f"gap: {gap.what}", Side(), side, why))
    return found


def _subject(bom: Bom) -> Side:
    subject = bom.by_ref.get(bom.subject)
    return Side(label(subject) if subject else bom.subject, ref=bom.subject)
