"""Snapshots: equal content, equal digest, no change; any other content, the place where it differs."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.snapshot import ABSENT, Change, Snapshot, diff

SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([0.5, 1.0, -0.0]) | st.text(max_size=3)
KEYS = st.text("ab/~0", max_size=3)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)


def snap(content: Any, **of: str) -> Snapshot:
    return Snapshot(**({"kind": "k", "of": "o", "at": "2026-01-01T00:00:00Z"} | of), content=content)


def changes(before: Any, after: Any) -> list[tuple[str, Any, Any]]:
    return [(c.pointer, c.before, c.after) for c in diff(snap(before), snap(after))]


def resolve(content: Any, pointer: str) -> Any:
    """RFC 6901, written from the RFC."""
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(content, list):
            content = content[int(name)] if int(name) < len(content) else ABSENT
        else:
            content = content.get(name, ABSENT)
    return content


@given(JSON, JSON)
@settings(max_examples=100, deadline=None)
def test_no_change_exactly_when_the_digests_are_equal(before: Any, after: Any) -> None:
    assert (not changes(before, after)) == (snap(before).digest == snap(after).digest)


@given(JSON)
@settings(max_examples=50, deadline=None)
def test_a_thing_does_not_differ_from_itself(content: Any) -> None:
    assert changes(content, content) == []


@given(JSON, JSON)
@settings(max_examples=100, deadline=None)
def test_each_change_points_at_what_was_and_what_is(before: Any, after: Any) -> None:
    found = changes(before, after)
    for pointer, old, new in found:
        assert resolve(before, pointer) is old or resolve(before, pointer) == old
        assert resolve(after, pointer) is new or resolve(after, pointer) == new
    assert len({pointer for pointer, _, _ in found}) == len(found)


@given(JSON, JSON)
@settings(max_examples=50, deadline=None)
def test_the_way_back_is_the_way_there_reversed(before: Any, after: Any) -> None:
    assert [(p, new, old) for p, old, new in changes(before, after)] == changes(after, before)


def test_pointers_escape_as_rfc_6901_says() -> None:
    assert [p for p, _, _ in changes({}, {"a/b": 1, "m~n": 1, "~1": 1, "": 1})] == ["/", "/a~1b", "/m~0n", "/~01"]
    assert changes(1, 2) == [("", 1, 2)]


@pytest.mark.parametrize(
    ("before", "after"),
    [(True, 1), (0, False), (1, "1"), (None, False), ([], {}), ("", None), ({}, None), ([[]], [{}])],
)
def test_another_type_is_another_value(before: Any, after: Any) -> None:
    assert len(changes({"x": before}, {"x": after})) == 1
    assert snap(before).digest != snap(after).digest


def test_json_has_one_kind_of_number() -> None:
    assert changes([1], [1.0]) == []
    assert changes([1], [1.5]) == [("/0", 1, 1.5)]


def test_what_came_and_what_went() -> None:
    assert changes({"a": 1, "l": [1, 2]}, {"b": 2, "l": [1]}) == [
        ("/a", 1, ABSENT),
        ("/b", ABSENT, 2),
        ("/l/1", 2, ABSENT),
    ]
    assert changes({"a": None}, {}) == [("/a", None, ABSENT)]
    assert repr(ABSENT) == "ABSENT"


def test_deep_content_needs_no_recursion() -> None:
    before: Any = 1
    after: Any = 2
    for _ in range(50_000):
        before, after = [before], [after]
    (change,) = diff(snap(before), snap(after))
    assert change == Change("/0" * 50_000, 1, 2)
    while isinstance(before, list):  # taken apart step by step: a deep list is freed recursively
        before, after = before[0], after[0]


@pytest.mark.parametrize("of", [{"kind": "other"}, {"of": "other"}])
def test_snapshots_of_different_things_are_not_compared(of: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="snapshots of different things"):
        diff(snap(1), snap(1, **of))


def test_the_digest_is_of_the_thing_not_of_the_moment() -> None:
    assert snap(1).digest == snap(1, at="2027-01-01T00:00:00Z").digest
    assert len({snap(1).digest, snap(2).digest, snap(1, kind="x").digest, snap(1, of="x").digest}) == 4
