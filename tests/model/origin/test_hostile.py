"""Input that was made to hurt: it is bounded, and told."""

import json
import struct
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from assaymark.core.blob import Bytes
from assaymark.core.budget import Budget
from assaymark.core.verdict import Outcome
from assaymark.model.origin import examine as examination
from assaymark.model.origin.base import compare
from assaymark.model.origin.model import Model
from assaymark.storage.spool import FileSpool
from tests.conftest import MemoryTree, ids, look_at_folder
from tests.model.origin.makers import CARD, adapter, examine, gguf_model, lies, llama

SAFE = save(
    {
        "model.embed_tokens.weight": np.ones((8, 4), np.float32),
        "model.layers.0.self_attn.q_proj.weight": np.ones((4, 4), np.float16),
    }
)
CONFIG = json.dumps({
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 4, "num_hidden_layers": 1, "vocab_size": 8, "num_attention_heads": 2,
    "torch_dtype": "float32", "max_position_embeddings": 9, "tie_word_embeddings": False,
}).encode()  # fmt: skip


def budget() -> Budget:
    return Budget(monotonic=time.monotonic, spool=FileSpool)


def look(files: dict[str, bytes], base: dict[str, bytes] | None = None) -> dict[str, object]:
    """The document about these files, without a file system."""
    model = Model(MemoryTree(files), "net-7B", dict.fromkeys(files, "a" * 64), budget)
    other = Model(MemoryTree(base), "base", {}, budget) if base is not None else None
    kin = compare(model.main, other.main, "base", budget()) if other else None
    told = examination.examine(
        model,
        revision="",
        kin=kin,
        base=other,
        base_name="",
        asked={},
        asked_in="",
        snapshots=[],
        advisories=[],
        expected=["a/b"],
    )
    json.dumps(told.document, allow_nan=False)
    return told.document


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(["model.safetensors", "config.json", "README.md", "net.gguf"]),
    st.binary(max_size=40),
    st.integers(0, 900),
    st.booleans(),
)
def test_any_bytes_anywhere(name: str, junk: bytes, at: int, cut: bool) -> None:
    files = {"model.safetensors": SAFE, "config.json": CONFIG, "README.md": CARD.encode(), "net.gguf": gguf_model()}
    data = files[name]
    files[name] = data[:at] + junk + (b"" if cut else data[at + len(junk) :])
    look(files, {"model.safetensors": SAFE})
    look({"model.safetensors": SAFE}, files)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=True) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=6,
)  # fmt: skip


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(
            "model_type architectures hidden_size num_hidden_layers vocab_size num_attention_heads head_dim num_key_value_heads torch_dtype dtype "
            "quantization_config text_config rope_scaling max_position_embeddings intermediate_size tie_word_embeddings num_local_experts".split()
        ),
        json_values, max_size=8,
    )
)  # fmt: skip
def test_any_configuration(config: dict[str, object]) -> None:
    values = {**json.loads(CONFIG), **config}
    look({"model.safetensors": SAFE, "config.json": json.dumps(values).encode(), "README.md": CARD.encode()})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(["adapter_config.json", "tokenizer.json", "vocab.json", "model.safetensors.index.json"]),
    json_values,
)
def test_any_json_beside(name: str, value: object) -> None:
    for document in (
        value,
        {
            "weight_map": value,
            "metadata": value,
            "model": value,
            "added_tokens": value,
            "r": value,
            "target_modules": value,
            "base_model_name_or_path": value,
        },
    ):
        look(
            {
                "model.safetensors": SAFE,
                "adapter_model.safetensors": SAFE,
                "config.json": CONFIG,
                name: json.dumps(document).encode(),
            }
        )


def test_a_header_that_says_more_than_there_is(tmp_path: Path) -> None:
    folder = llama(tmp_path / "net")
    for head in (struct.pack("<Q", 1 << 62), struct.pack("<Q", 99) + b"{", b"", struct.pack("<Q", 2) + b"[]"):
        (folder / "model.safetensors").write_bytes(head)
        found = examine(folder)
        assert found.report.verdict.outcome is not Outcome.ALLOW


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 50_000, '{"vocab_size": 1' + "0" * 5000 + "}", "\xff", '{"vocab_size": NaN}']
)
def test_configurations_that_no_reader_takes(tmp_path: Path, text: str) -> None:
    folder = llama(tmp_path / "net")
    (folder / "config.json").write_text(text, encoding="latin-1")
    assert examine(folder).document["unread"] or text.startswith('{"vocab_size": N')


def test_ten_thousand_claims_take_a_moment(tmp_path: Path) -> None:
    folder = llama(tmp_path / "net")
    (folder / "SHA256SUMS").write_text("\n".join(f"{i:064x}  file{i}" for i in range(12_000)))
    (folder / "README.md").write_text(
        "# x\n" + "\n".join(f"{i}B parameters, precision: bf16, {i:064x} model.safetensors" for i in range(5_000))
    )
    began = time.process_time()
    document = examine(folder).document
    assert len(document["claims"]) > 5_000
    assert time.process_time() - began < 20, "bounded, whatever the machine"


def test_cards_made_to_stall_an_expression() -> None:
    for piece in ("<!--", "{{", "[", "a.", "1,", "1 ", "parameters: ", "\n", "# x\n", "> ", "**", "sha256 ", " "):
        card = ("# Training data\n" + piece * 3_000) * 12
        began = time.process_time()
        look({"model.safetensors": SAFE, "README.md": card.encode()})
        assert time.process_time() - began < 10, piece


def test_names_of_ten_thousand_layers() -> None:
    tensors = {f"model.layers.{i}.self_attn.q_proj.weight": np.ones(1, np.float32) for i in range(10_000)}
    data = save(tensors)
    document = look({"model.safetensors": data, "config.json": CONFIG}, {"model.safetensors": data})
    assert len(document["base"]["layers"]) == 500  # type: ignore[index]


def test_a_scan_sees_the_rank_of_an_adapter(tmp_path: Path) -> None:
    """The price of one header; honest adapters give nothing."""
    for said, expected in ((8, set()), (64, {"MDL220"})):
        folder = adapter(tmp_path / str(said), said=said)
        reports = look_at_folder({path.name: path.read_bytes() for path in folder.iterdir()})
        found = set().union(*(ids(report) for report in reports.values()))
        assert found & {"MDL220"} == expected
        assert "CHK001" not in found


def test_nothing_is_executed_of_a_pickle(tmp_path: Path) -> None:
    folder = llama(tmp_path / "net")
    (folder / "pytorch_model.bin").write_bytes(b"cposix\nsystem\n(S'touch /tmp/assay-was-here'\ntR.")
    assert lies(examine(folder)) == []
    assert not Path("/tmp/assay-was-here").exists()


def test_values_are_read_in_blocks() -> None:
    """Tensors of more than one block, of odd length."""
    one = save({"a.weight": np.arange(1_100_001, dtype=np.float32).reshape(1, -1)})
    other = save({"a.weight": (np.arange(1_100_001, dtype=np.float32) * 1.0001).reshape(1, -1)})
    document = look({"model.safetensors": one}, {"model.safetensors": other})
    assert document["base"]["cosine"] > 0.999  # type: ignore[index]
    assert Bytes(one).size > 4_000_000
