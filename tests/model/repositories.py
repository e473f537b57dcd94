"""Model folders of the tests, in memory."""

import json

from assaymark.core.scan import FileReport
from tests.conftest import ids, severe


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
