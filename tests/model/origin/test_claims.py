"""Claims against bytes: what is honest is verified, each lie is found."""

import hashlib
import json
from pathlib import Path

import h5py
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

from assaymark.core.verdict import Outcome
from assaymark.model.origin.claims import Place
from assaymark.model.origin.licences import recognise
from assaymark.model.origin.sizes import labels, spoken
from tests.model.origin.makers import CARD, adapter, examine, gguf_model, ids, lies, llama, said

APACHE = "                                 Apache License\n                           Version 2.0, January 2004\n"


def honest(folder: Path) -> Path:
    llama(folder)
    (folder / "LICENSE").write_text(APACHE)
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {f"t{i}": i for i in range(96)}}}))
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  model.safetensors\n")
    return folder


def test_mdl241_good_an_honest_model_contradicts_nothing(tmp_path: Path) -> None:
    found = examine(honest(tmp_path / "net"))
    assert lies(found) == []
    assert found.report.findings == ()
    assert found.report.verdict.outcome is Outcome.ALLOW
    for about in (
        "dtype",
        "architecture",
        "layers",
        "vocabulary",
        "hidden size",
        "heads",
        "tokenizer",
        "licence",
        "tied embeddings",
    ):
        assert "verified" in {result for result, _ in said(found, about)}, about
    assert said(found, "digest of model.safetensors")[0][0] == "verified"


@pytest.mark.parametrize(
    ("config", "about"),
    [
        ({"num_hidden_layers": 7}, "layers"),
        ({"hidden_size": 128, "head_dim": 16}, "hidden size"),
        ({"vocab_size": 32000}, "vocabulary"),
        ({"num_attention_heads": 8, "head_dim": 32}, "heads"),
        ({"intermediate_size": 999}, "inner size"),
        ({"torch_dtype": "bfloat16"}, "dtype"),
        ({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}, "architecture"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "quantisation"),
    ],
)
def test_a_configuration_that_lies(tmp_path: Path, config: dict[str, object], about: str) -> None:
    assert about in lies(examine(llama(tmp_path / "net", **config)))


def test_mdl241_bad_another_architecture_is_denied(tmp_path: Path) -> None:
    found = examine(llama(tmp_path / "net", model_type="gpt2", architectures=["GPT2LMHeadModel"]))
    assert "MDL241" in ids(found)
    assert found.report.verdict.outcome is Outcome.DENY


def test_mdl242_bad_a_card_says_bf16(tmp_path: Path) -> None:
    found = examine(llama(tmp_path / "net", card=CARD.replace("- fp32", "- bf16")))
    assert lies(found) == ["dtype"]
    assert ids(found) == {"MDL242"}
    claim = next(c for c in found.document["claims"] if c["about"] == "dtype" and c["result"] == "contradicted")
    assert claim["by"] == [{"path": "README.md", "at": "line 4"}]
    assert claim["against"] == [{"path": "model.safetensors", "at": ""}]


def test_mdl242_good_the_type_is_that_of_most_values(tmp_path: Path) -> None:
    """Norms that stay in float32 are how models are kept."""
    folder = llama(tmp_path / "net", card=None)
    tensors = {"a.weight": np.ones((64, 64), np.float16), "a.norm": np.ones(64, np.float32)}
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "odd", "torch_dtype": "float16"}))
    assert "MDL242" not in ids(examine(folder))


def test_a_card_and_a_name_that_say_7b(tmp_path: Path) -> None:
    card = CARD.replace("# A net", "# Net 7B\n\nA model with 7 billion parameters.")
    found = examine(llama(tmp_path / "net-7B", card=card))
    assert {result for result, _ in said(found, "parameters")} == {"contradicted"}
    assert found.report.verdict.outcome is Outcome.DENY


def test_a_number_that_is_written_out_holds(tmp_path: Path) -> None:
    count = examine(llama(tmp_path / "net")).document["model"][0]["parameters"]
    card = CARD.replace("# A net", f"# A net\n\nIt has {count:,} parameters.")
    assert said(examine(llama(tmp_path / "net", card=card)), "parameters") == [("verified", f"{count:,}")]
    card = CARD.replace("# A net", f"# A net\n\n| Parameters | {2 * count:,} |\n|---|---|")
    found = examine(llama(tmp_path / "net", card=card))
    assert lies(found) == ["parameters"]
    assert found.report.verdict.outcome is Outcome.DENY


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("Llama-2-7b-hf", [7e9]), ("Qwen1.5-0.5B-Chat", [0.5e9]), ("stablelm-2-1_6b", [1.6e9]), ("m2m100_418M", [418e6]),
        ("Qwen3-30B-A3B", [30e9]), ("gemma-3n-E2B", []), ("CLIP-ViT-B-32-laion2B-s34B-b79K", []), ("bert-base-uncased", []),
        ("Mixtral-8x7B-v0.1", [56e9]), ("bloomz-7b1", []), ("llama-8bit", []), ("model 4-bit", []), ("gpt2", []),
    ],
)  # fmt: skip
def test_labels_in_names(text: str, sizes: list[float]) -> None:
    assert [stated.high for stated in labels(text, Place("x"))] == sizes


def test_what_is_said_of_other_models_is_no_claim(tmp_path: Path) -> None:
    for line in (
        "It was distilled from a teacher of 70B parameters.",
        "Better than models of 13B parameters.",
        "Sizes from 7B parameters to 70B parameters.",
    ):
        card = CARD.replace("# A net", f"# A net\n\n{line}")
        assert said(examine(llama(tmp_path / "net", card=card)), "parameters") == [], line
    assert list(spoken("4-bit, 8 heads, 12 layers", Place("x"))) == []


def test_experts_and_pipelines_are_not_called_liars(tmp_path: Path) -> None:
    found = examine(
        llama(
            tmp_path / "moe-0.01M-1M", card=CARD.replace("# A net", "# A net\n\nParameters: 20K"), num_local_experts=8
        )
    )
    assert said(found, "parameters")[0][0] == "unverifiable"


def test_mdl240_bad_a_digest_of_other_bytes(tmp_path: Path) -> None:
    folder = honest(tmp_path / "net")
    (folder / "SHA256SUMS").write_text(f"{'a' * 64}  model.safetensors\n{'b' * 64}  absent.bin\n")
    found = examine(folder)
    assert "MDL240" in ids(found)
    assert lies(found) == ["digest of model.safetensors"]
    assert said(found, "digest of absent.bin")[0][0] == "unverifiable"


def test_mdl240_good_a_digest_in_the_card(tmp_path: Path) -> None:
    folder = llama(tmp_path / "net")
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    (folder / "README.md").write_text(f"{CARD}\n| `model.safetensors` | `{digest}` |\n")
    found = examine(folder)
    assert said(found, "digest of model.safetensors") == [("verified", f"sha256:{digest}")]
    assert "MDL240" not in ids(found)


def test_what_the_hub_client_noted(tmp_path: Path) -> None:
    folder = llama(tmp_path / "net")
    notes = folder / ".cache" / "huggingface" / "download"
    notes.mkdir(parents=True)
    config = (folder / "config.json").read_bytes()
    blob = hashlib.sha1(b"blob %d\0" % len(config) + config).hexdigest()
    (notes / "config.json.metadata").write_text(f"{'c' * 40}\n{blob}\n1700000000.0\n")
    (notes / "model.safetensors.metadata").write_text(f"{'c' * 40}\n{'d' * 64}\n1700000000.0\n")
    found = examine(folder)
    assert said(found, "digest of config.json") == [("verified", f"git:{blob}")]
    assert lies(found) == ["digest of model.safetensors"]


def test_a_git_lfs_pointer_holds(tmp_path: Path) -> None:
    folder = llama(tmp_path / "net")
    (folder / "model.safetensors").write_text(
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 12\n"
    )
    found = examine(folder)
    assert "MDL247" in ids(found)
    assert found.report.verdict.outcome is Outcome.HOLD


def test_the_index_and_its_shards(tmp_path: Path) -> None:
    folder = llama(tmp_path / "net")
    (folder / "model.safetensors").unlink()
    parts = [{"a.weight": np.ones((8, 8), np.float32)}, {"b.weight": np.ones((8, 8), np.float32)}]
    for at, part in enumerate(parts, 1):
        save_file(part, folder / f"model-{at:05}-of-00002.safetensors")
    index = {
        "metadata": {"total_size": 512},
        "weight_map": {n: f"model-{at:05}-of-00002.safetensors" for at, p in enumerate(parts, 1) for n in p},
    }
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    found = examine(folder)
    assert said(found, "shards") == [("verified", "2")]
    assert said(found, "index")[0][0] == said(found, "total size")[0][0] == "verified"
    index["metadata"]["total_size"] = 99
    index["weight_map"]["c.weight"] = "model-00002-of-00002.safetensors"
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert {"index", "total size"} <= set(lies(examine(folder)))
    (folder / "model-00002-of-00002.safetensors").unlink()
    assert "shards" in lies(examine(folder))


def test_an_adapter(tmp_path: Path) -> None:
    found = examine(adapter(tmp_path / "good"))
    assert lies(found) == []
    assert said(found, "adapter rank") == [("verified", "8")]
    assert lies(examine(adapter(tmp_path / "rank", said=64))) == ["adapter rank"]
    assert lies(examine(adapter(tmp_path / "modules", modules="k_proj"))) == ["adapter modules"]


def test_card_and_adapter_name_two_bases(tmp_path: Path) -> None:
    folder = adapter(tmp_path / "net")
    (folder / "README.md").write_text("---\nbase_model: other/thing\n---\n# x\n")
    assert lies(examine(folder)) == ["base named"]
    (folder / "README.md").write_text("---\nbase_model: acme/base\n---\n# x\n")
    assert lies(examine(folder)) == []


def test_a_licence_that_is_another(tmp_path: Path) -> None:
    folder = llama(tmp_path / "net")
    (folder / "LICENSE").write_text(
        "LLAMA 2 COMMUNITY LICENSE AGREEMENT\nLlama 2 Version Release Date: July 18, 2023\n"
    )
    found = examine(folder)
    assert lies(found) == ["licence"]
    assert found.report.verdict.outcome is Outcome.DENY, "the text restricts what the field allows"
    assert (
        recognise(
            "MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining a copy\nof this software"
        )
        == "mit"
    )
    assert recognise("Do what you like.") == ""


def test_a_tokenizer_that_is_too_large(tmp_path: Path) -> None:
    folder = llama(tmp_path / "net")
    (folder / "vocab.txt").write_text("\n".join(f"t{i}" for i in range(97)) + "\n")
    assert lies(examine(folder)) == ["tokenizer"]


def test_positions_have_a_length(tmp_path: Path) -> None:
    folder = llama(tmp_path / "net", card=None)
    tensors = {
        "wte.weight": np.ones((96, 32), np.float32),
        "wpe.weight": np.ones((128, 32), np.float32),
        "h.0.attn.c_attn.weight": np.ones((32, 96), np.float32),
    }
    save_file(tensors, folder / "model.safetensors")
    config = {"model_type": "gpt2", "n_positions": 128, "vocab_size": 96, "n_embd": 32, "n_layer": 1, "n_head": 2}
    (folder / "config.json").write_text(json.dumps(config))
    assert said(examine(folder), "context length") == [("verified", "128")]
    (folder / "config.json").write_text(json.dumps(config | {"n_positions": 8192}))
    assert lies(examine(folder)) == ["context length"]


def test_a_context_that_only_the_card_has(tmp_path: Path) -> None:
    card = CARD + "\nContext length: 128k tokens\n"
    assert lies(examine(llama(tmp_path / "net", card=card))) == ["context length"]
    scaled = llama(tmp_path / "net", card=card, rope_scaling={"rope_type": "yarn", "factor": 64.0})
    assert lies(examine(scaled)) == []


def test_gguf_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "net-Q8_0.gguf"
    path.write_bytes(gguf_model(kind=8))
    found = examine(path)
    assert lies(found) == []
    assert {"layers", "hidden size", "quantisation"} <= {c["about"] for c in found.document["claims"]}
    for said_of, about in (
        ({"llama.block_count": 9}, "layers"),
        ({"general.size_label": "7B"}, "parameters"),
        ({"general.parameter_count": 7}, "parameters"),
        ({"general.file_type": 2}, "quantisation"),
    ):
        path.write_bytes(gguf_model(kind=0 if about == "quantisation" else 8, said=said_of))
        assert about in lies(examine(path)), said_of


def test_a_quantised_name_on_full_values(tmp_path: Path) -> None:
    path = tmp_path / "net.Q4_K_M.gguf"
    path.write_bytes(gguf_model(kind=1))
    assert lies(examine(path)) == ["quantisation"]


def test_gptq_with_its_bits(tmp_path: Path) -> None:
    def pack(tensors: dict[str, np.ndarray]) -> None:
        for name in [name for name in tensors if name.endswith("q_proj.weight")]:
            lead = name.removesuffix("weight")
            del tensors[name]
            tensors[f"{lead}qweight"] = np.ones((8, 64), np.float32)
            tensors[f"{lead}qzeros"] = np.ones((1, 8), np.float32)

    good = llama(tmp_path / "net", edit=pack, card=None, quantization_config={"quant_method": "gptq", "bits": 4})
    found = examine(good)
    assert said(found, "quantisation bits")[0][0] == "verified"
    bad = llama(tmp_path / "net", edit=pack, card=None, quantization_config={"quant_method": "gptq", "bits": 8})
    assert "quantisation bits" in lies(examine(bad))


def test_onnx_and_hdf5_are_counted(tmp_path: Path) -> None:
    weights = numpy_helper.from_array(np.ones((10, 20), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 10])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 20])], [weights],
    )  # fmt: skip
    onnx.save(helper.make_model(graph), tmp_path / "net.onnx")
    assert examine(tmp_path / "net.onnx").document["model"][0]["parameters"] == 200
    with h5py.File(tmp_path / "net.h5", "w") as file:
        file["dense/kernel"] = np.ones((4, 5), np.float32)
    assert examine(tmp_path / "net.h5").document["model"][0]["parameters"] == 20


def test_claims_of_the_user(tmp_path: Path) -> None:
    folder = llama(tmp_path / "net", card=None)
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    count = examine(folder).document["model"][0]["parameters"]
    wish = {
        "parameters": count,
        "dtype": "fp32",
        "layers": 2,
        "hidden_size": 64,
        "vocabulary_size": 96,
        "files": {"model.safetensors": f"sha256:{digest}"},
    }
    (tmp_path / "good.json").write_text(json.dumps(wish))
    found = examine(folder, claims=str(tmp_path / "good.json"))
    assert lies(found) == []
    assert sum(c["asked"] for c in found.document["claims"]) == 6
    assert found.report.verdict.outcome is Outcome.ALLOW
    (tmp_path / "bad.json").write_text(
        json.dumps({"parameters": "7B", "dtype": "bf16", "layers": 32, "files": {"x.bin": "a" * 64}})
    )
    found = examine(folder, claims=str(tmp_path / "bad.json"))
    assert lies(found) == ["digest of x.bin", "dtype", "layers", "parameters"]
    assert found.report.verdict.outcome is Outcome.DENY


def test_mdl247_bad_a_wish_that_nothing_tells(tmp_path: Path) -> None:
    (tmp_path / "wish.json").write_text(json.dumps({"context_length": 2048}))
    found = examine(llama(tmp_path / "net"), claims=str(tmp_path / "wish.json"))
    assert ids(found) == {"MDL247"}
    assert found.report.verdict.outcome is Outcome.HOLD


def test_mdl247_good_a_wish_that_is_told(tmp_path: Path) -> None:
    (tmp_path / "wish.json").write_text(
        json.dumps({"layers": 2, "architecture": "LlamaForCausalLM", "license": "apache-2.0"})
    )
    folder = honest(tmp_path / "net")
    found = examine(folder, claims=str(tmp_path / "wish.json"))
    assert found.report.verdict.outcome is Outcome.ALLOW
    assert ids(found) == set()


def test_nothing_to_look_at_holds(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    assert examine(tmp_path).report.verdict.outcome is Outcome.HOLD


def test_a_usage_example_is_no_claim(tmp_path: Path) -> None:
    """Which type one may load it in says nothing of the type that it is kept in; nor does the hub's own form."""
    code = '```python\nmodel = load("x", dtype="float16")\nprecision = "bf16"\n```\n<!-- precision: fp16\ndtype: bf16 -->\nMixed precision, bf16, was used.\n'
    found = examine(llama(tmp_path / "net", card=CARD + code))
    assert lies(found) == []
    found = examine(llama(tmp_path / "net", card=CARD.replace("- fp32", "- text") + "\n- **Tensor type:** BF16\n"))
    assert lies(found) == ["dtype"]
