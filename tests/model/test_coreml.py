"""Core ML: what coremltools writes is clean; custom classes, links, unknown operators and paths outside are told.

Core ML runs on Apple systems only: the hostile files are made by the real library, but none was loaded.
"""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ids, severe
from tests.model.hostile_bytes import looker, mutations, survives
from tests.model.wire import entry, put

REAL = Path(__file__).parent / "real" / "coreml"
PACKAGE = "net.mlpackage/Data/com.apple.CoreML"
HONEST = [
    "network.mlmodel", "trees.mlmodel", "pipeline.mlmodel", "net.mlpackage/Manifest.json", f"{PACKAGE}/model.mlmodel",
    f"{PACKAGE}/weights/weight.bin",
]  # fmt: skip


def real(name: str) -> bytes:
    return (REAL / name).read_bytes()


looked = looker("model.mlmodel")


def model(kind: int, payload: bytes) -> bytes:
    return put(1, 7) + put(2, put(1, put(1, "x"))) + put(kind, payload)


def program(*operations: bytes) -> bytes:
    block = b"".join(put(3, operation) for operation in operations)
    return model(502, put(1, 1) + entry(2, "main", put(2, "CoreML6") + entry(3, "CoreML6", block)))


def blob_value(path: str) -> bytes:
    return put(5, put(1, path) + put(2, 64))


@pytest.mark.parametrize("name", HONEST)
def test_real_files_are_clean(name: str) -> None:
    report = looked(real(name), name)
    assert not severe(report)
    assert report.formats[0].startswith("coreml")


def test_content_decides_not_the_name() -> None:
    assert "coreml" in looked(real("network.mlmodel"), "weights.bin").formats
    assert "onnx" not in looked(real("network.mlmodel"), "weights.bin").formats


@pytest.mark.parametrize("name", ["bad_layer.mlmodel", "bad_nested.mlmodel", "bad_model.mlmodel"])
def test_mdl162_bad_real(name: str) -> None:
    assert any(f.id == "MDL162" and f.holds and "com_example" in f.message for f in looked(real(name)).findings)


def test_mdl162_bad_everywhere() -> None:
    custom = put(1, put(1, "l") + put(500, put(10, "Own")))
    branch = put(1, put(605, put(1, put(1, put(605, put(2, custom))))))
    loop = put(1, put(615, put(4, custom)))
    for network in (custom, branch, loop):
        for kind in (303, 403, 500):
            assert "MDL162" in ids(looked(model(kind, network)))
            assert "MDL162" in ids(looked(model(202, put(1, model(kind, network)))))
            assert "MDL162" in ids(looked(model(200, put(1, put(1, model(kind, network))))))
    assert "MDL162" in ids(looked(model(3000, put(1, "com.example.Part") + put(2, b"\0"))))


def test_mdl162_good_layers() -> None:
    assert not severe(looked(real("network.mlmodel")))
    assert not severe(looked(model(500, put(1, put(1, "Own") + put(605, put(1, b"") + put(2, b""))))))


def test_mdl163_bad_real() -> None:
    assert "MDL163" in ids(looked(real("bad_weights.mlmodel")))
    assert "MDL163" in ids(looked(real("bad_linked.mlmodel")))


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "@model_path/../x", "@other/x", "~/x", "file://x", "a\nb"])
def test_mdl163_bad_everywhere(path: str) -> None:
    value = blob_value(path)
    nested = put(3, put(3, put(1, put(3, put(4, put(1, put(2, value)))))))
    for held in (value, nested):
        attribute = put(1, "const") + entry(5, "val", held)
        given_in = put(1, "relu") + entry(2, "x", put(1, put(2, held)))
        inner = put(1, "cond") + put(4, put(3, attribute))
        for operation in (attribute, given_in, inner):
            assert "MDL163" in ids(looked(program(operation)))
    manifest = {"itemInfoEntries": {"a": {"path": path}}, "rootModelIdentifier": "a"}
    assert "MDL163" in ids(looked(json.dumps(manifest).encode(), "Manifest.json"))


def test_mdl163_good_paths() -> None:
    assert not severe(looked(program(put(1, "const") + entry(5, "val", blob_value("@model_path/weights/weight.bin")))))
    assert not severe(looked(real("net.mlpackage/Manifest.json"), "Manifest.json"))


def test_mdl164_bad_real() -> None:
    assert "MDL164" in ids(looked(real("bad_linked.mlmodel")))


def test_mdl164_good_pipeline() -> None:
    assert not severe(looked(real("pipeline.mlmodel")))


def test_mdl165_bad_operator() -> None:
    assert "MDL165" in ids(looked(program(put(1, "custom_layer"))))
    assert "MDL165" in ids(looked(program(put(1, "cond") + put(4, put(3, put(1, "own"))))))


def test_mdl165_good_operator() -> None:
    assert not severe(looked(program(put(1, "relu"), put(1, "constexpr_lut_to_dense"))))


@pytest.mark.parametrize(
    "text",
    [
        '{"itemInfoEntries": {}}', '{"itemInfoEntries": []}', '{"itemInfoEntries": {"a": 1}, "rootModelIdentifier": "a"}', '{"itemInfoEntries": ',
        '{"itemInfoEntries": {"a": {"path": "x", "path": "../y"}}, "rootModelIdentifier": "a"}',
    ],
)  # fmt: skip
def test_broken_manifests_hold(text: str) -> None:
    assert "CHK002" in ids(looked(text.encode(), "Manifest.json"))


def test_broken_weights_hold() -> None:
    data = bytearray(real(f"{PACKAGE}/weights/weight.bin"))
    for at, value in ((0, b"\xff\xff\xff\xff"), (0, b"\3\0\0\0"), (72, b"\xff" * 8), (80, bytes(8))):
        changed = bytearray(data)
        changed[at : at + len(value)] = value
        assert severe(looked(bytes(changed), "weight.bin")), at


def test_a_cut_model_is_never_clean() -> None:
    for name in ("network.mlmodel", "trees.mlmodel", f"{PACKAGE}/model.mlmodel", f"{PACKAGE}/weights/weight.bin"):
        data = real(name)
        whole = 1 if name.endswith("weight.bin") else 0  # the padding of the last entry
        assert all(severe(looked(data[:cut], name)) for cut in range(1, len(data) - whole, 1 + len(data) // 300)), name


def test_models_nested_without_end() -> None:
    data = model(500, b"")
    for _ in range(200):
        data = model(202, put(1, data))
    assert "CHK002" in ids(looked(data))


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([real(name) for name in (*HONEST, "bad_nested.mlmodel")]).flatmap(mutations),
    st.sampled_from(HONEST),
)
def test_mutated_files_are_reported_on(data: bytes, name: str) -> None:
    survives(data, name)


def test_bytes_behind_the_weights_hold() -> None:
    data = real(f"{PACKAGE}/weights/weight.bin")
    data += bytes(-len(data) % 64)
    assert not severe(looked(data, "weight.bin"))
    assert "CHK005" in ids(looked(data + b"posix\nsystem\n" * 9, "weight.bin"))


@pytest.mark.parametrize("root", [[], {}, None, 1, "B"])
def test_a_manifest_without_a_root_holds(root: object) -> None:
    entries = {"A": {"path": "com.apple.CoreML/model.mlmodel"}}
    data = json.dumps({"itemInfoEntries": entries, "rootModelIdentifier": root}).encode()
    assert "CHK002" in ids(looked(data, "Manifest.json"))
