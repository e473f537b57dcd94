"""The bundle's document: one spelling, and readers that take nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.bundle import Bundle, read_manifest
from assaymark.core.errors import Malformed
from assaymark.core.strictjson import canonical
from tests.registry.makers import World

WORLD = World()
TEXT = WORLD.bundle(quarantine=[WORLD.quarantine()]).to_bytes()


def test_it_is_read_as_it_was_written() -> None:
    assert Bundle.read(TEXT) == WORLD_BUNDLE
    assert Bundle.read(TEXT).to_bytes() == TEXT


WORLD_BUNDLE = Bundle.read(TEXT)


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace(b'"activation":', b'"activation": ', 1), b" " + TEXT, TEXT + b"\n",
        json.dumps(json.loads(TEXT)).encode(), json.dumps(json.loads(TEXT), separators=(",", ":")).encode()[::-1],
        TEXT.replace(b'"size":2}', b'"size":2.0}', 1), TEXT.replace(b"config", b"c\\u006fnfig", 1),
    ],
)  # fmt: skip
def test_another_spelling_is_refused(text: bytes) -> None:
    assert text != TEXT
    with pytest.raises(Malformed):
        Bundle.read(text)


def documents(**changes: Any) -> bytes:
    return canonical(json.loads(TEXT) | changes)


@pytest.mark.parametrize(
    ("changes", "saying"),
    [
        ({"more": 1}, "beyond its fields"), ({"schema": "assaymark/bundle/v2"}, "of this version"), ({"seal": None}, "seal of the bundle"),
        ({"seal": {}}, "seal of the bundle"), ({"evidence": {}}, "evidence of the bundle"), ({"evidence": [1]}, "evidence of the bundle"),
        ({"policy": []}, "policy of the bundle"), ({"leaf": 1}, "leaf of the bundle"), ({"leaf": "a"}, "not base64"),
        ({"leaf": "AAB="}, "canonical form"), ({"proof": None}, "proof of the bundle"), ({"manifest": []}, "not a manifest"),
    ],
)  # fmt: skip
def test_a_field_that_is_something_else(changes: dict[str, Any], saying: str) -> None:
    with pytest.raises(Malformed, match=saying):
        Bundle.read(documents(**changes))


FILE = {"path": "a", "size": 1, "sha256": "a" * 64}


@pytest.mark.parametrize(
    "files",
    [
        None, {}, [1], [{}], [FILE | {"more": 1}], [FILE | {"size": -1}], [FILE | {"size": True}], [FILE | {"size": "1"}],
        [FILE | {"sha256": "A" * 64}], [FILE | {"sha256": "a" * 63}], [FILE | {"sha256": None}], [FILE | {"path": 1}],
        [FILE | {"path": "../a"}], [FILE | {"path": "/a"}], [FILE | {"path": "a\\b"}], [FILE | {"path": "con"}], [FILE | {"path": "a."}],
        [FILE, FILE], [FILE, FILE | {"path": "A"}], [FILE | {"path": "b"}, FILE],
    ],
    ids=str,
)  # fmt: skip
def test_a_manifest_that_cannot_be(files: Any) -> None:
    with pytest.raises(Malformed):
        read_manifest({"schema": "assaymark/manifest/v1", "files": files})
    assert read_manifest({"schema": "assaymark/manifest/v1", "files": [FILE]}).files[0].path == "a"


@given(st.binary(max_size=80))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        Bundle.read(data)
