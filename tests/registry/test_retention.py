"""Who may lose bytes, and who may store more: pure rules."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.errors import UsageError
from assaymark.registry.names import VersionName
from assaymark.registry.quota import admit, usage
from assaymark.registry.retention import Kept, Retention, may_lose_bytes
from assaymark.registry.states import VersionState as V

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)


def kept(name: str, state: V, days: int, *parents: str, active: bool = False) -> Kept:
    since = NOW - timedelta(days=days)
    return Kept(
        VersionName.parse(f"p/{name}"), state, since, active, tuple(VersionName.parse(f"p/{x}") for x in parents)
    )


def lost(*versions: Kept, rule: Retention | None = None) -> list[str]:
    return [str(name) for name in may_lose_bytes(versions, rule or Retention(), NOW)]


@pytest.mark.parametrize(
    ("state", "days"), [(V.DRAFT, 7), (V.REJECTED, 90), (V.DEPRECATED, 365), (V.REVOKED, 365), (V.TOMBSTONE, 30)]
)
def test_each_state_has_its_age(state: V, days: int) -> None:
    assert lost(kept("m@1", state, days)) == ["p/m@1"]
    assert lost(kept("m@1", state, days - 1)) == []
    assert lost(kept("m@1", state, days, active=True)) == []


@pytest.mark.parametrize("state", [V.SEALED, V.VERIFIED, V.QUARANTINED])
def test_what_is_kept_for_good(state: V) -> None:
    assert lost(kept("m@1", state, 10_000)) == []


def test_the_newest_are_kept_to_go_back_to() -> None:
    rule = Retention(unused=timedelta(days=1), newest=2)
    assert lost(*(kept(f"m@{n}", V.VERIFIED, 100 - n) for n in range(4)), rule=rule) == ["p/m@0", "p/m@1"]
    none = Retention(unused=timedelta(days=1), newest=0)
    assert lost(kept("m@1", V.VERIFIED, 2), rule=none) == ["p/m@1"]


def test_a_parent_is_kept_as_long_as_any_descendant() -> None:
    base, middle = kept("m@1", V.TOMBSTONE, 99), kept("m@2", V.TOMBSTONE, 99, "m@1")
    child = kept("m@3", V.VERIFIED, 99, "m@2", "m@gone")
    assert lost(base, middle, child) == []
    assert lost(base, middle) == ["p/m@1", "p/m@2"]


def test_a_circle_of_parents_ends() -> None:
    assert lost(kept("m@1", V.TOMBSTONE, 99, "m@2"), kept("m@2", V.TOMBSTONE, 99, "m@1")) == ["p/m@1", "p/m@2"]
    assert lost(kept("m@1", V.SEALED, 99, "m@2"), kept("m@2", V.TOMBSTONE, 99, "m@1")) == []


versions = st.lists(
    st.builds(
        lambda n, state, days, parents, active: kept(
            f"m@{n}", state, days, *(f"m@{p}" for p in parents), active=active
        ),
        st.integers(0, 9),
        st.sampled_from(list(V)),
        st.integers(0, 400),
        st.lists(st.integers(0, 9), max_size=3),
        st.booleans(),
    ),
    unique_by=lambda version: str(version.name),
)


@settings(max_examples=100, deadline=None)
@given(versions)
def test_nothing_that_is_needed_is_ever_lost(every: list[Kept]) -> None:
    gone = set(lost(*every))
    for version in every:
        if str(version.name) not in gone:
            assert not gone & {str(parent) for parent in version.parents}
        if version.active or version.state is V.QUARANTINED:
            assert str(version.name) not in gone


def test_quota_counts_logical_bytes() -> None:
    now = usage("p", 100, [40, 40])
    assert (now.used, now.left) == (80, 20)
    assert admit(now, 20).left == 0
    with pytest.raises(UsageError, match="21 bytes are more than the 20") as caught:
        admit(now, 21)
    assert "p" in caught.value.step
    assert admit(usage("p", None, [1 << 60]), 1 << 60).left is None
    assert usage("p", 10, [40]).left == 0
