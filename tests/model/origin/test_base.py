"""A model against its base."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from assaymark.core.errors import UsageError
from assaymark.core.verdict import Outcome
from tests.model.gguf_maker import gguf, row, text_pair
from tests.model.origin.makers import CARD, adapter, examine, ids, lies, llama, said

NAMED = CARD.replace("license: apache-2.0", "license: apache-2.0\nbase_model: acme/base")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return llama(tmp_path / "base")


def test_a_fine_tune(tmp_path: Path, base: Path) -> None:
    found = examine(llama(tmp_path / "net", noise=0.002, card=NAMED), base=str(base))
    kin = found.document["base"]
    assert kin["relation"] == "finetune"
    assert 0.99 < kin["cosine"] < 1
    assert kin["shares"]["close"] > 0.99
    assert {layer["layer"] for layer in kin["layers"]} == {"embed_tokens", "layers.0", "layers.1", "lm_head", "norm"}
    assert said(found, "base model")[0][0] == "verified"
    assert "MDL241" not in ids(found)


def test_another_model_under_the_name_of_a_fine_tune(tmp_path: Path, base: Path) -> None:
    found = examine(llama(tmp_path / "net", seed=7, card=NAMED), base=str(base))
    assert found.document["base"]["relation"] == "unrelated"
    assert lies(found) == ["base model"]
    assert found.report.verdict.outcome is Outcome.DENY


def test_a_copy_that_names_no_base(tmp_path: Path, base: Path) -> None:
    found = examine(llama(tmp_path / "net", card="# Mine\n\nTrained from scratch.\n"), base=str(base))
    assert found.document["base"]["relation"] == "copy"
    assert {"undeclared base", "training"} <= set(lies(found))
    assert found.report.verdict.outcome is Outcome.DENY


def test_layers_that_were_frozen(tmp_path: Path, base: Path) -> None:
    def tune(tensors: dict[str, np.ndarray]) -> None:
        for name in [name for name, value in tensors.items() if ".layers.1." in name and value.ndim > 1]:
            noise = np.random.default_rng(5).standard_normal(tensors[name].shape)
            tensors[name] += noise.astype(np.float32) * 0.003

    kin = examine(llama(tmp_path / "net", edit=tune, card=NAMED), base=str(base)).document["base"]
    by_layer = {layer["layer"]: layer for layer in kin["layers"]}
    assert by_layer["layers.0"]["close"] == by_layer["layers.0"]["different"] == 0
    assert by_layer["layers.1"]["close"] > 0
    assert kin["relation"] == "finetune"


def test_a_conversion_to_another_type(tmp_path: Path, base: Path) -> None:
    kin = examine(llama(tmp_path / "net", dtype=np.float16, card=NAMED), base=str(base)).document["base"]
    assert kin["relation"] == "conversion"


def test_new_tokens_and_a_new_head(tmp_path: Path, base: Path) -> None:
    def grow(tensors: dict[str, np.ndarray]) -> None:
        tensors["model.embed_tokens.weight"] = np.vstack(
            [tensors["model.embed_tokens.weight"], np.zeros((4, 64), np.float32)]
        )
        del tensors["lm_head.weight"]
        tensors["score.weight"] = np.ones((3, 64), np.float32)

    kin = examine(llama(tmp_path / "net", edit=grow, card=NAMED), base=str(base)).document["base"]
    assert kin["relation"] == "finetune"
    assert kin["resized"] == ["model.embed_tokens.weight"]
    assert kin["new"] == ["score.weight"]
    assert kin["dropped"] == 1


def test_names_without_the_lead(tmp_path: Path, base: Path) -> None:
    folder = tmp_path / "net"
    folder.mkdir()
    save_file(
        {name.removeprefix("model."): value for name, value in load_file(base / "model.safetensors").items()},
        folder / "model.safetensors",
    )
    assert examine(folder, base=str(base)).document["base"]["relation"] == "copy"


def test_an_adapter_and_its_base(tmp_path: Path, base: Path) -> None:
    kin = examine(adapter(tmp_path / "net"), base=str(base)).document["base"]
    assert kin["relation"] == "fits"
    found = examine(adapter(tmp_path / "wide", hidden=128), base=str(base))
    assert found.document["base"]["relation"] == "unrelated"
    assert found.report.verdict.outcome is Outcome.DENY


def test_a_quantised_gguf_of_the_base(tmp_path: Path, base: Path) -> None:
    """Q8_0 is unpacked; queries and keys lie in another order there and are left out."""
    theirs = load_file(base / "model.safetensors")
    names = {"token_embd.weight": "model.embed_tokens.weight", "output.weight": "lm_head.weight"}
    for number in range(2):
        for ours, other in (
            ("ffn_gate", "mlp.gate_proj"),
            ("ffn_up", "mlp.up_proj"),
            ("ffn_down", "mlp.down_proj"),
            ("attn_v", "self_attn.v_proj"),
            ("attn_q", "self_attn.q_proj"),
        ):
            names[f"blk.{number}.{ours}.weight"] = f"model.layers.{number}.{other}.weight"
    rows, data = [], b""
    for ours, other in names.items():
        value = theirs[other]
        rows.append(row(ours, value.shape[::-1], 8, len(data)))
        data += _q8(value)
        data += bytes(-len(data) % 32)
    path = tmp_path / "net-Q8_0.gguf"
    path.write_bytes(gguf([text_pair("general.architecture", "llama")], rows, data))
    found = examine(path, base=str(base))
    assert found.document["base"]["relation"] == "quantized"
    assert found.document["base"]["cosine"] > 0.999


def _q8(value: np.ndarray) -> bytes:
    blocks = value.reshape(-1, 32)
    scale = (np.abs(blocks).max(1, keepdims=True) / 127).astype(np.float16)
    packed = np.round(blocks / scale.astype(np.float32)).astype(np.int8)
    return np.concatenate([scale.view(np.int8), packed], axis=1).tobytes()


def test_values_that_are_no_numbers(tmp_path: Path, base: Path) -> None:
    def spoil(tensors: dict[str, np.ndarray]) -> None:
        for value in tensors.values():
            value[...] = np.nan

    found = examine(llama(tmp_path / "net", edit=spoil, card=NAMED), base=str(base))
    assert found.document["base"]["relation"] == "unrelated"


def test_the_relation_that_the_card_names(tmp_path: Path, base: Path) -> None:
    card = NAMED.replace("license:", "base_model_relation: quantized\nlicense:")
    assert lies(examine(llama(tmp_path / "net", noise=0.002, card=card), base=str(base))) == ["relation to base"]
    card = NAMED.replace("license:", "base_model_relation: finetune\nlicense:")
    assert lies(examine(llama(tmp_path / "net", noise=0.002, card=card), base=str(base))) == []


def test_mdl243_bad_the_base_s_card(tmp_path: Path) -> None:
    long = CARD + "\n".join(f"Sentence number {number} of this long card." for number in range(20))
    base = llama(tmp_path / "base", card=long)
    found = examine(
        llama(tmp_path / "net", noise=0.002, card=long.replace("license:", "base_model: acme/base\nlicense:")),
        base=str(base),
    )
    assert lies(found) == ["card"]
    assert ids(found) == {"MDL243"}


def test_mdl243_good_a_card_of_its_own(tmp_path: Path, base: Path) -> None:
    card = "---\nbase_model: acme/base\n---\n# Mine\n" + "\n".join(
        f"Another sentence number {number}." for number in range(20)
    )
    assert "MDL243" not in ids(examine(llama(tmp_path / "net", noise=0.002, card=card), base=str(base)))


def test_a_merge_is_told_by_what_is_said_of_it(tmp_path: Path, base: Path) -> None:
    card = CARD.replace("license:", "base_model:\n- acme/base\n- acme/other\nlicense:")
    found = examine(llama(tmp_path / "net", noise=0.002, card=card), base=str(base))
    assert found.document["base"]["relation"] == "merge"
    claims = {c["says"]: c["result"] for c in found.document["claims"] if c["about"] == "base model"}
    assert claims == {"acme/base": "verified", "acme/other": "unverifiable"}


def test_a_base_without_tensors_is_refused(tmp_path: Path, base: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "README.md").write_text("# x")
    with pytest.raises(UsageError, match="no tensors"):
        examine(base, base=str(tmp_path / "empty"))
