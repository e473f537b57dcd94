"""The memo knows which GETs may bring something active: those keep a frame from being passed over as plain data."""

import pytest

from assaymark.model.machine.memo import Memo
from assaymark.model.machine.values import ANY, DATA, ActiveBag, ActiveTuple, Bag, Global, Instance

PARTIAL = Global("functools", "partial", frozenset({"call"}), "partial")


@pytest.mark.parametrize(
    "value",
    [PARTIAL, ANY, ActiveTuple((PARTIAL,)), ActiveBag("list", None), Instance(PARTIAL, active=True)],
    ids=lambda value: type(value).__name__,
)
def test_a_get_of_something_active_is_seen_in_both_forms(value: object) -> None:
    memo = Memo(frozenset())
    memo.memoize(DATA)
    memo.memoize(value)
    assert memo.gets_inert(b"(h\0h\2e", 0, 6)
    assert not memo.gets_inert(b"(h\0h\1e", 0, 6)
    assert not memo.gets_inert(b"(j\1\0\0\0e", 0, 7)
    memo.put(300, value)
    assert not memo.gets_inert(b"(j\x2c\1\0\0e", 0, 7)


def test_plain_data_and_containers_of_it_are_never_asked_about() -> None:
    memo = Memo(frozenset())
    for value in ("text", 1, None, (), Bag("list"), Instance(PARTIAL)):
        memo.memoize(value)
    assert memo.gets_inert(b"h\0h\1h\2h\3h\4h\5", 0, 12)


def test_past_a_number_of_active_slots_every_get_counts() -> None:
    memo = Memo(frozenset())
    for _ in range(100):
        memo.memoize(PARTIAL)
    assert len(memo.hot) < 50
    assert not memo.gets_inert(b"K\1", 0, 2)
