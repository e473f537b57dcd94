"""Comparison, merge and score for people: short, aligned, the worst first, and the next step."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from assaymark.bom.compare.diff import Diff
from assaymark.bom.compare.diff_record import Change, Side, canonical
from assaymark.bom.compare.merge import Merged
from assaymark.bom.compare.merge_facts import Said
from assaymark.bom.score import ElementScore, ProfileScore, Score
from assaymark.core.finding import Severity
from assaymark.core.look import clean

_DIGEST_SHOWN = 12
_VALUE = 70
_NAME = 48
_CHANGES = 60
_GAPS = 10
_CONFLICTS = 40


def diff_text(found: Diff, threshold: Severity, *, every: bool = False) -> str:
    """Changes by layer; of more than 60 the least severe are counted, unless all are asked for."""
    return "\n".join(_diff_lines(found, threshold, None if every else _CHANGES)) + "\n"


def _diff_lines(found: Diff, threshold: Severity, limit: int | None) -> Iterator[str]:
    if not found.changes:
        yield f"no change: {count(found.same, 'component')} alike"
        return
    yield f"{count(len(found.changes), 'change')}: {severities(found)}; {count(found.same, 'component')} as before"
    worst_first = sorted(found.changes, key=lambda change: -change.severity)
    shown = set(map(id, worst_first[:limit]))
    layer = ""
    for change in found.changes:
        if id(change) not in shown:
            continue
        if change.layer != layer:
            layer = change.layer
            yield ""
            yield layer
        yield from _change_lines(change)
    if hidden := len(found.changes) - len(shown):
        yield ""
        yield f"and {count(hidden, 'change')} of lesser severity; -v shows all"
    yield ""
    at_or_above = sum(1 for change in found.changes if change.severity >= threshold)
    if at_or_above:
        yield f"next: look at the {count(at_or_above, 'change')} from {threshold.word} on; where meant, keep the new document as the one to compare with"
    else:
        yield f"next: nothing is {threshold.word} or worse; keep the new document as the one to compare with"


def _change_lines(change: Change) -> Iterator[str]:
    name = clean(change.name, _NAME) + (f" ({change.role})" if change.role else "")
    yield f"  {change.severity.word:<9} {name}: {clean(change.what, 120)}"
    if change.old.value is not None or change.new.value is not None:
        yield f"            {shown(change.old)}  ->  {shown(change.new)}"
    yield f"            {change.why}  [{change.code}]"


def severities(found: Diff) -> str:
    """`1 critical, 2 high`."""
    counts = Counter(change.severity for change in found.changes)
    return ", ".join(f"{number} {severity.word}" for severity, number in sorted(counts.items(), reverse=True))


def shown(side: Side) -> str:
    """A side in one line: value, how it is known, where."""
    if side.value is None:
        return "nothing" if not side.status else side.status
    known = ", ".join(filter(None, (side.status, *(clean(str(place.path), 40) for place in side.places[:1]))))
    return value(side.value) + (f" ({known})" if known else "")


def value(said: Any) -> str:
    """A value in a few words; digests by their start."""
    text = said if isinstance(said, str) else canonical(said)
    words = [
        word[: word.rfind(":") + 1 + _DIGEST_SHOWN] + "…" if _is_digest(word) else word for word in text.split(" ")
    ]
    return clean(" ".join(words), _VALUE)


def _is_digest(word: str) -> bool:
    digits = word.rpartition(":")[2]
    return len(digits) >= 40 and all(digit in "0123456789abcdef" for digit in digits)


def merge_text(merged: Merged) -> str:
    """What was joined and what the documents disagree about."""
    return "\n".join(_merge_lines(merged)) + "\n"


def _merge_lines(merged: Merged) -> Iterator[str]:
    bom = merged.bom
    made = f"{count(len(bom.components), 'component')}, {count(len(bom.relations), 'relation')}"
    yield f"{count(len(merged.sources), 'document')} joined: {made}, {count(len(merged.conflicts), 'conflict')}"
    for conflict in merged.conflicts[:_CONFLICTS]:
        yield f"  {conflict.severity.word:<9} {conflict.kind:<9}  {_tail(conflict.ref or 'document')}: {clean(conflict.what, 40)}"
        yield f"            {_said(conflict.one)}  |  {_said(conflict.other)}"
        yield f"            {conflict.why}; stands: {clean(conflict.stands, 120)}"
    if len(merged.conflicts) > _CONFLICTS:
        yield f"  and {len(merged.conflicts) - _CONFLICTS} more; --conflicts FILE has all"
    if merged.digests_disagree:
        yield "next: find out which bytes you have (assay bom build PATH), and leave out the document that is about others"
    elif any(conflict.kind != "native" for conflict in merged.conflicts):
        yield "next: ask who wrote them; a document built from the bytes (assay bom build PATH) settles what bytes can settle"


def _tail(ref: str) -> str:
    """The end of a ref, which tells more than its start."""
    return clean(ref if len(ref) <= _NAME else f"…{ref[-_NAME:]}")


def _said(said: Said) -> str:
    return shown(Side(said.value, said.status, said.places))


def score_text(measured: Score, *, every: bool = False) -> str:
    """Profiles side by side, their clusters, and what costs most."""
    return "\n".join(_score_lines(measured, every=every)) + "\n"


def _score_lines(measured: Score, *, every: bool) -> Iterator[str]:
    counted = measured.counted
    parts = ", ".join(count(number, kind, kind) for kind, number in counted["components"].items())
    facts = ", ".join(f"{number} {status}" for status, number in counted["facts"].items())
    yield f"counted: {parts or 'no components'}; {counted['with_digest']} with a digest; {count(counted['relations'], 'relation')}; facts: {facts or 'none'}"
    yield ""
    yield f"{'profile':<34}{'verifiable':>11}{'stated':>9}   {'met':>4}{'partly':>8}{'missing':>9}"
    for profile in measured.profiles:
        yield _row(profile.profile.name, profile.verifiable, profile.stated, profile.elements)
        if every or len(measured.profiles) == 1:
            for cluster in profile.clusters:
                yield _row(f"  {cluster.name}", cluster.verifiable, cluster.stated, cluster.elements)
                for element in cluster.elements if every else ():
                    yield _element_line(element)
    yield ""
    first = measured.profiles[0]
    gaps = first.gaps if every else first.gaps[:_GAPS]
    if gaps:
        yield f"what costs most in {first.profile.name}, and the next step"
    for gap in gaps:
        yield f"  -{gap.lost:>5.1f}  {gap.element.id:<14} {gap.element.name}: {_state(gap)}"
        yield f"          {clean(gap.fix, 200)}"
    if len(first.gaps) > len(gaps):
        yield f"  and {len(first.gaps) - len(gaps)} more; -v shows all"
    if len(measured.profiles) > 1:
        yield f"  of another profile: --profile {measured.profiles[1].profile.name}"
    yield ""
    yield "verifiable: declared text counts 0.4 at most, a digest or revision 0.8, what was read from bytes 0.9, what agrees 1"


def _row(name: str, verifiable: float, stated: float, elements: Sequence[ElementScore]) -> str:
    states = Counter(element.state for element in elements)
    numbers = f"{states['met']:>4}{states['partly']:>8}{states['missing']:>9}"
    return f"{name[:33]:<34}{verifiable:>9.1f} %{stated:>7.1f} %   {numbers}"


def _element_line(element: ElementScore) -> str:
    return f"      {element.credit:>4.2f}  {element.element.id:<14} {element.element.name}: {_state(element)}"


def _state(element: ElementScore) -> str:
    if not element.asked:
        return "missing, the document has none"
    if element.state == "met":
        return f"{element.strength}"
    if element.asked == 1 and element.element.of in (("document",), ("subject",)):
        return element.state
    lacking = ", ".join(clean(name, 40) for name in element.lacking[:3])
    return f"{element.state}, {element.met} of {element.asked}; not {lacking}"


def count(number: int, one: str, many: str = "") -> str:
    """`1 change`, `2 changes`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def profile_title(profile: ProfileScore) -> str:
    """Name and edition."""
    return f"{profile.profile.title}, {profile.profile.edition}"
