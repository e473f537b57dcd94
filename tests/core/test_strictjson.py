"""JSON with one reading."""

import json
import math
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.errors import Malformed
from assaymark.core.strictjson import DEPTH, canonical, loads

TOP = (1 << 53) - 1
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-TOP, TOP) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(max_codepoint=127)), inner),
    max_leaves=20,
)


@given(VALUES)
@settings(max_examples=200, deadline=None)
def test_canonical_is_rfc_8785_and_is_read_again(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)
    assert loads(canonical(value), "it") == value


@pytest.mark.parametrize(
    "text",
    [
        b"", b" ", b"nul", b"[1,]", b"{}{}", b'{"a":1,"a":1}', b'[{"b":{"a":1,"a":2}}]', b"NaN", b"[Infinity]", b"-Infinity",
        b"1.0", b"1e3", b"-0", b"9007199254740992", b"-9007199254740992", b"1" * 5_000, b'"\xff"', b"\xef\xbb\xbf{}",
        '"é"'.encode("utf-16"), '"é"'.encode("latin-1"), "{}".encode("utf-32"), b'"\\ud800"', b'{"\\udfff":1}', b'"\n"', b"'a'",
        b"[" * (DEPTH + 1) + b"]" * (DEPTH + 1), b"[" * 100_000, b'{"a":' * 100_000, b"// x\n{}",
    ],
    ids=lambda text: repr(text[:20]),
)  # fmt: skip
def test_what_can_be_read_two_ways_is_refused(text: bytes) -> None:
    with pytest.raises(Malformed, match="the thing"):
        loads(text, "the thing")


def test_what_has_one_reading_is_read() -> None:
    assert loads(b' {"a": [1, -2, null, true, "\\u00e9", 9007199254740991]} ', "it") == {
        "a": [1, -2, None, True, "é", TOP]
    }
    assert loads(b"[" * DEPTH + b"]" * DEPTH, "it")
    assert loads(b"[1.5, 1e3]", "it", floats=True) == [1.5, 1000.0]
    with pytest.raises(Malformed, match=r"1e999"):
        loads(b"[1e999]", "it", floats=True)
    with pytest.raises(Malformed, match="at most 3 are read"):
        loads(b"[1]]", "it", limit=3)


@pytest.mark.parametrize("value", [1 << 53, {"a": [-(1 << 53)]}, "\ud800", math.nan, math.inf, {1: 2}, 1.0, [-0.0], {"é": 1}, {"a": [{"\U0001f600": 1}]}, b"a", {"a": {1}}])  # fmt: skip
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical(value)


@given(st.binary(max_size=60) | st.text(max_size=30).map(str.encode))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_as_others_read_them_or_malformed(data: bytes) -> None:
    try:
        value = loads(data, "it", floats=True)
    except Malformed:
        return
    assert value == json.loads(data.decode("utf-8"))
