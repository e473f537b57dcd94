"""A BOM for people: the model, what it was made from and with, and what is not known."""

from collections import Counter
from typing import Any

from assaymark.bom.document import HASHES, MANIFEST, Bom, Component, Relation, Status
from assaymark.core.graph import EdgeKind, NodeKind
from assaymark.core.look import clean

_MODELS = 20
_EACH = 10
_GAPS = 12
_WIDTH = 200
_LINES = (
    ("format", "format"), ("parameters", "parameters"), ("dtype", "dtype"), ("quantization", "quantised"),
    ("architecture", "class"), ("framework", "saved with"), ("task", "task"), ("license", "licence"), ("supplier", "supplier"),
    ("version", "version"), ("purl", "purl"),
)  # fmt: skip
_MARK = {
    Status.DECLARED: "declared", Status.INFERRED: "inferred", Status.OBSERVED: "observed", Status.VERIFIED: "verified",
    Status.UNKNOWN: "unknown",
}  # fmt: skip


def render(bom: Bom) -> str:
    """The picture, at most some eighty lines."""
    known = bom.by_ref
    below: dict[str, list[Relation]] = {}
    for relation in bom.relations:
        below.setdefault(relation.source, []).append(relation)
    root = bom.root
    parts = [r.target for r in below.get(root.ref, ()) if r.kind is EdgeKind.CONTAINS]
    models = [ref for ref in parts if ref in known and known[ref].kind is NodeKind.MODEL]
    lines: list[str] = []
    if models:
        lines += [_title(root), f"  holds {len(models):,} models"]
    shown = models or [root.ref]
    for ref in shown[:_MODELS]:
        lines += _model(known[ref], below.get(ref, []), known)
    if len(shown) > _MODELS:
        lines.append(f"  and {len(shown) - _MODELS:,} more models; --format json has them")
    lines += _rest(bom)
    lines += _unknown(bom, known)
    return "\n".join(lines) + "\n"


def _title(component: Component) -> str:
    digest = component.text(MANIFEST) or next((f"{name}:{value}" for name, value in component.hashes.items()), "")
    return f"{_short(component.name)}  ({component.kind.value})" + (f"  {digest}" if digest else "")


def _model(model: Component, relations: list[Relation], known: dict[str, Component]) -> list[str]:
    lines = [_title(model)]
    for fact, label in _LINES:
        said = model.facts.get(fact)
        if said is not None and said.status is not Status.UNKNOWN:
            lines.append(_line(label, f"{_short(_value(said.value))}  [{_MARK[said.status]}{_at(said.places)}]"))
    by_kind: dict[EdgeKind, list[Relation]] = {}
    for relation in relations:
        by_kind.setdefault(relation.kind, []).append(relation)
    for kind, label in (
        (EdgeKind.DESCENDANT_OF, "made from"),
        (EdgeKind.TRAINED_ON, "trained on"),
        (EdgeKind.TESTED_ON, "tested on"),
        (EdgeKind.HAS_DATA_FILE, "reads data"),
        (EdgeKind.GENERATED_BY, "made by run"),
        (EdgeKind.USES_TOOL, "made with"),
        (EdgeKind.RUNS_ON, "runs on"),
        (EdgeKind.CONTAINS, "files"),
    ):
        found = by_kind.get(kind, [])
        for relation in found[:_EACH]:
            target = known.get(relation.target)
            lines.append(_line("data" if target is not None and kind is EdgeKind.CONTAINS and target.kind is NodeKind.DATA else label,
                               _target(relation, known)))  # fmt: skip
        if len(found) > _EACH:
            lines.append(_line("", f"and {len(found) - _EACH:,} more"))
    return lines


def _target(relation: Relation, known: dict[str, Component]) -> str:
    component = known.get(relation.target)
    if component is None:
        return _short(relation.target)
    digest = component.text(MANIFEST) or next(
        (f"{name}:{component.text(name)}" for name in HASHES if component.text(name)), ""
    )
    version = component.text("version")
    parts = [_short(component.text("path") if component.kind is NodeKind.FILE else component.name)]
    parts += [f"@{_short(version)}"] if version else []
    parts += [f"({relation.how})"] if relation.how else []
    parts += (
        [_digest(digest)] if digest else ["digest unknown"] if component.kind in {NodeKind.MODEL, NodeKind.DATA} else []
    )
    return " ".join(parts) + f"  [{_MARK[relation.status]}{_at(relation.places)}]"


def _digest(digest: str) -> str:
    name, _, value = digest.partition(":")
    return f"{name}:{value[:16]}…"


def _rest(bom: Bom) -> list[str]:
    """How many components there are of the kinds that are only counted, and data that nothing relates to."""
    counts = Counter(component.kind for component in bom.components)
    lines = []
    libraries = [c for c in bom.components if c.kind is NodeKind.LIBRARY]
    if libraries:
        pinned = sum(bool(c.hashes or c.value("digests")) for c in libraries)
        lines.append(_line("libraries", f"{len(libraries):,}, {pinned:,} of them with digests"))
    for kind in (
        NodeKind.ENVIRONMENT,
        NodeKind.IMAGE,
        NodeKind.PLATFORM,
        NodeKind.DEVICE,
        NodeKind.DRIVER,
        NodeKind.TOOL,
        NodeKind.RUN,
    ):
        if counts[kind]:
            names = sorted(c.name for c in bom.components if c.kind is kind)
            shown = ", ".join(map(_short, names[:5])) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
            lines.append(_line(kind.value, shown))
    related = {end for relation in bom.relations for end in (relation.target,) if relation.source != bom.subject
               or relation.kind is not EdgeKind.CONTAINS}  # fmt: skip
    loose = [c for c in bom.components if c.kind is NodeKind.DATA and c.ref not in related]
    lines += [
        _line("unused", f"{_short(c.text('path') or c.name)}: nothing says what this data is for")
        for c in loose[:_EACH]
    ]
    return lines


def _unknown(bom: Bom, known: dict[str, Component]) -> list[str]:
    """Gaps, those of the subject first."""
    if not bom.gaps:
        return ["nothing that was asked for is unknown"]
    ordered = sorted(bom.gaps, key=lambda gap: (gap.ref != bom.subject, gap.ref, gap.what))
    lines = [f"{len(bom.gaps):,} unknown"]
    for gap in ordered[:_GAPS]:
        name = known[gap.ref].name if gap.ref in known else gap.ref
        lines.append(f"  {_short(name, 60)}: {_short(gap.what, 60)}: {_short(gap.why)}")
        if gap.step:
            lines.append(f"    next: {_short(gap.step)}")
    if len(ordered) > _GAPS:
        lines.append(f"  and {len(ordered) - _GAPS:,} more; --format json lists them")
    return lines


def _line(label: str, text: str) -> str:
    return f"  {label:<12}{text}"


def _at(places: Any) -> str:
    if not places:
        return ""
    first = places[0]
    where = f"{first.path} {first.at}".strip() if first.at else first.path
    return f", {_short(where, 80)}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_value(one)}" for key, one in value.items() if not isinstance(one, dict))
    return ", ".join(map(_value, value)) if isinstance(value, list) else str(value)


def _short(text: str, width: int = _WIDTH) -> str:
    return clean(" ".join(text.split()), width)
