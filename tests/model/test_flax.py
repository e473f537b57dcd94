import json
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.model.msgpack import checkpoint
from tests.conftest import ids, look_at, severe
from tests.model.hostile_bytes import is_noticed_when_cut, mutations, survives

REAL = Path(__file__).parent / "real" / "flax"
BENIGN = (
    "flax_model.msgpack", "chunked.msgpack", "opt_checkpoint_10", "numpy.msgpack", "manifest.ocdbt", "ocdbt_data",
    "zarray", "zmetadata", "zarr.json", "blosc_chunk",
)  # fmt: skip


def ext(kind: int, data: bytes) -> bytes:
    return b"\xc9" + struct.pack(">Ib", len(data), kind) + data


def array(shape: bytes = b"\x91\x04", name: bytes = b"\xa7float32", data: bytes = bytes(16)) -> bytes:
    return ext(1, b"\x93" + shape + name + b"\xc6" + struct.pack(">I", len(data)) + data)


def found(data: bytes, name: str = "model.msgpack") -> set[str]:
    report = look_at(data, name)
    assert "CHK001" not in ids(report)
    return ids(report)


@pytest.mark.parametrize("name", BENIGN)
def test_real_checkpoints_are_allowed(name: str) -> None:
    """Flax parameters and optimizer states, chunked arrays, msgpack-numpy, Orbax OCDBT, Zarr 2 and 3 metadata."""
    report = look_at((REAL / name).read_bytes(), name)
    assert severe(report) == []
    assert report.formats


def test_mdl172_bad_unknown_extension() -> None:
    assert found(b"\x81\xa1a" + ext(42, b"abc")) == {"MDL172"}


def test_mdl172_bad_type_of_nobody() -> None:
    assert found(b"\x81\xa1a" + array(name=b"\xa5weird")) == {"MDL172"}


def test_mdl172_good_known_extensions() -> None:
    scalar = ext(3, b"\x93\x90\xa7float32\xc4\x04\0\0\0\0")
    assert (
        found(
            b"\x83\xa1a" + array() + b"\xa1b" + ext(2, b"\x92\xcb" + bytes(8) + b"\xcb" + bytes(8)) + b"\xa1c" + scalar
        )
        == set()
    )


@pytest.mark.parametrize(
    "bad",
    [
        array(shape=b"\x91\xce\x40\0\0\0"),
        array(shape=b"\x91\xff"),
        array(data=b""),
        array(name=b"\xa6object"),
        ext(1, b"\x80"),
        ext(1, b"\x93\x91"),
        ext(1, b"\x93\x90\xa7float32\xc4\x04\0\0\0\0junk"),
        ext(3, b"\xc0"),
    ],
    ids=["huge", "negative", "short", "object", "map", "cut", "behind", "nil"],
)
def test_mdl173_bad_array(bad: bytes) -> None:
    assert found(b"\x81\xa1a" + bad) == {"MDL173"}


def test_mdl173_good_array() -> None:
    assert found(b"\x81\xa1a" + array()) == set()
    assert found(b"\x81\xa1a" + array(name=b"\xa8bfloat16", data=bytes(8))) == set()


def test_mdl173_good_texts_and_times() -> None:
    assert found(b"\x81\xa1a" + array(name=b"\xa5str96", data=bytes(48))) == set()
    assert found(b"\x81\xa1a" + array(name=b"\xaedatetime64[ns]", data=bytes(32))) == set()


def test_mdl174_bad_key_twice() -> None:
    assert found(b"\x82\xa1a" + array() + b"\xa1a" + array()) == {"MDL174"}
    assert found(b"\x81\xa1p\x82\xa1a\x01\xa1a\x02") == {"MDL174"}


def test_mdl174_good_keys_of_different_kind() -> None:
    assert found(b"\x82\xa11\x01\x01\x02") == set()


def test_mdl175_bad_pickle_codec() -> None:
    """zarr 2.18.3 with numcodecs 0.12.1 ran the pickle in chunk 0 when the array was read (seen with a marker)."""
    meta = {
        "zarr_format": 2,
        "shape": [1],
        "chunks": [1],
        "dtype": "|O",
        "compressor": None,
        "filters": [{"id": "pickle"}],
    }
    assert "MDL175" in found(json.dumps(meta).encode(), ".zarray")
    assert "MDL175" in found(
        json.dumps({"metadata": {"a/.zarray": meta}, "zarr_consolidated_format": 1}).encode(), ".zmetadata"
    )


def test_mdl175_bad_pickle_codec_of_version_3() -> None:
    inner = [{"name": "numcodecs.pickle", "configuration": {}}]
    sharding = {"name": "sharding_indexed", "configuration": {"codecs": inner, "index_codecs": [{"name": "bytes"}]}}
    assert "MDL175" in found(
        json.dumps({"zarr_format": 3, "node_type": "array", "codecs": [sharding]}).encode(), "zarr.json"
    )


def test_mdl175_good_codecs() -> None:
    meta = {"zarr_format": 2, "compressor": {"id": "blosc", "cname": "pickle"}, "filters": [{"id": "vlen-utf8"}]}
    assert found(json.dumps(meta).encode(), ".zarray") == set()


def test_mdl176_bad_codec_of_nobody() -> None:
    assert found(json.dumps({"zarr_format": 2, "compressor": {"id": "their_codec"}}).encode(), ".zarray") == {"MDL176"}


def test_mdl176_good_attributes_are_no_codecs() -> None:
    meta = {"zarr_format": 3, "codecs": ["bytes", {"name": "zstd"}], "attributes": {"id": "their", "filters": "x"}}
    assert found(json.dumps({**meta, "attributes": {"id": "their"}}).encode(), "zarr.json") == set()


def test_pickled_array_of_msgpack_numpy() -> None:
    """msgpack-numpy 0.4.8 unpickles it in `unpackb` (seen with a marker)."""
    assert "MDL001" in found((REAL / "pickled.msgpack").read_bytes())


def test_what_follows_is_looked_at() -> None:
    assert "MDL001" in found(b"\x81\xa1a\x01" + b"cposix\nsystem\n(S'id'\ntR.")


@pytest.mark.parametrize(
    "data",
    [
        b"\x81\xa1a" * 100_000 + b"\xc0",
        b"\x81\xa1a\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff\xa1a",
        b"\x81\xa1a\xc6\xff\xff\xff\xff",
        b"\x81\xa1a\xc1",
        b"\x81\xa1a\xc9\xff\xff\xff\xff\x01",
    ],
    ids=["deep", "array", "map", "bytes", "unused", "extension"],
)
def test_declared_sizes_and_depth(data: bytes) -> None:
    assert "CHK002" in found(data)


def test_many_items() -> None:
    assert found(b"\x81\xa1a\xdd" + struct.pack(">I", 200_000) + b"\xc0" * 200_000) == set()


def test_broken_zarr_metadata() -> None:
    assert "CHK002" in found(b'{"zarr_format": 2', ".zarray")
    assert "CHK002" in found(b"[" * 100_000, ".zarray") or "CHK002" in found(
        b'{"zarr_format":' + b"[" * 100_000, ".zarray"
    )


def test_cut_off_anywhere() -> None:
    is_noticed_when_cut((REAL / "flax_model.msgpack").read_bytes(), "flax_model.msgpack", 5)


SEEDS = [(REAL / name).read_bytes() for name in ("flax_model.msgpack", "pickled.msgpack")]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(SEEDS).flatmap(mutations))
def test_any_checkpoint_gives_a_report(data: bytes) -> None:
    survives(data, "x.msgpack")


@settings(max_examples=50, deadline=None)
@given(mutations((REAL / "zmetadata").read_bytes()))
def test_any_metadata_gives_a_report(data: bytes) -> None:
    survives(data, ".zmetadata")


def test_keys_that_are_held_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "_KEYS", 100)
    keys = b"".join(b"\xa2" + f"{i:02}".encode() + b"\xc0" for i in range(60))
    inner = b"\xde\0\x3c" + keys
    assert "CHK003" in found(b"\xde\0\x3d" + keys + b"\xa1z" + inner)
    assert "CHK003" not in found(b"\x83\xa1a" + inner + b"\xa1b" + inner + b"\xa1c" + inner)
