"""config.json and its kin: what a model's configuration declares, held against the tensors."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from assaymark.bom.build.draft import Draft, Sketch
from assaymark.bom.build.models.header import Header
from assaymark.bom.document import Place, Status
from assaymark.core.errors import AssayError
from assaymark.core.format import Tree

_LIMIT = 8 << 20
_SIZES = (
    ("layers", ("num_hidden_layers", "n_layer", "n_layers", "num_layers")),
    ("hidden_size", ("hidden_size", "n_embd", "d_model", "dim")),
    ("heads", ("num_attention_heads", "n_head", "n_heads")),
    ("context_length", ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length")),
    ("vocabulary_size", ("vocab_size",)),
)  # fmt: skip
_TASKS = (
    ("ForCausalLM", "text-generation"), ("LMHeadModel", "text-generation"), ("ForSequenceClassification", "text-classification"),
    ("ForTokenClassification", "token-classification"), ("ForQuestionAnswering", "question-answering"),
    ("ForMaskedLM", "fill-mask"), ("ForImageClassification", "image-classification"),
    ("ForObjectDetection", "object-detection"), ("ForSemanticSegmentation", "image-segmentation"),
    ("ForSpeechSeq2Seq", "automatic-speech-recognition"), ("ForCTC", "automatic-speech-recognition"),
    ("ForConditionalGeneration", "text2text-generation"), ("ForAudioClassification", "audio-classification"),
    ("ForMultipleChoice", "multiple-choice"),
)  # fmt: skip
"""End of a class name -> pipeline tag of huggingface.co."""
_DTYPES = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "float8_e4m3fn": "F8_E4M3"}
_LAYER = re.compile(r"(.*?(?:^|\.)(?:layers|layer|h|blocks|block))\.(\d{1,5})\.")
_EMBEDDINGS = (
    "embed_tokens.weight",
    "wte.weight",
    "word_embeddings.weight",
    "embed_in.weight",
    "tok_embeddings.weight",
)


@dataclass(frozen=True, slots=True)
class Config:
    """One JSON configuration that was there."""

    path: str
    values: dict[str, Any]

    def place(self, key: str) -> Place:
        """A JSON pointer into it."""
        return Place(self.path, f"/{key}")

    def text(self, key: str) -> str:
        """A text of the top level, or an empty one."""
        value = self.values.get(key)
        return value.strip()[:1000] if isinstance(value, str) else ""


def load(tree: Tree, path: str, draft: Draft | None = None, ref: str = "") -> Config | None:
    """A JSON object at `path`; None where there is none, with a Gap where it is there and cannot be read."""
    if path not in tree.files:
        return None
    from assaymark.model.huggingface.configs import read_config

    try:
        values = read_config(tree.read(path, _LIMIT), path.rpartition("/")[2]).values
    except AssayError as error:
        if draft is not None:
            draft.gap(ref, path.rpartition("/")[2], f"{path} cannot be read: {error.message}", f"assay scan {path}")
        return None
    return Config(path, values) if isinstance(values, dict) else None


def is_model(config: Config) -> bool:
    """It configures a model, not anything else that is called config.json."""
    listed = config.values.get("architectures")
    known = isinstance(listed, list) and any(isinstance(name, str) for name in listed)
    return known or bool(config.text("model_type") or config.text("_class_name") or config.text("architecture"))


def say(config: Config, sketch: Sketch) -> None:
    """What config.json declares."""
    values = config.values
    listed = values.get("architectures")
    named = [n for n in listed if isinstance(n, str)] if isinstance(listed, list) else []
    key = "architectures" if named else "_class_name" if config.text("_class_name") else "architecture"
    name = (named[0] if named else config.text(key))[:200]
    sketch.say("architecture", name, Status.DECLARED, config.place(key))
    sketch.say("family", config.text("model_type")[:200], Status.DECLARED, config.place("model_type"))
    task = next((task for end, task in _TASKS if name.endswith(end)), "")
    sketch.say("task", task, Status.INFERRED, config.place(key))
    if name.endswith(("Classification", "ForObjectDetection", "ForQuestionAnswering")):
        sketch.say("approach", "supervised", Status.INFERRED, config.place(key))
    for fact, pointer, value in _sizes(values):
        sketch.say(fact, value, Status.DECLARED, config.place(pointer))
    version = config.text("transformers_version") or config.text("_diffusers_version")
    if version:
        library = "transformers" if config.text("transformers_version") else "diffusers"
        where = "transformers_version" if library == "transformers" else "_diffusers_version"
        sketch.say("framework", f"{library} {version[:50]}", Status.DECLARED, config.place(where))
    if values.get("auto_map") or values.get("custom_pipelines"):
        where = "auto_map" if values.get("auto_map") else "custom_pipelines"
        sketch.say("runs_code", True, Status.DECLARED, config.place(where))  # noqa: FBT003 - the value of a fact


def _sizes(values: dict[str, Any]) -> Iterator[tuple[str, str, int]]:
    nested = values.get("text_config")
    for lead, found in (("", values), ("text_config/", nested if isinstance(nested, dict) else {})):
        for fact, keys in _SIZES:
            for key in keys:
                value = found.get(key)
                if type(value) is int and 0 < value < 1 << 40:
                    yield fact, lead + key, value
                    break


_PEFT = {
    "CAUSAL_LM": "text-generation", "SEQ_CLS": "text-classification", "SEQ_2_SEQ_LM": "text2text-generation",
    "TOKEN_CLS": "token-classification", "QUESTION_ANS": "question-answering", "FEATURE_EXTRACTION": "feature-extraction",
}  # fmt: skip
_SETTINGS = (
    "r",
    "lora_alpha",
    "lora_dropout",
    "bias",
    "use_dora",
    "use_rslora",
    "num_virtual_tokens",
    "target_modules",
)


def adapter(config: Config, sketch: Sketch) -> None:
    """What peft's adapter_config.json declares."""
    kind = config.text("peft_type")
    sketch.say("architecture", f"{kind[:100]} adapter" if kind else "", Status.DECLARED, config.place("peft_type"))
    sketch.say("task", _PEFT.get(config.text("task_type"), ""), Status.INFERRED, config.place("task_type"))
    sketch.say("framework", "peft" if kind else "", Status.INFERRED, config.place("peft_type"))
    settings: dict[str, Any] = {}
    for key in _SETTINGS:
        value = config.values.get(key)
        if isinstance(value, (bool, int, float, str)):
            settings[key] = value if not isinstance(value, str) else value[:200]
        elif isinstance(value, list) and all(isinstance(one, str) for one in value):
            settings[key] = sorted(one[:200] for one in value[:100])
    sketch.say("hyperparameters", settings if kind else {}, Status.DECLARED, Place(config.path))


_QUANTISED = ("bnb_4bit_quant_type", "desc_act", "sym", "version", "fmt", "format", "checkpoint_format")


def quantisation(config: Config, key: str = "quantization_config") -> tuple[dict[str, Any], Place] | None:
    """Method, bits and group size as the configuration declares them."""
    found = config.values.get(key) if key else config.values
    if not isinstance(found, dict):
        return None
    said: dict[str, Any] = {}
    method = found.get("quant_method")
    four, eight = found.get("load_in_4bit") is True, found.get("load_in_8bit") is True
    said["method"] = (
        method if isinstance(method, str) else "bitsandbytes" if four or eight else "gptq" if "bits" in found else ""
    )
    bits = found.get("bits", found.get("w_bit", 4 if four else 8 if eight else None))
    numbers = {"bits": bits, "group_size": found.get("group_size", found.get("q_group_size"))}
    said |= {name: value for name, value in numbers.items() if type(value) is int}
    said |= {name: found[name] for name in _QUANTISED if isinstance(found.get(name), (str, bool))}
    return ({k: v for k, v in said.items() if v != ""}, config.place(key)) if said["method"] else None


def packed(header: Header) -> bool:
    """Tensors that keep several values in one integer, as GPTQ, AWQ and bitsandbytes write them."""
    names = header.shapes
    return any(name.endswith((".qweight", ".weight_packed", ".SCB")) or ".quant_state" in name for name in names)


def unpacked(header: Header, bits: int) -> int:
    """Parameters that the packed integers stand for, beside those that are not packed."""
    from math import prod

    total = 0
    fours = {name.rpartition(".quant_state")[0] for name in header.shapes if ".quant_state" in name}
    for name, shape in header.shapes.items():
        if name.endswith((".qweight", ".weight_packed")):
            total += prod(shape) * 32 // bits
        elif name in fours:
            total += prod(shape) * 2
        elif not name.endswith(
            (".qzeros", ".scales", ".g_idx", ".absmax", ".quant_map", ".SCB", ".weight_scale", ".weight_shape")
        ):
            total += 0 if ".quant_state" in name or ".nested_" in name else prod(shape)
    return total


def observed_sizes(header: Header) -> Iterator[tuple[str, int]]:
    """Layers, vocabulary and width as the tensors have them."""
    lists: dict[str, set[int]] = {}
    for name in header.shapes:
        match = _LAYER.match(name)
        if match:
            lists.setdefault(match[1], set()).add(int(match[2]))
    if len(lists) == 1:
        yield "layers", len(next(iter(lists.values())))
    for name, shape in header.shapes.items():
        if name.endswith(_EMBEDDINGS) and len(shape) == 2:
            yield "vocabulary_size", shape[0]
            yield "hidden_size", shape[1]
            return


def dtype_of(config: Config) -> tuple[str, str]:
    """The dtype that is declared, and its key."""
    for key in ("dtype", "torch_dtype"):
        found = _DTYPES.get(config.text(key).removeprefix("torch."))
        if found:
            return found, key
    return "", ""
