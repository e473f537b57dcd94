"""`assay bom build`: what a model was made from."""

from pathlib import Path

from assaymark import boms
from assaymark.app import identify
from assaymark.bom.document import Bom, Relation, Status
from assaymark.core.graph import EdgeKind
from tests.bom import made

LORA = {
    "base_model__model__q_proj__lora_A__weight": ((2, 4), "float32"),
    "base_model__model__q_proj__lora_B__weight": ((4, 2), "float32"),
}


def bases(bom: Bom, source: str = "") -> list[Relation]:
    return [r for r in bom.relations if r.kind is EdgeKind.DESCENDANT_OF and r.source == (source or bom.subject)]


def _base(folder: Path) -> Path:
    made.tensors(folder / "model.safetensors", model__embed_tokens__weight=((10, 4), "float16"))
    made.write(folder / "config.json", {"model_type": "llama", "architectures": ["LlamaForCausalLM"]})
    return folder


def _adapter(folder: Path, base: str) -> Path:
    made.tensors(folder / "adapter_model.safetensors", **LORA)
    made.write(folder / "adapter_config.json", {
        "base_model_name_or_path": base, "peft_type": "LORA", "r": 2, "task_type": "CAUSAL_LM",
    })  # fmt: skip
    return folder


def test_an_adapter_and_its_base_in_one_tree(tmp_path: Path) -> None:
    _base(tmp_path / "both/base")
    _adapter(tmp_path / "both/adapter", "../base")
    bom = boms.build(tmp_path / "both")
    (base,) = bases(bom, "model:adapter")
    assert (base.target, base.how) == ("model:base", "adapter")
    assert bom.component("model:base").text("manifest") == str(identify(str(tmp_path / "both/base"))[0])
    assert bom.component("model:adapter").text("task") == "text-generation"


def test_a_base_in_the_folder_beside_has_its_real_digest(tmp_path: Path) -> None:
    _base(tmp_path / "base")
    bom = boms.build(_adapter(tmp_path / "adapter", "../base"))
    (base,) = bases(bom)
    found = bom.component(base.target)
    assert found.facts["manifest"].value == str(identify(str(tmp_path / "base"))[0])
    assert found.facts["manifest"].status is Status.OBSERVED


def test_paths_that_lead_further_are_not_followed(tmp_path: Path) -> None:
    _base(tmp_path / "base")
    _adapter(tmp_path / "a/b/adapter", "../../../base")
    bom = boms.build(tmp_path / "a/b/adapter")
    (base,) = bases(bom)
    assert "manifest" not in bom.component(base.target).facts
    assert (base.target, "digest") in {(gap.ref, gap.what) for gap in bom.gaps}
    (tmp_path / "link").symlink_to(tmp_path / "base")
    bom = boms.build(_adapter(tmp_path / "other", "../link"))
    assert "manifest" not in bom.component(bases(bom)[0].target).facts


def test_a_merge_has_all_its_parents(tmp_path: Path) -> None:
    _base(tmp_path)
    made.write(tmp_path / "mergekit_config.yml", "models:\n  - model: org/a@v1\n  - model: org/b+org/lora\nmerge_method: ties\nbase_model: org/base\n")  # fmt: skip
    found = bases(boms.build(tmp_path))
    assert {r.target: r.how for r in found} == {f"model:org/{name}": "merge" for name in ("a", "b", "lora", "base")}
    assert boms.build(tmp_path).component("model:org/a").text("version") == "v1"


def test_slices_and_mappings_of_mergekit(tmp_path: Path) -> None:
    _base(tmp_path)
    made.write(tmp_path / "mergekit_config.yml", "slices:\n- sources:\n  - model: {model: {path: org/a, revision: r1}}\n  - model: org/b\n")  # fmt: skip
    assert {r.target for r in bases(boms.build(tmp_path))} == {"model:org/a", "model:org/b"}


def test_two_bases_on_a_card_are_a_merge(tmp_path: Path) -> None:
    _base(tmp_path)
    made.write(tmp_path / "README.md", "---\nbase_model: [org/a, org/b]\n---\n")
    assert {r.how for r in bases(boms.build(tmp_path))} == {"merge"}


def test_the_relation_of_the_card_counts(tmp_path: Path) -> None:
    _base(tmp_path)
    made.write(tmp_path / "README.md", "---\nbase_model: org/a\nbase_model_relation: quantized\n---\n")
    assert [r.how for r in bases(boms.build(tmp_path))] == ["quantized"]


def test_weights_that_are_an_adapters_are_one_whatever_the_card_says(tmp_path: Path) -> None:
    _adapter(tmp_path / "x", "org/a")
    made.write(tmp_path / "x/README.md", "---\nbase_model: org/a\nbase_model_relation: finetune\n---\n")
    assert [r.how for r in bases(boms.build(tmp_path / "x"))] == ["adapter"]


def test_a_model_that_names_itself_has_no_such_base(tmp_path: Path) -> None:
    snapshot = made.cache(tmp_path / "hub")
    (snapshot / "README.md").write_text("---\nbase_model: acme/tiny\n---\n")
    bom = boms.build(snapshot)
    assert not bases(bom)
    assert (bom.subject, "base") in {(gap.ref, gap.what) for gap in bom.gaps}


def test_where_a_configuration_was_loaded_from_is_inferred(tmp_path: Path) -> None:
    _base(tmp_path / "ft")
    config = {"model_type": "bert", "architectures": ["BertModel"], "_name_or_path": "org/base"}
    made.write(tmp_path / "ft/config.json", config)
    (base,) = bases(boms.build(tmp_path / "ft"))
    assert (base.target, base.status) == ("model:org/base", Status.INFERRED)
    for own in ("/home/me/checkpoints/x", "./out", "org/ft", "", "checkpoint-500"):
        made.write(tmp_path / "ft/config.json", config | {"_name_or_path": own})
        assert not bases(boms.build(tmp_path / "ft")), own


def test_a_chain_of_models_in_one_tree(tmp_path: Path) -> None:
    for name, base in (("one", "org/zero"), ("two", "../one"), ("three", "two")):
        _base(tmp_path / "t" / name)
        made.write(tmp_path / "t" / name / "README.md", f"---\nbase_model: {base}\n---\n")
    bom = boms.build(tmp_path / "t")
    assert [bases(bom, f"model:{name}")[0].target for name in ("three", "two", "one")] == [
        "model:two",
        "model:one",
        "model:org/zero",
    ]


def test_unquantised_gguf_is_a_conversion(tmp_path: Path) -> None:
    rows = [("token_embd.weight", (256, 4), 1), ("output_norm.weight", (256,), 0)]
    made.gguf(tmp_path / "x.gguf", made.llama(**made.BASE) | {"general.file_type": 1}, rows)
    bom = boms.build(tmp_path)
    assert [r.how for r in bases(bom)] == ["conversion"]
    assert "quantization" not in bom.root.facts


def test_datasets_of_gguf_are_trained_on(tmp_path: Path) -> None:
    keys = {"general.dataset.count": 1, "general.dataset.0.name": "Set", "general.dataset.0.repo_url": "https://huggingface.co/datasets/o/set"}  # fmt: skip
    made.gguf(tmp_path / "x.gguf", made.llama(**keys), made.ROWS)
    bom = boms.build(tmp_path)
    assert [r.target for r in bom.relations if r.kind is EdgeKind.TRAINED_ON] == ["data:o/set"]
