"""Models as real libraries write them, honest or not, and the examination of them as the command does it."""

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from assaymark import origins
from assaymark.model.origin.claims import Result
from tests.model.gguf_maker import gguf, pair, row, text_pair

Tensors = dict[str, np.ndarray]
CARD = """---
license: apache-2.0
tags:
- fp32
---
# A net

## Training data
It was trained on the sentences of the corpus of acme, version 3, collected by its own people in 2024.

## Training procedure
AdamW for three epochs on eight accelerators, with the script of this repository, from random weights.

## Evaluation
On the held-out sentences it has a loss of 2.31, measured by its own makers in the same year.

## Limitations
It knows one language, and repeats what it read; nobody should take its word for anything that matters.

## Intended use
Research on small networks. It must not be used to judge people or to answer questions of health.
"""


def llama(
    folder: Path, *, seed: int = 0, hidden: int = 64, layers: int = 2, vocab: int = 96, dtype: type = np.float32, noise: float = 0,
    edit: Callable[[Tensors], None] | None = None, card: str | None = CARD, **config: Any,
) -> Path:  # fmt: skip
    """A folder as `save_pretrained` leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    random, more = np.random.default_rng(seed), np.random.default_rng(99)
    tensors: Tensors = {}

    def matrix(name: str, *shape: int) -> None:
        tensors[name] = (random.standard_normal(shape) * 0.05 + more.standard_normal(shape) * noise).astype(np.float32)

    matrix("model.embed_tokens.weight", vocab, hidden)
    for number in range(layers):
        lead = f"model.layers.{number}."
        for name in "qkvo":
            matrix(f"{lead}self_attn.{name}_proj.weight", hidden, hidden)
        for name, shape in (("gate", (128, hidden)), ("up", (128, hidden)), ("down", (hidden, 128))):
            matrix(f"{lead}mlp.{name}_proj.weight", *shape)
        tensors[f"{lead}input_layernorm.weight"] = np.ones(hidden, np.float32)
        tensors[f"{lead}post_attention_layernorm.weight"] = np.ones(hidden, np.float32)
    tensors["model.norm.weight"] = np.ones(hidden, np.float32)
    matrix("lm_head.weight", vocab, hidden)
    if edit is not None:
        edit(tensors)
    save_file(
        {name: value.astype(dtype) for name, value in tensors.items()}, folder / "model.safetensors", {"format": "pt"}
    )
    declared = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden, "num_hidden_layers": layers,
        "num_attention_heads": 4, "num_key_value_heads": 4, "intermediate_size": 128, "vocab_size": vocab,
        "max_position_embeddings": 2048, "tie_word_embeddings": False, "torch_dtype": np.dtype(dtype).name,
    } | config  # fmt: skip
    (folder / "config.json").write_text(json.dumps(declared, indent=2))
    if card is not None:
        (folder / "README.md").write_text(card)
    return folder


def adapter(
    folder: Path,
    *,
    rank: int = 8,
    said: int = 8,
    hidden: int = 64,
    base: str = "acme/base",
    modules: str = "q_proj v_proj",
) -> Path:
    """A folder as peft leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for number in range(2):
        for module in ("q_proj", "v_proj"):
            lead = f"base_model.model.model.layers.{number}.self_attn.{module}"
            tensors[f"{lead}.lora_A.weight"] = np.ones((rank, hidden), np.float32)
            tensors[f"{lead}.lora_B.weight"] = np.zeros((hidden, rank), np.float32)
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": said, "target_modules": modules.split(), "base_model_name_or_path": base}
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2))
    return folder


def number(key: str, value: int) -> bytes:
    return pair(key, 4, struct.pack("<I", value))


def gguf_model(
    *, blocks: int = 2, hidden: int = 32, vocab: int = 64, kind: int = 0, said: Mapping[str, int | str] | None = None
) -> bytes:
    """A GGUF file of F32 (0), F16 (1) or Q8_0 (8) matrices of zeros."""
    said = {
        "general.architecture": "llama", "general.file_type": {0: 0, 1: 1, 8: 7}[kind], "llama.block_count": blocks,
        "llama.embedding_length": hidden, **(said or {}),
    }  # fmt: skip
    pairs = [text_pair(key, value) if isinstance(value, str) else number(key, value) for key, value in said.items()]
    rows, at = [], 0
    names = ["token_embd.weight", *(f"blk.{i}.attn_{x}.weight" for i in range(blocks) for x in "qkv")]
    for name in names:
        count = hidden * (vocab if name.startswith("token") else hidden)
        rows.append(row(name, (hidden, count // hidden), kind, at))
        at += {0: count * 4, 1: count * 2, 8: count // 32 * 34}[kind]
        at += -at % 32
    return gguf(pairs, rows, bytes(at))


def examine(path: Path, **options: Any) -> origins.Origin:
    return origins.verify(str(path), config="", **options)


def said(found: origins.Origin, about: str) -> list[tuple[str, str]]:
    """(result, what was found) of the claims of this kind."""
    return [(c["result"], c["found"]) for c in found.document["claims"] if c["about"] == about]


def lies(found: origins.Origin) -> list[str]:
    """What is contradicted."""
    return sorted({c["about"] for c in found.document["claims"] if c["result"] == Result.CONTRADICTED})


def ids(found: origins.Origin) -> set[str]:
    return {finding.id for finding in found.report.findings}
