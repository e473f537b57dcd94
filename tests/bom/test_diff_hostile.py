"""Documents of strangers: whatever they hold, the three comparisons answer, and in the same way each time."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.bom.compare import diff_rules
from assaymark.bom.compare.diff import diff
from assaymark.bom.compare.markdown import diff_markdown, score_markdown
from assaymark.bom.compare.merge import merge
from assaymark.bom.compare.text import diff_text, merge_text, score_text
from assaymark.bom.document import Bom, Component, Fact, Gap, Place, Relation, Status
from assaymark.bom.score import score
from assaymark.bom.words import FACTS
from assaymark.core.finding import Severity
from assaymark.core.graph import EdgeKind, NodeKind

NAMES = sorted({*FACTS, "sha256", "sha512", "md5", "made-up"})
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(["a" * 64, "pkg:pypi/x@1", "1.0", "\u0663.\u0661"]),
)
VALUES: Any = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
REFS = st.sampled_from(["a", "b", "c", "d", "nowhere"])


@st.composite
def documents(draw: st.DrawFn) -> Bom:
    parts = tuple(
        Component(
            ref,
            draw(st.sampled_from(list(NodeKind))),
            {
                name: Fact(draw(VALUES), draw(st.sampled_from(list(Status))), (Place("x"),) * draw(st.integers(0, 1)))
                for name in sorted(draw(st.sets(st.sampled_from(NAMES), max_size=6)))
            },
            draw(st.sampled_from([{}, {"cyclonedx": {"scope": "x"}}, {"spdx-3": [1]}])),
        )
        for ref in sorted(draw(st.sets(st.sampled_from("abcd"), max_size=4)))
    )
    edges = {
        (source, kind, target): Relation(
            source, kind, target, draw(st.sampled_from(["", "finetune", "merge"])), draw(st.sampled_from(list(Status)))
        )
        for source, kind, target in draw(st.lists(st.tuples(REFS, st.sampled_from(list(EdgeKind)), REFS), max_size=5))
    }
    gaps = tuple(Gap(ref, "license", "x") for ref in sorted(draw(st.sets(REFS, max_size=2))))
    native = draw(st.sampled_from([{}, {"cyclonedx": {"head": {"vulnerabilities": [{"ref": "a"}]}}}, {"spdx-2": "x"}]))
    return Bom(draw(REFS), parts, tuple(edges[key] for key in sorted(edges)), gaps, native=native)


@settings(max_examples=100, deadline=None)
@given(documents(), documents())
def test_every_document_is_compared(one: Bom, other: Bom) -> None:
    found = diff(one, other)
    assert found.as_dict() == diff(one, other).as_dict()
    assert diff_text(found, Severity.HIGH, every=True) and diff_markdown(found, Severity.HIGH)


@settings(max_examples=100, deadline=None)
@given(documents())
def test_every_document_equals_itself_under_other_refs(one: Bom) -> None:
    assert diff(one, one).changes == ()
    names = {component.ref: f"z{component.ref}" for component in one.components}
    moved = replace(
        one,
        subject=names.get(one.subject, one.subject),
        components=tuple(replace(c, ref=names[c.ref]) for c in one.components),
        relations=tuple(
            replace(r, source=names.get(r.source, r.source), target=names.get(r.target, r.target))
            for r in one.relations
        ),
        gaps=tuple(replace(gap, ref=names.get(gap.ref, gap.ref)) for gap in one.gaps),
    )
    named = all(c.text("name") or c.text("path") or c.text("purl") or c.text("sha256") for c in one.components)
    if named and len({c.text("name") for c in one.components}) == len(one.components):
        assert diff(one, moved).changes == ()


@settings(max_examples=100, deadline=None)
@given(documents(), documents())
def test_every_two_documents_are_merged(one: Bom, other: Bom) -> None:
    merged = merge([("one", one), ("other", other)])
    assert merged == merge([("other", other), ("one", one)])
    refs = [component.ref for component in merged.bom.components]
    assert refs == sorted(set(refs))
    keys = [(r.source, r.kind, r.target) for r in merged.bom.relations]
    assert keys == sorted(set(keys))
    assert merge([("", one), ("", one)]).bom == one
    assert merge_text(merged)


@settings(max_examples=60, deadline=None)
@given(documents())
def test_every_document_is_measured(one: Bom) -> None:
    measured = score(one)
    assert all(0 <= profile.verifiable <= profile.stated <= 100 for profile in measured.profiles)
    assert score_text(measured, every=True) and score_markdown(measured)


def test_every_kind_of_component_and_relation_has_its_words() -> None:
    assert set(diff_rules.RELATIONS) == set(EdgeKind)
    assert set(diff_rules.LAYER) == set(NodeKind)
    assert set(diff_rules.LAYER.values()) <= set(diff_rules.LAYERS) & set(diff_rules.DIGEST) & set(diff_rules.WHY_ADDED)
