"""One small valid file of every format, made by the real libraries where there is one: what is cut, flipped and fuzzed."""

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import tarfile
import tempfile
import zipfile
import zlib
from collections import OrderedDict
from functools import cache

TEXT = frozenset(
    {
        "table.csv", "rows.jsonl", "Dockerfile", "compose.yaml", "pod.yaml", "config.yaml", ".github/workflows/ci.yml",
        "requirements.txt", "uv.lock", "pyproject.toml", "pip.conf", "loader.py", "setup.py", ".env",
    }
)  # fmt: skip
"""Formats of lines: what stands before a cut is a whole document, so that a cut one is not broken."""


@cache
def corpus() -> dict[str, bytes]:
    """Name, by which the file claims its format, and content: at most about 2 kB, without a finding of medium or more."""
    return {**_pickles(), **_arrays(), **_models(), **_containers(), **_documents()}


def _pickles() -> dict[str, bytes]:
    import joblib
    import numpy as np

    value = {"name": "small", "sizes": (1, 2, 300, 70_000), "rate": 0.5, "order": OrderedDict(a=[None, True], b=b"xy")}
    plain = {f"plain{protocol}.pkl": pickle.dumps(value, protocol) for protocol in range(6)}
    raw = io.BytesIO()
    joblib.dump({"w": np.arange(6.0), "objects": np.array([1, "a"], dtype=object)}, raw)
    return {
        **plain,
        "array.pkl": pickle.dumps(np.arange(4, dtype="f4"), 4),
        "raw.joblib": raw.getvalue(),
        "zlib.joblib": zlib.compress(raw.getvalue()),
        "several.pkl": pickle.dumps([1, 2], 2) + pickle.dumps({"a": 1}, 4),
        "legacy.pt": b"".join(pickle.dumps(v, 2) for v in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
        + _tensor() + pickle.dumps(["0"], 2) + (3).to_bytes(8, "little") + bytes(12),
    }  # fmt: skip


def _tensor() -> bytes:
    """The pickle of `torch.save({"weight": torch.zeros(3)})`, written by hand."""
    return (
        b"\x80\x02}q\0X\x06\0\0\0weightq\1ctorch._utils\n_rebuild_tensor_v2\nq\2((X\7\0\0\0storageq\3ctorch\nFloatStorage\nq\4"
        b"X\1\0\0\0\x30q\5X\3\0\0\0cpuq\6K\3tq\7QK\0K\3\x85q\x08K\1\x85q\x09\x89ccollections\nOrderedDict\nq\x0a)Rq\x0btq\x0cRq\x0ds."
    )


def _arrays() -> dict[str, bytes]:
    import numpy as np
    from safetensors.numpy import save

    npy, npz, table = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.save(npy, np.arange(8, dtype="i2"))
    np.savez(npz, a=np.arange(3), b=np.zeros((2, 2)))
    np.save(table, np.zeros(2, dtype=[("a", "i4"), ("b", "f8")]))
    return {
        "array.npy": npy.getvalue(),
        "table.npy": table.getvalue(),
        "arrays.npz": npz.getvalue(),
        "weights.safetensors": save({"a": np.zeros((2, 3), "f4"), "b": np.ones(4, "i8")}, {"format": "pt"}),
    }


def _models() -> dict[str, bytes]:
    import h5py
    import onnx
    from onnx import helper

    from tests.model import gguf_maker as g

    with tempfile.TemporaryDirectory() as folder:
        place = os.path.join(folder, "x.h5")
        with h5py.File(place, "w", libver="latest") as file:
            file.create_dataset("w", data=[1.0, 2.0])
            file.attrs["note"] = "small"
        with open(place, "rb") as stream:
            hdf5 = stream.read()
    made = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    out = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [made], [out])
    pairs = [
        g.text_pair("general.architecture", "llama"),
        g.text_pair("tokenizer.chat_template", "{{ messages[0]['content'] }}"),
    ]
    layers = [{"class_name": "Dense", "config": {"name": "d", "units": 3, "activation": "relu"}}]
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": layers}, "keras_version": "3.5.0"}
    return {
        "data.h5": hdf5,
        "graph.onnx": helper.make_model(
            graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]
        ).SerializeToString(),
        "model.gguf": g.gguf(pairs, [g.row("w", (8,), 0, 0)], bytes(32)),
        "config.json": json.dumps(config).encode(),
        "model.keras": _zip(
            {"metadata.json": b'{"keras_version": "3.5.0"}', "config.json": json.dumps(config).encode()}
        ),
        "model.pt": _zip({"m/data.pkl": _tensor(), "m/version": b"3\n", "m/data/0": bytes(12)}, zipfile.ZIP_STORED),
    }


def _zip(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return file.getvalue()


def _containers() -> dict[str, bytes]:
    import lz4.frame

    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name in ("a.txt", "b/c.pkl"):
            data = pickle.dumps([1, 2]) if name.endswith("pkl") else b"words\n"
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    tar = file.getvalue()[:3_072]  # two members and the two empty blocks that end it
    inner = pickle.dumps({"numbers": list(range(60))})
    return {
        "files.zip": _zip({"a.txt": b"words\n", "deep/b.pkl": inner}),
        "files.tar": tar,
        "files.tar.gz": gzip.compress(tar, mtime=0),
        "model.pkl.gz": gzip.compress(inner, mtime=0),
        "model.pkl.bz2": bz2.compress(inner),
        "model.pkl.xz": lzma.compress(inner),
        "model.pkl.lzma": lzma.compress(inner, lzma.FORMAT_ALONE),
        "model.pkl.lz4": lz4.frame.compress(inner),
    }


def _documents() -> dict[str, bytes]:
    cell = {
        "cell_type": "code",
        "execution_count": 1,
        "id": "a1",
        "metadata": {},
        "outputs": [],
        "source": ["print(1)\n"],
    }
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    package = {
        "name": "x",
        "version": "1.0.0",
        "lockfileVersion": 3,
        "packages": {"": {"name": "x", "version": "1.0.0"}},
    }
    texts = {
        "table.csv": "name,score\nann,1.5\nbob,-2\n",
        "rows.jsonl": '{"text": "a", "label": 1}\n{"text": "b", "label": 0}\n',
        "notebook.ipynb": json.dumps(notebook, indent=1),
        "package-lock.json": json.dumps(package, indent=1),
        "Dockerfile": "FROM python:3.12-slim@sha256:" + "a" * 64 + '\nUSER 1000\nCOPY . /app\nCMD ["python", "app.py"]\n',
        "compose.yaml": "services:\n  web:\n    image: nginx@sha256:" + "b" * 64 + "\n    read_only: true\n",
        "pod.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\ndata:\n  a: b\n",
        "config.yaml": "model:\n  layers: [1, 2, 3]\n  rate: 0.5\n",
        ".github/workflows/ci.yml": "on: push\npermissions: {}\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: make\n",
        "requirements.txt": "idna==3.7 \\\n    --hash=sha256:" + "c" * 64 + "\n",
        "uv.lock": 'version = 1\n\n[[package]]\nname = "idna"\nversion = "3.7"\nsource = { registry = "https://pypi.org/simple" }\n'
        'wheels = [{ url = "https://files.pythonhosted.org/idna-3.7-py3-none-any.whl", hash = "sha256:' + "c" * 64 + '" }]\n',
        "pyproject.toml": '[project]\nname = "x"\nversion = "1"\ndependencies = ["idna==3.7"]\n',
        "pip.conf": "[global]\ntimeout = 60\n",
        "loader.py": "import datasets\n\n\nclass Small(datasets.GeneratorBasedBuilder):\n    def _info(self):\n        return None\n",
        "setup.py": 'from setuptools import setup\n\nsetup(name="x", version="1")\n',
        ".env": "MODE=test\nLEVEL=3\n",
    }  # fmt: skip
    return {name: text.encode() for name, text in texts.items()}
