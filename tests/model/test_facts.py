import gzip
import io
import json
import pickle
import tarfile

import h5py
import joblib
import numpy as np
import pytest
import safetensors.numpy
from onnx import TensorProto, helper

from tests.conftest import ids, look_at
from tests.model.zipmaker import EVIL, HARMLESS, Made, make, torch_zip

FACTS = {"MDL120", "MDL121"}


def tar(name: str, data: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def h5() -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["weights"] = np.zeros((4, 4))
    return stream.getvalue()


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, a=np.arange(3))
    return stream.getvalue()


def onnx_model() -> bytes:
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", value[:1], value[1:])
    return helper.make_model(graph).SerializeToString()


def tensors(length: int) -> bytes:
    """A safetensors file whose header is `length` bytes long: its first bytes may look like a pickle's PROTO."""
    small = safetensors.numpy.save({"a": np.zeros(2, np.float32)})
    header = json.loads(small[8 : 8 + int.from_bytes(small[:8], "little")])
    text = json.dumps(header).encode().ljust(length)
    return len(text).to_bytes(8, "little") + text + bytes(8)


def dumped(compress: object) -> bytes:
    stream = io.BytesIO()
    joblib.dump({"a": np.arange(50)}, stream, compress=compress)
    return stream.getvalue()


PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
BENIGN = {
    "model.safetensors": safetensors.numpy.save({"a": np.zeros(4, np.float32)}),
    **{f"header_{n:x}.safetensors": tensors(n) for n in (0x80, 0x180, 0x280, 0x380, 0x480, 0x578, 0x580, 0x2878)},
    "model.onnx": onnx_model(),
    "a.npy": npy(np.arange(4)),
    "bytes.npy": npy(np.frombuffer(make([Made("a", b"x")]) + b"more", np.uint8)),
    "a.npz": npz(),
    "weights.h5": h5(),
    "in.tar": tar("weights.h5", h5()),
    "wheel.tar": tar("a.whl", make([Made("a", b"x")])),
    "config.json": b'{"model_type": "bert"}',
    "keras.json": b'{"class_name": "Sequential", "config": {}}',
    "README.md": b"# A model\n",
    "vocab.txt": b"[PAD]\n[UNK]\n",
    "logo.png": PNG,
    "m.pkl": HARMLESS,
    "wrapped.pkl": pickle.dumps({"wheel": make([Made("a", b"x")]), "more": 1}),
    "pytorch_model.bin": torch_zip(),
    "m.pt": torch_zip(),
    "m.ckpt": HARMLESS,
    "m.joblib": dumped(0),
    "z.joblib": dumped(3),
    "m.dat": h5(),
    "model": HARMLESS,
    "data.json.gz": gzip.compress(b"{}"),
    "cut.json": gzip.compress(b"{}"),
}


@pytest.mark.parametrize("name", BENIGN)
def test_benign_files_keep_their_promise(name: str) -> None:
    report = look_at(BENIGN[name], name)
    assert not ids(report) & FACTS, report.findings


@pytest.mark.parametrize(
    "suffix", [".safetensors", ".gguf", ".onnx", ".npy", ".json", ".txt", ".md", ".png", ".JPG", ".yaml"]
)
@pytest.mark.parametrize(
    "data", [EVIL, HARMLESS, torch_zip(), tar("a", b"x"), h5()], ids=["p0", "p2", "zip", "tar", "h5"]
)
def test_mdl120_bad_content(suffix: str, data: bytes) -> None:
    assert "MDL120" in ids(look_at(data, "model" + suffix))


def test_mdl120_bad_other_model() -> None:
    assert "MDL120" in ids(look_at(onnx_model(), "model.safetensors"))
    assert "MDL120" in ids(look_at(gzip.compress(EVIL), "model.safetensors"))
    assert "MDL120" in ids(look_at(make([Made("in/logo.png", EVIL)]), "a.zip"))


@pytest.mark.parametrize(
    "name", ["model.bin", "model.pt", "model.ckpt", "model.dat", "model.model", "model", "a.csv", "a.parquet"]
)
def test_mdl120_good_neutral_name(name: str) -> None:
    assert "MDL120" not in ids(look_at(HARMLESS, name))


@pytest.mark.parametrize(
    "data",
    [
        HARMLESS + make([Made("a", b"x")]),
        b"\x7fELF" + bytes(100) + make([Made("a", b"x")]),
        gzip.compress(b"x") + make([Made("a", b"x")]),
        tar("a", b"x") + make([Made("a", b"x")]),
        safetensors.numpy.save({"a": np.zeros(4, np.float32)}) + make([Made("a", b"x")]),
        npy(np.zeros(4)) + make([Made("a", b"x")]),
        onnx_model() + make([Made("a", b"x")]),
        make([Made("a", b"x")]).ljust(512, b"\0") + h5(),
        EVIL.ljust(512, b"\0") + h5(),
        b"\x80\x02B\x02\0\0\0\0{0" + EVIL,
    ],
)
def test_mdl121_bad_two_formats(data: bytes) -> None:
    assert "MDL121" in ids(look_at(data, "model.bin"))


def test_mdl121_good_passive_neighbour() -> None:
    report = look_at(PNG + make([Made("a", b"x")]), "logo.png")
    assert "MDL121" not in ids(report)
    assert "MDL083" in ids(report)
