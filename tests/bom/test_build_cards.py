"""`assay bom build`: cards and configurations, of people and of attackers."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assaymark import boms
from assaymark.bom.document import Bom, Place, Status
from assaymark.core.graph import EdgeKind
from tests.bom import made

HOSTILE = {
    "deep": "---\nbase_model: " + "[" * 5_000 + "]" * 5_000 + "\n---\n",
    "aliases": "---\na: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)) + "co2_eq_emissions: {a: *j}\ntags: *j\n---\n",
    "large": "---\nbase_model: org/a\n" + "x: y\n" * 2_100_000 + "---\n",
    "lists where texts belong": "---\nlicense: [[mit], {a: b}]\nbase_model: {a: {b: c}}\npipeline_tag: [a, b]\ndatasets: {x: 1}\nmodel-index: text\nco2_eq_emissions: [1]\n---\n",
    "itself": "---\nbase_model: .\ndatasets: [., '', /, '../..', ~]\n---\n",
    "no end": "---\nbase_model: org/a\n",
    "tags": "---\nbase_model: !!python/object/apply:os.system ['touch /tmp/no']\n---\n",
    "no text": "---\n\x00\x01\x02\n---\n",
    "recursive": "---\nmodel-index: &a [*a]\nco2_eq_emissions: &b {x: *b}\n---\n",
    "empty": "",
    "dashes": "---\n---\n",
    "headings": "# a\n" * 50_000 + "- **x:** y\n" * 5_000,
    "comment": "<!--" * 20_000,
}  # fmt: skip


def _folder(tmp_path: Path, card: str) -> Path:
    made.tensors(tmp_path / "model.safetensors", w=((2, 3), "float32"))
    made.write(tmp_path / "config.json", {"model_type": "bert"})
    made.write(tmp_path / "README.md", card)
    return tmp_path


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_cards_are_bounded(tmp_path: Path, name: str) -> None:
    started = time.process_time()
    bom = boms.build(_folder(tmp_path, HOSTILE[name]))
    assert bom.root.value("parameters") == 6
    json.loads(boms.render(bom, "json"))
    assert time.process_time() - started < 20
    assert all(r.source != r.target for r in bom.relations)


def test_a_card_that_cannot_be_read_is_a_gap(tmp_path: Path) -> None:
    for name in ("deep", "large"):
        bom = boms.build(_folder(tmp_path, HOSTILE[name]))
        assert (bom.subject, "card") in {(gap.ref, gap.what) for gap in bom.gaps}


@pytest.mark.parametrize("config", [
    [], "text", 5, None, {"architectures": "text"}, {"architectures": [1, None]}, {"model_type": ["a"], "architectures": ["A"]},
    {"model_type": "a", "num_hidden_layers": "many", "vocab_size": -1, "hidden_size": True},
    {"model_type": "a", "quantization_config": {"quant_method": 1, "bits": 0}}, {"model_type": "a", "quantization_config": []},
    {"model_type": "a", "text_config": [], "auto_map": "x", "_name_or_path": {"a": 1}},
    {"model_type": "a", "quantization_config": {"quant_method": "gptq", "bits": 0}},
])  # fmt: skip
def test_hostile_configurations(tmp_path: Path, config: object) -> None:
    folder = _folder(tmp_path, "")
    made.write(folder / "config.json", json.dumps(config))
    made.write(folder / "adapter_config.json", json.dumps(config))
    json.loads(boms.render(boms.build(folder), "json"))


@pytest.mark.parametrize("raw", ["[" * 100_000, '{"a": 1' + "0" * 5_000 + "}", "\xff", '{"model_type": NaN}', "{}x"])
def test_configurations_that_are_no_json(tmp_path: Path, raw: str) -> None:
    folder = _folder(tmp_path, "---\nbase_model: org/a\n---\n")
    made.write(folder / "config.json", raw.encode("latin-1"))
    json.loads(boms.render(boms.build(folder), "json"))


_YAML = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_KEYS = ("base_model", "datasets", "license", "model-index", "co2_eq_emissions", "tags", "language", "base_model_relation",
         "dataset_info", "library_name", "source_datasets")  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(card=st.dictionaries(st.sampled_from(_KEYS), _YAML, max_size=5), config=st.dictionaries(st.sampled_from(
    ("model_type", "architectures", "quantization_config", "_name_or_path", "base_model_name_or_path", "text_config", "peft_type")), _YAML, max_size=4))  # fmt: skip
def test_any_card_and_configuration_give_a_bom(
    tmp_path: Path, card: dict[str, object], config: dict[str, object]
) -> None:
    folder = _folder(tmp_path, f"---\n{json.dumps(card)}\n---\n# Uses\ntext\n")
    made.write(folder / "config.json", json.dumps(config))
    made.write(folder / "adapter_config.json", json.dumps(config))
    bom = boms.build(folder)
    text = boms.render(bom, "json")
    assert boms.render(boms.build(folder), "json") == text
    assert boms.render(bom, "text")


def test_facts_of_a_card_have_their_lines(tmp_path: Path) -> None:
    bom = boms.build(made.eight(tmp_path / "ft"))
    model = bom.root
    assert model.facts["task"].status is Status.DECLARED
    assert model.facts["tags"].value == ["sentiment"]
    assert model.facts["languages"].places == (Place("README.md", "line 4"),)
    assert model.facts["environmental"].value == {"emissions": 12.5}
    assert model.facts["supplier"].value == "Example Ltd"
    assert model.facts["intended_use"].value == "Reviews of films in English."
    assert model.text("training").startswith("Three epochs.")
    assert "evaluation" not in model.facts  # a template that nobody filled in says nothing
    assert model.value("metrics") == [
        {"type": "accuracy", "value": 0.93, "dataset": "rotten_tomatoes", "split": "test"}
    ]
    lines = made.CARD.split("\n")
    for name in ("intended_use", "training", "supplier"):
        number = int(model.facts[name].places[0].at.removeprefix("line "))
        assert {"intended_use": "Intended", "training": "Training", "supplier": "Developed"}[name] in lines[number - 1]


@pytest.mark.parametrize(("written", "expression"), [
    ("apache-2.0", "Apache-2.0"), ("MIT", "MIT"), ("cc-by-nc-4.0", "CC-BY-NC-4.0"), ("llama3", "LicenseRef-llama3"),
    ("https://creativecommons.org/licenses/by/4.0/", "CC-BY-4.0"), ("openrail", "LicenseRef-openrail"),
    ("a text of our own", "a text of our own"),
])  # fmt: skip
def test_licences_as_spdx_has_them(tmp_path: Path, written: str, expression: str) -> None:
    bom = boms.build(_folder(tmp_path, f"---\nlicense: {written}\n---\n"))
    assert bom.root.text("license") == expression


def test_a_licence_file_is_recognised(tmp_path: Path) -> None:
    made.write(
        tmp_path / "LICENSE",
        "                              Apache License\n                        Version 2.0, January 2004\n",
    )
    bom = boms.build(_folder(tmp_path, ""))
    assert (bom.root.value("license"), bom.root.facts["license"].status) == ("Apache-2.0", Status.INFERRED)


def _trained(bom: Bom) -> list[str]:
    return [r.target for r in bom.relations if r.kind is EdgeKind.TRAINED_ON]


def test_a_dataset_that_is_a_folder_here_is_that_folder(tmp_path: Path) -> None:
    made.write(tmp_path / "data/train.csv", "a,b\n1,2\n")
    bom = boms.build(_folder(tmp_path, "---\ndatasets: [./data, other/set]\n---\n"))
    assert _trained(bom) == ["data:data", "data:other/set"]
