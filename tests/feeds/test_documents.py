"""Documents of hosts are a stranger's: whatever they hold, the answer is a list of files or an error with words."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.errors import AssayError
from assaymark.core.remote import RemoteSource
from assaymark.feeds import connect
from assaymark.feeds.wire import Document

SHA = f"sha256:{'a' * 64}"
KEYS = """path size type lfs oid sha gated digest layers config manifests annotations platform os mediaType files is_dir
file_size run info artifact_uri model_version version token org.opencontainers.image.title"""
keys = st.sampled_from(KEYS.split())
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
    st.sampled_from([SHA, "a" * 40, "a" * 64, "file", "../x", "x" * 5_000, "mlflow-artifacts:/0/1", "\ud800"]),
)  # fmt: skip
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6), max_leaves=30
)


class Said:
    """Answers every request for a document from a list, then with the last of it."""

    def __init__(self, bodies: list[bytes]) -> None:
        self.bodies = bodies

    def document(self, url: str, **_: Any) -> Document:
        body = self.bodies.pop(0) if len(self.bodies) > 1 else self.bodies[0]
        return Document(body, {}, url)


def files_of(source: RemoteSource, bodies: list[bytes]) -> None:
    source._wire = Said(bodies)  # type: ignore[attr-defined]
    try:
        source.resolve()
        found = source.files()
    except AssayError as error:
        assert error.message
        return
    assert all(isinstance(file.path, str) and file.size >= 0 for file in found)
    assert len({file.path for file in found}) == len(found)


@pytest.mark.parametrize("url", ["hf://a/b", "oci://127.0.0.1/a/b", "mlflow://127.0.0.1/runs:/r/x"])
@settings(max_examples=80, deadline=None)
@given(data=st.lists(values, min_size=1, max_size=3))
def test_any_json(url: str, data: list[Any]) -> None:
    files_of(connect(url), [json.dumps(item).encode() for item in data])


ENTRY = {"digest": SHA, "size": 5, "mediaType": "x", "annotations": {"org.opencontainers.image.title": "a"}}
SOUND = {
    "hf://a/b": [{"sha": "a" * 40, "gated": False}, [{"type": "file", "path": "a", "size": 1, "oid": "b"}]],
    "oci://127.0.0.1/a/b": [{"config": ENTRY, "layers": [ENTRY, ENTRY]}],
    "mlflow://127.0.0.1/runs:/r": [
        {"run": {"info": {"artifact_uri": "mlflow-artifacts:/0/r"}}},
        {"files": [{"path": "a", "is_dir": False, "file_size": 3}]},
    ],
}


@pytest.mark.parametrize("url", SOUND)
@settings(max_examples=80, deadline=None)
@given(which=st.integers(0, 1), at=st.integers(0, 400), new=st.binary(max_size=3), drop=st.integers(0, 6))
def test_broken_documents(url: str, which: int, at: int, new: bytes, drop: int) -> None:
    bodies = [json.dumps(part).encode() for part in SOUND[url]]
    body = bodies[which % len(bodies)]
    at %= len(body) + 1
    bodies[which % len(bodies)] = body[:at] + new + body[at + drop :]
    files_of(connect(url), bodies)
