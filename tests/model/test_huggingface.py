"""Model folders as Hugging Face libraries read them."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.core.scan import FileReport
from tests.conftest import ids, look_at, look_at_folder, severe


def dump(value: object) -> bytes:
    return json.dumps(value, indent=2).encode()


def folder(**files: object) -> dict[str, bytes]:
    """Names are given with `__` for `.` and `_s_` for `/`; values that are no bytes are written as JSON."""
    named = {name.replace("_s_", "/").replace("__", "."): value for name, value in files.items()}
    return {name: value if isinstance(value, bytes) else dump(value) for name, value in named.items()}


def all_ids(reports: dict[str, FileReport]) -> set[str]:
    return {found for report in reports.values() for found in ids(report)}


def all_severe(reports: dict[str, FileReport]) -> list[str]:
    return [f"{path}: {line}" for path, report in reports.items() for line in severe(report)]


def safetensors() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(4)


BERT = {
    "architectures": ["BertForMaskedLM"],
    "attention_probs_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "model_type": "bert",
    "_attn_implementation_autoset": True,
    "transformers_version": "4.6.0.dev0",
}
TEMPLATE = "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] }}{% endfor %}"


def bert() -> dict[str, bytes]:
    return folder(
        config__json=BERT,
        tokenizer_config__json={"do_lower_case": True, "model_max_length": 512, "tokenizer_class": "BertTokenizer"},
        model__safetensors=safetensors(),
        vocab__txt=b"[PAD]\n[UNK]\n",
    )


def llama_with_adapter() -> dict[str, bytes]:
    return folder(
        adapter_config__json={
            "auto_mapping": None,
            "base_model_name_or_path": "/home/me/models/Llama-3-8B",
            "peft_type": "LORA",
            "target_modules": ["q_proj", "v_proj"],
        },
        adapter_model__safetensors=safetensors(),
        tokenizer_config__json={"chat_template": TEMPLATE, "eos_token": "<|end|>"},
        generation_config__json={"do_sample": True, "temperature": 0.6},
        model__safetensors__index__json={"weight_map": {"a.weight": "model-00001-of-00002.safetensors"}},
    )


def sentence_transformer() -> dict[str, bytes]:
    return folder(
        modules__json=[
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        ],
        config__json=BERT,
        config_sentence_transformers__json={"__version__": {"transformers": "4.6"}},
        sentence_bert_config__json={"max_seq_length": 256},
        **{"1_Pooling_s_config__json": {"word_embedding_dimension": 384}},
    )


def diffusion_pipeline() -> dict[str, bytes]:
    return folder(
        model_index__json={
            "_class_name": "StableDiffusionPipeline",
            "_diffusers_version": "0.6.0",
            "feature_extractor": ["transformers", "CLIPImageProcessor"],
            "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
            "scheduler": ["diffusers", "PNDMScheduler"],
            "image_encoder": [None, None],
            "requires_safety_checker": True,
        },
        unet_s_config__json={"_class_name": "UNet2DConditionModel", "sample_size": 64},
        unet_s_diffusion_pytorch_model__safetensors=safetensors(),
    )


@pytest.mark.parametrize("make", [bert, llama_with_adapter, sentence_transformer, diffusion_pipeline])
def test_typical_repositories_are_quiet(make) -> None:
    contents = make()
    assert not all_severe(look_at_folder(contents))
    for name, data in contents.items():
        assert not severe(look_at(data, name))


# --- code that the repository brings

MODELING = b"""
import os, subprocess
from transformers import PreTrainedModel
from .helper import scale
class MyModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        {body}
    def forward(self, x):
        return scale(x)
"""
AUTO = {"model_type": "my", "auto_map": {"AutoConfig": "modeling.MyConfig", "AutoModel": "modeling.MyModel"}}


def remote_code(body: bytes = b"pass", top: bytes = b"", helper: bytes = b"def scale(x): return x") -> dict[str, bytes]:
    return folder(config__json=AUTO, modeling__py=MODELING.replace(b"{body}", body) + top, helper__py=helper)


def test_mdl100_bad_auto_map_names_file_and_what_it_does() -> None:
    reports = look_at_folder(remote_code(b"subprocess.run(['id'])"))
    (first, second) = [f for f in reports["config.json"].findings if f.id == "MDL100"]
    assert first.holds
    assert "modeling.py, which starts a process" in first.message
    assert first.where.line == 4
    assert second.where.symbol == "auto_map.AutoModel: modeling.MyModel"


def test_mdl100_bad_missing_and_unreadable_file() -> None:
    assert "not in this folder" in look_at_folder(folder(config__json=AUTO))["config.json"].findings[0].message
    broken = look_at_folder(folder(config__json=AUTO, modeling__py=b"def f(:"))
    assert "cannot be read" in broken["config.json"].findings[0].message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["tok.MyTokenizer", None]}}),
        ("tokenizer_config.json", {"auto_map": ["tok.MyTokenizer", None]}),
        ("preprocessor_config.json", {"auto_map": {"AutoProcessor": "proc.P"}}),
        ("config.json", {"text_config": {"auto_map": {"AutoModel": "m.M"}}}),
        ("config.json", {"custom_pipelines": {"my-task": {"impl": "pipe.MyPipe", "pt": ["AutoModel"]}}}),
        (
            "adapter_config.json",
            {"auto_mapping": {"base_model_class": "M", "parent_library": "transformers_modules.m"}},
        ),
    ],
)
def test_mdl100_bad_other_places(name: str, value: object) -> None:
    assert all_ids(look_at_folder({name: dump(value), "model.safetensors": safetensors()})) & {"MDL100", "MDL102"}


def test_mdl100_bad_custom_generate_counts_by_its_presence() -> None:
    reports = look_at_folder({"config.json": dump(BERT), "custom_generate/generate.py": b"def generate(model): ..."})
    assert ids(reports["custom_generate/generate.py"]) == {"MDL100"}


def test_mdl100_bad_own_modules_of_sentence_transformers_and_diffusers() -> None:
    own = look_at_folder(
        {
            "modules.json": dump([{"path": "", "type": "custom_st.Transformer"}]),
            "custom_st.py": b"import os\nos.system('x')",
        }
    )
    assert ids(own["modules.json"]) == {"MDL100"}
    assert ids(own["custom_st.py"]) == {"MDL101"}
    pipe = {"_class_name": ["pipeline_x", "MyPipe"], "unet": ["my_unet", "MyUNet"]}
    reports = look_at_folder({"model_index.json": dump(pipe), "pipeline_x.py": b"", "unet/my_unet.py": b""})
    assert [f.id for f in reports["model_index.json"].findings] == ["MDL100", "MDL100"]


def test_mdl100_good_library_classes() -> None:
    assert "MDL100" not in all_ids(look_at_folder(bert()))


@pytest.mark.parametrize(
    "top",
    [
        b"os.system('id')",
        b"exec(open('x').read())",
        b"import pickle\npickle.loads(b'')",
        b"import urllib.request\nurllib.request.urlopen('http://h')",
        b"class A:\n    getattr(os, 'sys' + 'tem')('id')",
        b"def f(): os.popen('id')\nf()",
        b"import ctypes\nctypes.CDLL('./x.so')",
    ],
)
def test_mdl101_bad_on_import(top: bytes) -> None:
    assert "MDL101" in ids(look_at_folder(remote_code(top=top))["modeling.py"])


def test_mdl101_bad_in_a_file_that_is_imported_from_there() -> None:
    reports = look_at_folder(remote_code(helper=b"import os\nos.system('id')\ndef scale(x): return x"))
    assert ids(reports["helper.py"]) == {"MDL101"}
    sub = {
        "config.json": dump({"auto_map": {"AutoModel": "modeling.M"}}),
        "modeling.py": b"from .a import b",
        "a/b.py": b"eval('1')",
    }
    assert ids(look_at_folder(sub)["a/b.py"]) == {"MDL101"}


def test_mdl101_good_plain_model_code() -> None:
    reports = look_at_folder(
        remote_code(
            top=b"os.environ['TOKENIZERS_PARALLELISM'] = 'false'\nimport importlib\nimportlib.import_module('flash_attn')"
        )
    )
    assert all_ids(reports) == {"MDL100"}


def test_mdl102_bad_code_of_another_repository() -> None:
    value = {"auto_map": {"AutoModel": "someone/else--modeling.M"}}
    (finding,) = look_at_folder({"config.json": dump(value)})["config.json"].findings
    assert finding.id == "MDL102"
    assert "someone/else" in finding.message


def test_mdl102_good_own_code() -> None:
    assert "MDL102" not in all_ids(look_at_folder(remote_code()))


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
    assert all_ids(look_at_folder({"config.json": dump(value)})) == {"MDL103"}


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
    assert ids(reports["modules.json"]) == {"MDL106"}
    assert reports["modules.json"].findings[0].holds
    index = {"_class_name": "StableDiffusionPipeline", "unet": ["evil", "UNet"]}
    assert all_ids(look_at_folder({"model_index.json": dump(index)})) == {"MDL106"}
    adapter = {"auto_mapping": {"base_model_class": "M", "parent_library": "evil.models"}}
    assert all_ids(look_at_folder({"adapter_config.json": dump(adapter)})) == {"MDL106"}


def test_mdl106_good_library_packages() -> None:
    assert not look_at_folder(sentence_transformer())
    assert not look_at_folder(diffusion_pipeline())


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
    assert all_ids(reports) == {"MDL108", "MDL100"}


def test_mdl108_good_config_of_something_else() -> None:
    assert not look_at_folder({"config.json": b"// settings\n{}", "index.js": b"x"})


def test_mdl109_bad_two_values() -> None:
    data = b'{"model_type": "bert",\n "auto_map": {"AutoModel": "a.B"},\n "auto_map": {}}'
    (finding,) = look_at_folder({"config.json": data})["config.json"].findings
    assert (finding.id, finding.where.symbol) == ("MDL109", "auto_map")


def test_mdl109_good_same_value_twice() -> None:
    assert not look_at_folder({"config.json": b'{"a": 1, "a": 1, "b": {"a": 2}}'})


@pytest.mark.parametrize(
    "body",
    [
        b"eval(config.act)",
        b"import torch; torch.load('x.bin')",
        b"os.remove('x')",
        b"subprocess.Popen(['x'])",
        b"getattr(os, config.f)('x')",
        b"__import__(config.m)",
        b"import torch; torch.hub.load('a/b', 'c')",
    ],
)
def test_mdl110_bad_in_use(body: bytes) -> None:
    reports = look_at_folder(remote_code(body))
    assert ids(reports["modeling.py"]) == {"MDL110"}
    assert "MyModel.__init__" in reports["modeling.py"].findings[0].message


def test_mdl110_good_in_use() -> None:
    reports = look_at_folder(remote_code(b"import requests; requests.get(config.url); self.eval()"))
    assert "modeling.py" not in reports or not reports["modeling.py"].findings


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
