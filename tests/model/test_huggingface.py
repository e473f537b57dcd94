"""Model folders as Hugging Face libraries read them: configurations, indexes and templates."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ids, look_at, look_at_folder, severe
from tests.model.repositories import (
    AUTO,
    BERT,
    all_ids,
    all_severe,
    bert,
    diffusion_pipeline,
    dump,
    llama_with_adapter,
    safetensors,
    sentence_transformer,
)


@pytest.mark.parametrize("make", [bert, llama_with_adapter, sentence_transformer, diffusion_pipeline])
def test_typical_repositories_are_quiet(make) -> None:
    contents = make()
    assert not all_severe(look_at_folder(contents))
    for name, data in contents.items():
        assert not severe(look_at(data, name))


@pytest.mark.parametrize(
    "value",
    [
        {"trust_remote_code": True},
        {"model_args": {"trust_remote_code": True}},
        {"_attn_implementation_internal": "someone/kernel"},
        {"text_config": {"_attn_implementation_internal": "someone/kernel@v1:fn"}},
        {"attn_implementation": "kernels-community/flash-attn"},
        {"attn_implementation": {"text": "a/b"}},
        {"attn_implementation": "paged|a/b"},
    ],
)
def test_mdl103_bad_settings(value: object) -> None:
    assert all_ids(look_at_folder({"config.json": dump(value)})) - {"MDL111"} == {"MDL103"}


def test_mdl103_good_settings() -> None:
    value = {
        "trust_remote_code": False,
        "_attn_implementation": "sdpa",
        "attn_implementation": "flash_attention_2",
        "_attn_implementation_internal": None,
    }
    assert not look_at_folder({"config.json": dump(value)})


@pytest.mark.parametrize(
    "path", ["../other/model.safetensors", "/etc/passwd", "a/../../b", "C:\\x.bin", "..\\x.bin", "http://h/x.bin"]
)
def test_mdl104_bad_paths(path: str) -> None:
    index = {"metadata": {}, "weight_map": {"a": "model-1.safetensors", "b": path}}
    assert all_ids(look_at_folder({"model.safetensors.index.json": dump(index)})) == {"MDL104"}
    assert "MDL104" in all_ids(
        look_at_folder({"modules.json": dump([{"path": path, "type": "sentence_transformers.models.Pooling"}])})
    )


def test_mdl104_good_paths() -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "sub/x..y.safetensors"}}
    assert not look_at_folder({"model.safetensors.index.json": dump(index)})


def test_mdl105_bad_pickle_beside_safetensors() -> None:
    reports = look_at_folder({"pytorch_model.bin": b"x", "model.safetensors": safetensors(), "config.json": dump(BERT)})
    assert ids(reports["pytorch_model.bin"]) == {"MDL105"}
    assert not all_severe(reports)


def test_mdl105_good_training_state() -> None:
    assert not look_at_folder({"optimizer.pt": b"x", "training_args.bin": b"x", "model.safetensors": safetensors()})


def test_mdl106_bad_foreign_package() -> None:
    modules = [{"path": "", "type": "evil_package.Transformer"}]
    reports = look_at_folder({"modules.json": dump(modules)})
    assert ids(reports["modules.json"]) == {"MDL106", "MDL111"}
    assert any(f.holds for f in reports["modules.json"].findings)
    index = {"_class_name": "StableDiffusionPipeline", "unet": ["evil", "UNet"]}
    assert "MDL106" in all_ids(look_at_folder({"model_index.json": dump(index)}))
    adapter = {"auto_mapping": {"base_model_class": "M", "parent_library": "evil.models"}}
    assert "MDL106" in all_ids(look_at_folder({"adapter_config.json": dump(adapter)}))


def test_mdl106_good_library_packages() -> None:
    assert not all_ids(look_at_folder(sentence_transformer()))
    assert not all_ids(look_at_folder(diffusion_pipeline()))


# --- configurations that cannot be read, or can be read in two ways


@pytest.mark.parametrize(
    "data", [b"", b"{", b"{'a': 1}", b'{"a": 1,}', b"\xff\xfe\xff", b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"]
)
def test_mdl108_bad_config(data: bytes) -> None:
    reports = look_at_folder({"config.json": data, "model.safetensors": safetensors()})
    assert ids(reports["config.json"]) == {"MDL108"}
    assert reports["config.json"].findings[0].holds


def test_mdl108_bad_does_not_hide_the_others() -> None:
    reports = look_at_folder(
        {
            "adapter_config.json": b"{",
            "config.json": dump(AUTO),
            "z/config.json": dump(AUTO),
            "z/tokenizer_config.json": b"[",
        }
    )
    assert all_ids(reports) == {"MDL108", "MDL100", "MDL111"}


def test_mdl108_good_config_of_something_else() -> None:
    assert not look_at_folder({"config.json": b"// settings\n{}", "index.js": b"x"})


def test_mdl109_bad_two_values() -> None:
    data = b'{"model_type": "bert",\n "auto_map": {"AutoModel": "a.B"},\n "auto_map": {}}'
    (finding,) = look_at_folder({"config.json": data})["config.json"].findings
    assert (finding.id, finding.where.symbol) == ("MDL109", "auto_map")


def test_mdl109_good_same_value_twice() -> None:
    assert not look_at_folder({"config.json": b'{"a": 1, "a": 1, "b": {"a": 2}}'})


# --- chat templates


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("tokenizer_config.json", {"chat_template": "{{ ''.__class__.__mro__ }}"}),
        ("tokenizer_config.json", {"chat_template": [{"name": "default", "template": "{{ ''.__class__ }}"}]}),
        ("chat_template.json", {"chat_template": "{{ ''.__class__ }}"}),
        ("chat_template.jinja", b"{{ ''.__class__ }}"),
        ("additional_chat_templates/rag.jinja", b"{{ ''.__class__ }}"),
    ],
)
def test_templates_are_judged(name: str, data: object) -> None:
    reports = look_at_folder({name: data if isinstance(data, bytes) else dump(data), "config.json": dump(BERT)})
    assert any(found.startswith("MDL04") for found in ids(reports[name]))


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["a.B", "x/y--m.C", "../x", "a/b"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "auto_map",
                    "custom_pipelines",
                    "weight_map",
                    "type",
                    "path",
                    "chat_template",
                    "template",
                    "name",
                    "auto_mapping",
                    "parent_library",
                    "types",
                    "impl",
                    "attn_implementation",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    _VALUES,
    st.sampled_from(
        [
            "config.json",
            "modules.json",
            "model_index.json",
            "adapter_config.json",
            "router_config.json",
            "tokenizer_config.json",
            "x.index.json",
        ]
    ),
)
@settings(max_examples=100, deadline=None)
def test_any_configuration_gives_a_report(value: object, name: str) -> None:
    reports = look_at_folder(
        {name: dump(value), "a.py": b"from .b import c\nfrom .. import d", "model.safetensors": safetensors()}
    )
    assert "CHK001" not in all_ids(reports)


def test_truncated_config_is_held_at_every_byte() -> None:
    data = dump(AUTO)
    for end in range(len(data)):
        reports = look_at_folder({"config.json": data[:end], "model.safetensors": safetensors()})
        assert "MDL108" in ids(reports["config.json"])


# --- names and paths that make a loader import, fetch or open something


@pytest.mark.parametrize("value", [True, 1, "true", "yes"])
def test_mdl103_bad_trust_stored_as(value: object) -> None:
    assert "MDL103" in all_ids(look_at_folder({"tokenizer_config.json": dump({"trust_remote_code": value})}))


def test_mdl103_bad_kernel_at_a_branch() -> None:
    value = {"vision_config": {"_attn_implementation": "some-one/kernel@main:flash"}}
    assert "MDL103" in all_ids(look_at_folder({"config.json": dump(value)}))


def test_mdl204_bad_kernel_at_a_commit() -> None:
    value = {"attn_implementation": f"some-one/kernel@{'a1' * 20}"}
    reports = look_at_folder({"config.json": dump(value)})
    assert all_ids(reports) == {"MDL204", "MDL111"}
    (finding,) = (f for f in reports["config.json"].findings if f.id == "MDL204")
    assert finding.holds
    assert "commit a1a1" in next(f for f in reports["config.json"].findings if f.id == "MDL111").message


def test_mdl204_good_no_kernel() -> None:
    assert "MDL204" not in all_ids(look_at_folder({"config.json": dump({"attn_implementation": "sdpa"})}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("config.json", {"sbert_ce_default_activation_function": "torch.serialization.os.system"}),
        ("1_Dense/config.json", {"activation_function": "subprocess.Popen"}),
        ("tokenizer_config.json", {"tokenizer_class": "os.system"}),
        ("config.json", {"quantization_config": {"modules": ["torch.nn.Linear", "builtins.exec"]}}),
        ("preprocessor_config.json", {"image_processor_type": "pickle:loads"}),
        ("config.json", {"torch_dtype": "hub.load"}),
    ],
)
def test_mdl118_bad_names_of_what_acts(name: str, value: object) -> None:
    reports = look_at_folder({name: dump(value), "model.safetensors": safetensors()})
    assert all_ids(reports) & {"MDL118", "MDL119"}


def test_mdl118_good_plain_words() -> None:
    value = {
        "mode": "eval",
        "task": "compile",
        "activation_function": "torch.nn.modules.activation.Tanh",
        "x": "os.path.join",
    }
    assert "MDL118" not in all_ids(look_at_folder({"config.json": dump(value)}))


@pytest.mark.parametrize("value", ["os.system", "hub", "load", "serialization", "float32; import os"])
def test_mdl119_bad_dtype(value: str) -> None:
    assert "MDL119" in all_ids(look_at_folder({"config.json": dump({"text_config": {"torch_dtype": value}})}))


@pytest.mark.parametrize(
    "value",
    [
        "float16",
        "torch.bfloat16",
        "auto",
        "float8_e4m3fn",
        "float8_e5m2",
        "int8",
        "uint4",
        "half",
        "fp16",
        "bf16",
        "Float32",
        None,
        {},
    ],
)
def test_mdl119_good_dtype(value: object) -> None:
    assert not look_at_folder({"config.json": dump({"torch_dtype": value, "dtype": value})})


@pytest.mark.parametrize("base", ["/data/llama", "~/base", "/home/me/models/llama", "C:\\models\\x"])
def test_mdl200_bad_base_model(base: str) -> None:
    reports = look_at_folder({"adapter_config.json": dump({"peft_type": "LORA", "base_model_name_or_path": base})})
    assert all_ids(reports) == {"MDL200"}
    assert not all_severe(reports)


def test_mdl200_good_base_model() -> None:
    value = {
        "base_model_name_or_path": "meta-llama/Llama-3.1-8B",
        "modules_to_save": ["os.path"],
        "layer_replication": None,
    }
    assert not look_at_folder({"adapter_config.json": dump(value)})


def test_mdl106_bad_megatron_core() -> None:
    value = {"megatron_core": "evil.core", "megatron_config": {"a": 1}}
    assert "MDL106" in all_ids(look_at_folder({"adapter_config.json": dump(value)}))


def test_mdl106_good_megatron_core() -> None:
    value = {"megatron_core": "megatron.core", "megatron_config": {"a": 1}}
    assert not look_at_folder({"adapter_config.json": dump(value)})


@pytest.mark.parametrize("path", ["part.bin", "a/x.pkl", "MODEL.PT"])
def test_mdl201_bad_index(path: str) -> None:
    index = {"weight_map": {"a": "model-1.safetensors", "b": path}}
    assert all_ids(look_at_folder({"model.safetensors.index.json": dump(index)})) == {"MDL201"}


def test_mdl201_good_index() -> None:
    index = {"weight_map": {"a": "pytorch_model-00001-of-00002.bin"}}
    assert "MDL201" not in all_ids(look_at_folder({"pytorch_model.bin.index.json": dump(index)}))


@pytest.mark.parametrize("index", [{"../x": ["my_unet", "M"]}, {"unet": ["../../x", "M"]}])
def test_mdl104_bad_component(index: dict[str, object]) -> None:
    assert "MDL104" in all_ids(look_at_folder({"model_index.json": dump({"_class_name": "P", **index})}))


def test_templates_in_a_folder_are_judged() -> None:
    reports = look_at_folder(
        {"chat_templates/tool_use.jinja": b"{{ ''.__class__.__mro__ }}", "config.json": dump(BERT)}
    )
    assert any(found.startswith("MDL04") for found in ids(reports["chat_templates/tool_use.jinja"]))
