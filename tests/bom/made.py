"""Model folders as the libraries and hubs make them, small."""

import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

COMMIT = "a" * 40


def write(path: Path, content: str | bytes | dict[str, Any]) -> Path:
    """A file with its folders; a dict is written as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = json.dumps(content) if isinstance(content, dict) else content
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def tensors(path: Path, metadata: dict[str, str] | None = None, **shapes: tuple[tuple[int, ...], str]) -> Path:
    """A safetensors file; names with `__` for dots."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {name.replace("__", "."): np.zeros(shape, dtype) for name, (shape, dtype) in shapes.items()}, path, metadata
    )
    return path


def eight(folder: Path) -> Path:
    """The fine-tune that three tools get wrong: weights, settings, card, adapter settings, lock, image, script, tokenizer."""
    tensors(
        folder / "model.safetensors",
        {"format": "pt"},
        bert__embeddings__word_embeddings__weight=((30, 8), "float32"),
        bert__encoder__layer__0__attention__weight=((8, 8), "float32"),
        bert__encoder__layer__1__attention__weight=((8, 8), "float32"),
    )
    write(folder / "config.json", {
        "architectures": ["BertForSequenceClassification"], "model_type": "bert", "num_hidden_layers": 2, "hidden_size": 8,
        "vocab_size": 30, "num_attention_heads": 2, "max_position_embeddings": 512, "torch_dtype": "float32",
        "transformers_version": "4.41.0", "_name_or_path": "bert-base-uncased",
    })  # fmt: skip
    write(folder / "adapter_config.json", {
        "base_model_name_or_path": "bert-base-uncased", "peft_type": "LORA", "r": 8,
        "revision": "86b5e0934494bd15c9632b12f734a8a67f723594",
    })  # fmt: skip
    write(folder / "README.md", CARD)
    write(folder / "requirements.txt", f"numpy==1.26.4 --hash=sha256:{'a' * 64}\ntransformers==4.41.0\n")
    write(folder / "Dockerfile", f"FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04@sha256:{'b' * 64}\n")
    write(folder / "train.py", "from datasets import load_dataset\ndata = load_dataset('imdb', revision='e6281661')\n")
    write(folder / "tokenizer.json", {})
    return folder


CARD = """---
license: apache-2.0
language:
- en
base_model: bert-base-uncased
datasets:
- imdb
pipeline_tag: text-classification
library_name: transformers
tags: [sentiment]
co2_eq_emissions:
  emissions: 12.5
model-index:
- name: sentiment-ft
  results:
  - task:
      type: text-classification
    dataset:
      name: Rotten Tomatoes
      type: rotten_tomatoes
      split: test
      revision: 5b3f0d7
    metrics:
    - type: accuracy
      value: 0.93
---
# sentiment-ft

- **Developed by:** Example Ltd
- **Shared by [optional]:** [More Information Needed]

## Intended uses & limitations

Reviews of films in English.

## Training procedure

Three epochs.

### Framework versions

- Transformers 4.41.0

## Evaluation results

[More Information Needed]
"""


def gguf(
    path: Path, keys: dict[str, Any], rows: list[tuple[str, tuple[int, ...], int]], data: bytes | None = None
) -> Path:
    """A GGUF file of version 3; texts, unsigned integers and lists of texts as values."""
    blocks = {0: (1, 4), 1: (1, 2), 8: (32, 34), 12: (256, 144), 14: (256, 210)}
    table, body = b"", b""
    for name, shape, kind in rows:
        elements, size = blocks[kind]
        table += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, len(body))
        body += bytes(int(np.prod(shape)) // elements * size)
        body += bytes(-len(body) % 32)
    head = (
        b"GGUF" + struct.pack("<IQQ", 3, len(rows), len(keys)) + b"".join(_text(k) + _value(v) for k, v in keys.items())
    )
    head += table
    return write(path, head + bytes(-len(head) % 32) + (body if data is None else data))


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _value(value: Any) -> bytes:
    if isinstance(value, list):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_text, value))
    return struct.pack("<II", 4, value) if isinstance(value, int) else struct.pack("<I", 8) + _text(value)


def llama(**more: Any) -> dict[str, Any]:
    """Keys of a quantised Llama."""
    return {
        "general.architecture": "llama", "general.name": "Llama 3 8B", "general.file_type": 15, "llama.block_count": 2,
        "llama.embedding_length": 256, "llama.context_length": 8192, "llama.attention.head_count": 8,
        "tokenizer.ggml.tokens": [f"t{i}" for i in range(30)], **more,
    }  # fmt: skip


ROWS = [("token_embd.weight", (256, 4), 12), ("blk.0.attn_q.weight", (256, 2), 12), ("blk.1.attn_q.weight", (256, 2), 12), ("output_norm.weight", (256,), 0)]  # fmt: skip
BASE = {
    "general.base_model.count": 1, "general.base_model.0.name": "Llama 3 8B",
    "general.base_model.0.organization": "Meta Llama",
    "general.base_model.0.repo_url": "https://huggingface.co/meta-llama/Meta-Llama-3-8B",
}  # fmt: skip


def torch_zip(path: Path, **shapes: tuple[int, ...]) -> Path:
    """What `torch.save` of a state dict writes, opcode by opcode."""
    out = b"\x80\x02}q\x00("
    for number, (name, shape) in enumerate(shapes.items()):
        count = int(np.prod(shape))
        out += _unicode(name) + b"ctorch._utils\n_rebuild_tensor_v2\n("
        out += b"(" + _unicode("storage") + b"ctorch\nFloatStorage\n" + _unicode(str(number)) + _unicode("cpu")
        out += b"J" + struct.pack("<i", count) + b"tQ" + b"K\x00("
        out += b"".join(b"J" + struct.pack("<i", n) for n in shape) + b"t("
        steps = [int(np.prod(shape[i + 1 :])) for i in range(len(shape))]
        out += b"".join(b"J" + struct.pack("<i", n) for n in steps) + b"t\x89ccollections\nOrderedDict\n)RtR"
    out += b"u."
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", out)
        archive.writestr("archive/version", "3\n")
        for number, shape in enumerate(shapes.values()):
            archive.writestr(f"archive/data/{number}", bytes(4 * int(np.prod(shape))))
    return path


def _unicode(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def fasttext(path: Path) -> Path:
    """The header of a supervised fastText model, and bytes behind it."""
    head = struct.pack(
        "<2i12id3i2q", 793712314, 12, 100, 5, 25, 1, 5, 2, 3, 3, 2000000, 3, 6, 100, 1e-4, 10, 8, 2, 1000, -1
    )
    return write(path, head + bytes(range(256)) * 8)


def estimator(path: Path, compress: int = 0) -> Path:
    """A fitted logistic regression, by joblib."""
    import joblib
    from sklearn.linear_model import LogisticRegression

    path.parent.mkdir(parents=True, exist_ok=True)
    rows = np.random.RandomState(0).rand(40, 3)
    joblib.dump(LogisticRegression(C=2.0).fit(rows, rows[:, 0] > 0.5), path, compress=compress)
    return path


def arrays(path: Path) -> Path:
    """A pickle that is data."""
    return write(path, pickle.dumps({"a": np.zeros(3), "b": [1, 2]}))


def cache(folder: Path) -> Path:
    """A cache of huggingface_hub with one snapshot, whose files are links to blobs; gives the snapshot."""
    home = folder / "models--acme--tiny"
    tensors(home / "blobs" / ("c" * 64), w=((4, 4), "float32"))
    write(home / "blobs/cfg", {"model_type": "bert", "architectures": ["BertModel"], "_name_or_path": "acme/tiny"})
    write(home / "refs/main", COMMIT)
    snapshot = home / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").symlink_to(f"../../blobs/{'c' * 64}")
    (snapshot / "config.json").symlink_to("../../blobs/cfg")
    return snapshot
