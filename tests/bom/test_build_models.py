"""`assay bom build`: what weights, configurations and layouts say of a model."""

import hashlib
import json
from pathlib import Path

import h5py
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from assaymark import boms
from assaymark.app import identify
from assaymark.bom.document import Bom, Component, Place, Relation, Status
from assaymark.core.errors import UsageError
from assaymark.core.graph import EdgeKind, NodeKind
from tests.bom import made


def fact(component: Component, name: str) -> tuple[object, Status]:
    """Value and status."""
    found = component.facts[name]
    return found.value, found.status


def edges(bom: Bom, kind: EdgeKind, source: str | None = None) -> list[Relation]:
    """Relations of a kind from the subject, or from another component."""
    return [r for r in bom.relations if r.kind is kind and r.source == (source or bom.subject)]


def test_the_eight_files_that_three_tools_get_wrong(tmp_path: Path) -> None:
    bom = boms.build(made.eight(tmp_path / "ft"))
    model = bom.root
    assert model.kind is NodeKind.MODEL
    assert fact(model, "name") == ("sentiment-ft", Status.DECLARED)  # and not bert-base-uncased
    assert fact(model, "architecture") == ("BertForSequenceClassification", Status.DECLARED)
    assert fact(model, "parameters") == (30 * 8 + 64 + 64, Status.OBSERVED)
    assert fact(model, "dtype") == ("F32", Status.VERIFIED)
    assert fact(model, "layers") == (2, Status.VERIFIED)
    assert fact(model, "vocabulary_size") == (30, Status.VERIFIED)
    assert fact(model, "hidden_size") == (8, Status.VERIFIED)
    assert fact(model, "heads") == (2, Status.DECLARED)
    assert fact(model, "license") == ("Apache-2.0", Status.DECLARED)
    assert model.facts["license"].places == (Place("README.md", "line 2"),)
    assert model.facts["heads"].places == (Place("config.json", "/num_attention_heads"),)
    assert fact(model, "manifest") == (str(identify(str(tmp_path / "ft"))[0]), Status.OBSERVED)
    assert "purl" not in model.facts
    assert model.facts["version"].status is Status.UNKNOWN
    (file,) = (r for r in edges(bom, EdgeKind.CONTAINS) if bom.component(r.target).kind is NodeKind.FILE)
    weights = bom.component(file.target)
    digest = hashlib.sha256((tmp_path / "ft/model.safetensors").read_bytes()).hexdigest()
    assert fact(weights, "sha256") == (digest, Status.OBSERVED)
    assert weights.value("size") == (tmp_path / "ft/model.safetensors").stat().st_size
    (base,) = edges(bom, EdgeKind.DESCENDANT_OF)
    assert base.how == "finetune"  # whole weights beside an adapter's settings
    assert bom.component(base.target).name == "bert-base-uncased"
    assert bom.component(base.target).text("version").startswith("86b5e0934494")
    assert {p.path for p in base.places} == {"README.md", "adapter_config.json"}
    trained = edges(bom, EdgeKind.TRAINED_ON)
    assert "data:imdb" in {r.target for r in trained}
    assert not edges(bom, EdgeKind.TRAINED_ON, base.target)  # the data is this model's, not its base's
    (tested,) = edges(bom, EdgeKind.TESTED_ON)
    assert bom.component(tested.target).text("version") == "5b3f0d7"
    assert {gap.what for gap in bom.gaps if gap.ref == base.target} >= {"digest", "license", "supplier"}
    assert all(gap.step for gap in bom.gaps if gap.ref == bom.subject)


def test_the_shape_of_spdx_own_example(tmp_path: Path) -> None:
    made.fasttext(tmp_path / "ex/model.bin")
    made.write(tmp_path / "ex/data/train.txt", "__label__a one\n__label__b two\n")
    made.write(tmp_path / "ex/data/valid.txt", "__label__a three\n")
    made.write(tmp_path / "ex/train.py", "import fasttext\nfasttext.train_supervised(input='data/train.txt')\n")
    made.write(tmp_path / "ex/requirements.txt", "fasttext==0.9.2\n")
    bom = boms.build(tmp_path / "ex")
    assert bom.root.name == "ex"
    assert fact(bom.root, "format") == ("fasttext", Status.OBSERVED)
    assert fact(bom.root, "architecture") == ("fastText supervised", Status.OBSERVED)
    assert bom.root.value("hyperparameters")["loss"] == "softmax"
    train = bom.component("data:data/train.txt")
    assert fact(train, "rows") == (2, Status.OBSERVED)
    assert len(train.hashes["sha256"]) == 64
    assert bom.component("data:data").text("manifest").startswith("assaymark-manifest")


def test_onnx_has_producer_inputs_and_outputs(tmp_path: Path) -> None:
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2])]
    graph = helper.make_graph(
        [node], "net", inputs, outputs, [numpy_helper.from_array(np.zeros((3, 2), "float32"), "w")]
    )
    onnx.save(helper.make_model(graph, producer_name="pytorch", producer_version="2.3.0"), tmp_path / "net.onnx")
    bom = boms.build(tmp_path / "net.onnx")
    assert bom.root.name == "net"
    assert fact(bom.root, "framework") == ("pytorch 2.3.0", Status.OBSERVED)
    assert bom.root.value("inputs") == [{"name": "x", "dtype": "F32", "shape": ["batch", 3]}]
    assert bom.root.value("outputs") == [{"name": "y", "dtype": "F32", "shape": ["batch", 2]}]
    assert bom.root.value("parameters") == 6
    assert bom.root.text("sha256") == hashlib.sha256((tmp_path / "net.onnx").read_bytes()).hexdigest()


def test_keras_hdf5_counts_every_dataset(tmp_path: Path) -> None:
    config = {
        "class_name": "Sequential",
        "config": {"name": "s", "layers": [{"config": {"batch_input_shape": [None, 4]}}]},
    }
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["keras_version"] = "2.15.0"
        file.attrs["model_config"] = json.dumps(config)
        file.create_dataset("model_weights/dense/kernel:0", data=np.zeros((4, 2), "float32"))
        file.create_dataset("model_weights/dense/bias:0", data=np.zeros(2, "float32"))
        file.create_dataset("optimizer_weights/m:0", data=np.zeros((4, 2), "float32"))
    model = boms.build(tmp_path).root
    assert fact(model, "parameters") == (10, Status.OBSERVED)
    assert fact(model, "architecture") == ("Sequential", Status.OBSERVED)
    assert fact(model, "framework") == ("keras 2.15.0", Status.OBSERVED)
    assert model.value("inputs") == [{"name": "input", "shape": [None, 4]}]


def test_hdf5_of_a_table_is_no_model(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "table.h5", "w") as file:
        file.create_dataset("x", data=np.zeros((4, 2), "float32"))
    assert boms.build(tmp_path).root.kind is NodeKind.FILE


@pytest.mark.parametrize("name", ["clf.joblib", "models/clf.pkl"])
@pytest.mark.parametrize("compress", [0, 3])
def test_the_class_of_an_estimator_and_its_settings(tmp_path: Path, name: str, compress: int) -> None:
    made.estimator(tmp_path / "repo" / name, compress)
    model = boms.build(tmp_path / "repo").root
    assert fact(model, "architecture") == ("LogisticRegression", Status.OBSERVED)
    assert model.text("framework").startswith("scikit-learn ")
    assert model.value("hyperparameters")["C"] == 2.0
    assert fact(model, "task") == ("tabular-classification", Status.INFERRED)
    assert fact(model, "runs_code") == (True, Status.OBSERVED)
    assert model.name == "repo"


def test_a_torch_checkpoint_by_hand(tmp_path: Path) -> None:
    made.torch_zip(tmp_path / "net.pt", weight=(4, 3), bias=(4,))
    model = boms.build(tmp_path).root
    assert fact(model, "format") == ("torch", Status.OBSERVED)
    assert fact(model, "parameters") == (16, Status.OBSERVED)
    assert fact(model, "framework") == ("pytorch", Status.OBSERVED)


def test_a_pickle_of_arrays_is_data(tmp_path: Path) -> None:
    made.arrays(tmp_path / "arrays.pkl")
    assert boms.build(tmp_path).root.kind is NodeKind.FILE


def test_gguf_keys_and_types(tmp_path: Path) -> None:
    made.gguf(
        tmp_path / "m/Meta-Llama-3-8B.Q4_K_M.gguf", made.llama(**made.BASE, **{"general.license": "llama3"}), made.ROWS
    )
    bom = boms.build(tmp_path / "m")
    model = bom.root
    assert model.name == "Meta-Llama-3-8B.Q4_K_M"  # general.name is what the base is called
    assert model.value("quantization")["type"] == "Q4_K_M"
    assert model.value("quantization")["tensors"] == {"Q4_K": 2048}
    assert fact(model, "family") == ("llama", Status.OBSERVED)
    assert fact(model, "context_length") == (8192, Status.OBSERVED)
    assert fact(model, "vocabulary_size") == (30, Status.OBSERVED)
    assert fact(model, "dtype") == ("Q4_K", Status.OBSERVED)
    assert fact(model, "license") == ("LicenseRef-llama3", Status.DECLARED)
    (base,) = edges(bom, EdgeKind.DESCENDANT_OF)
    assert (base.target, base.how) == ("model:meta-llama/Meta-Llama-3-8B", "quantized")


def test_general_name_counts_where_it_is_not_the_base(tmp_path: Path) -> None:
    made.gguf(tmp_path / "x.gguf", made.llama(**made.BASE) | {"general.name": "Fraud Screener"}, made.ROWS)
    assert boms.build(tmp_path).root.name == "Fraud Screener"


def test_each_quantisation_of_a_folder_is_a_model(tmp_path: Path) -> None:
    for name in ("a.Q4_K_M.gguf", "a.Q8_0.gguf"):
        made.gguf(tmp_path / "q" / name, made.llama(**made.BASE), made.ROWS)
    bom = boms.build(tmp_path / "q")
    assert sorted(bom.component(r.target).name for r in edges(bom, EdgeKind.CONTAINS)) == ["a.Q4_K_M", "a.Q8_0"]


def test_shards_are_one_model(tmp_path: Path) -> None:
    for number in (1, 2):
        made.tensors(tmp_path / f"model-0000{number}-of-00002.safetensors", **{f"w{number}": ((2, 3), "float16")})
    made.write(
        tmp_path / "config.json",
        {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "torch_dtype": "bfloat16"},
    )
    made.write(tmp_path / "model.safetensors.index.json", {"weight_map": {}})
    model = boms.build(tmp_path).root
    assert model.value("parameters") == 12
    assert model.value("dtypes") == {"F16": 12}
    assert fact(model, "dtype") == ("F16", Status.OBSERVED)
    assert "BF16" in model.facts["dtype"].note  # what is declared is not lost


def test_copies_in_other_formats_are_not_counted_twice(tmp_path: Path) -> None:
    made.tensors(tmp_path / "model.safetensors", w=((2, 3), "float32"))
    made.tensors(tmp_path / "model.fp16.safetensors", w=((2, 3), "float16"))
    made.torch_zip(tmp_path / "pytorch_model.bin", w=(2, 3))
    made.write(tmp_path / "config.json", {"model_type": "bert"})
    bom = boms.build(tmp_path)
    assert bom.root.value("parameters") == 6
    assert len([r for r in edges(bom, EdgeKind.CONTAINS) if r.target.startswith("file:")]) == 3


def test_gptq_is_declared_and_its_integers_agree(tmp_path: Path) -> None:
    made.tensors(
        tmp_path / "model.safetensors",
        layer__qweight=((8, 16), "int32"),
        layer__scales=((1, 16), "float16"),
        norm__weight=((16,), "float16"),
    )
    made.write(tmp_path / "config.json", {
        "model_type": "llama", "quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128},
    })  # fmt: skip
    model = boms.build(tmp_path).root
    assert fact(model, "quantization") == ({"method": "gptq", "bits": 4, "group_size": 128}, Status.VERIFIED)
    assert fact(model, "parameters") == (8 * 16 * 8 + 16, Status.INFERRED)


def test_a_quantisation_without_packed_tensors_is_only_declared(tmp_path: Path) -> None:
    made.tensors(tmp_path / "model.safetensors", w=((2, 3), "float32"))
    made.write(
        tmp_path / "config.json", {"model_type": "llama", "quantization_config": {"quant_method": "awq", "bits": 4}}
    )
    assert boms.build(tmp_path).root.facts["quantization"].status is Status.DECLARED


def test_several_models_of_one_repository(tmp_path: Path) -> None:
    made.estimator(tmp_path / "repo/models/fraud.pkl")
    made.estimator(tmp_path / "repo/models/churn.pkl")
    bom = boms.build(tmp_path / "repo")
    assert (bom.subject, bom.root.kind, bom.root.name) == ("model:.", NodeKind.MODEL, "repo")
    assert sorted(bom.component(r.target).name for r in edges(bom, EdgeKind.CONTAINS)) == ["churn", "fraud"]


def test_an_empty_folder_and_a_library(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    made.write(tmp_path / "lib/pyproject.toml", '[project]\nname = "lib"\nversion = "1"\n')
    for name in ("empty", "lib"):
        bom = boms.build(tmp_path / name)
        assert (bom.root.kind, bom.root.name) == (NodeKind.FILE, name)
        assert "models" in {gap.what for gap in bom.gaps}


def test_a_snapshot_of_a_cache_has_a_purl(tmp_path: Path) -> None:
    snapshot = made.cache(tmp_path / "hub")
    for path in (snapshot, tmp_path / "hub", tmp_path / "hub/models--acme--tiny"):
        bom = boms.build(path)
        assert bom.root.text("purl") == f"pkg:huggingface/acme/tiny@{made.COMMIT}"
        assert bom.root.name == "acme/tiny"
        assert not edges(bom, EdgeKind.DESCENDANT_OF)  # _name_or_path is its own name


def test_notes_of_the_downloader_are_held_against_the_bytes(tmp_path: Path) -> None:
    made.tensors(tmp_path / "model.safetensors", w=((2, 3), "float32"))
    made.write(tmp_path / "config.json", {"model_type": "bert"})
    digest = hashlib.sha256((tmp_path / "model.safetensors").read_bytes()).hexdigest()
    note = tmp_path / ".cache/huggingface/download/model.safetensors.metadata"
    made.write(note, f"{made.COMMIT}\n{digest}\n1700000000.0\n")
    bom = boms.build(tmp_path)
    assert fact(bom.root, "revision") == (made.COMMIT, Status.DECLARED)
    assert "purl" not in bom.root.facts  # nothing says of which repository
    assert fact(bom.component("file:model.safetensors"), "sha256") == (digest, Status.VERIFIED)
    made.write(note, f"{made.COMMIT}\n{'0' * 64}\n1700000000.0\n")
    bom = boms.build(tmp_path)
    assert fact(bom.component("file:model.safetensors"), "sha256") == (digest, Status.OBSERVED)
    assert ("file:model.safetensors", "sha256") in {(gap.ref, gap.what) for gap in bom.gaps}


def test_a_pointer_of_git_lfs_declares_a_digest(tmp_path: Path) -> None:
    made.write(tmp_path / "config.json", {"model_type": "bert"})
    made.write(
        tmp_path / "model.safetensors",
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{'d' * 64}\nsize 123456\n",
    )
    bom = boms.build(tmp_path)
    file = bom.component("file:model.safetensors")
    assert fact(file, "sha256") == ("d" * 64, Status.DECLARED)
    assert fact(file, "size") == (123456, Status.DECLARED)
    assert ("file:model.safetensors", "content") in {(gap.ref, gap.what) for gap in bom.gaps}


def test_a_broken_header_is_a_gap_and_the_rest_goes_on(tmp_path: Path) -> None:
    made.write(tmp_path / "model.safetensors", (50).to_bytes(8, "little") + b'{"a":')
    made.write(tmp_path / "config.json", {"model_type": "bert", "num_hidden_layers": 2})
    bom = boms.build(tmp_path)
    assert bom.root.value("layers") == 2
    assert ("file:model.safetensors", "header") in {(gap.ref, gap.what) for gap in bom.gaps}


def test_the_same_bytes_give_the_same_bom_wherever_they_lie(tmp_path: Path) -> None:
    one = boms.render(boms.build(made.eight(tmp_path / "a/ft")), "json")
    other = boms.render(boms.build(made.eight(tmp_path / "b/c/ft")), "json")
    assert one == other


def test_what_is_asked_for_must_make_sense(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        boms.build(tmp_path / "none")
    with pytest.raises(UsageError, match="no moment"):
        boms.build(tmp_path, at="yesterday")
    with pytest.raises(UsageError, match="no format"):
        boms.render(boms.build(tmp_path), "csv")


def test_a_pipeline_of_diffusers_is_one_model(tmp_path: Path) -> None:
    made.write(
        tmp_path / "model_index.json", {"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.30.0"}
    )
    for part in ("unet", "vae"):
        made.write(tmp_path / part / "config.json", {"_class_name": "UNet2DConditionModel"})
        made.tensors(tmp_path / part / "diffusion_pytorch_model.safetensors", w=((2, 3), "float32"))
    bom = boms.build(tmp_path)
    assert fact(bom.root, "architecture") == ("StableDiffusionPipeline", Status.DECLARED)
    assert fact(bom.root, "parameters") == (12, Status.OBSERVED)
    assert bom.root.text("framework") == "diffusers 0.30.0"


def test_modules_of_sentence_transformers_are_one_model(tmp_path: Path) -> None:
    made.write(tmp_path / "modules.json", json.dumps([{"idx": 0, "type": "sentence_transformers.models.Transformer"}]))
    made.write(tmp_path / "config.json", {"model_type": "bert", "architectures": ["BertModel"]})
    made.tensors(tmp_path / "model.safetensors", w=((2, 3), "float32"))
    made.write(tmp_path / "2_Dense/config.json", {"in_features": 3})
    made.tensors(tmp_path / "2_Dense/model.safetensors", linear__weight=((3, 3), "float32"))
    assert boms.build(tmp_path).root.value("parameters") == 15


def test_external_data_of_onnx_belongs_to_the_model(tmp_path: Path) -> None:
    weights = numpy_helper.from_array(np.zeros((300, 200), "float32"), "w")
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph(
        [node], "net", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 300])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 200])], [weights],
    )  # fmt: skip
    onnx.save(helper.make_model(graph), tmp_path / "net.onnx", save_as_external_data=True, location="values.dat")
    bom = boms.build(tmp_path)
    assert bom.root.value("parameters") == 60_000
    assert {r.target for r in edges(bom, EdgeKind.CONTAINS)} >= {"file:net.onnx", "file:values.dat"}


def test_an_optimiser_is_no_model(tmp_path: Path) -> None:
    made.torch_zip(tmp_path / "checkpoint/model.pt", weight=(2, 2))
    made.torch_zip(tmp_path / "checkpoint/optimizer.pt", state=(2, 2))
    assert boms.build(tmp_path).root.value("parameters") == 4


def test_boosted_trees_of_lightgbm(tmp_path: Path) -> None:
    for path in sorted((Path(__file__).parents[1] / "model/real/boosters").glob("bin.txt*")):
        made.write(tmp_path / "model.txt", path.read_bytes())
    model = boms.build(tmp_path).root
    assert fact(model, "architecture") == ("LightGBM booster", Status.OBSERVED)
    assert model.value("hyperparameters")["trees"] > 0


def test_the_card_at_the_top_is_that_of_the_only_model_below(tmp_path: Path) -> None:
    made.estimator(tmp_path / "models/clf.joblib")
    made.write(tmp_path / "README.md", "# Fraud\n\n## Intended use\n\nCards of banks.\n")
    made.write(tmp_path / "LICENSE", "Permission is hereby granted, free of charge, to any person obtaining a copy\n")
    model = boms.build(tmp_path).root
    assert model.text("intended_use") == "Cards of banks."
    assert fact(model, "license") == ("MIT", Status.INFERRED)


def test_names_outside_of_ascii_do_not_become_one(tmp_path: Path) -> None:
    made.write(tmp_path / "data/数据.csv", "a\n1\n")
    made.write(tmp_path / "data/データ.csv", "a\n2\n")
    bom = boms.build(tmp_path)
    assert {"数据.csv", "データ.csv"} <= {c.name for c in bom.components}
