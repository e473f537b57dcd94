"""GGUF: the metadata of llama.cpp's files, its tensor types, and the models and datasets that it says it came from.

Keys: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; file types: `llama_ftype` of llama.cpp.
"""

import re
from dataclasses import dataclass
from typing import Any

from assaymark.bom.build.models.header import Header
from assaymark.core.blob import Blob
from assaymark.core.format import Context

_FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M",
    13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS",
    21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4",
}  # fmt: skip
_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 12: "Q4_K",
    13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S",
    22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 30: "BF16", 34: "TQ1_0",
    35: "TQ2_0", 39: "MXFP4",
}  # fmt: skip
_PLAIN = frozenset({"F32", "F16", "BF16", "F64", "I8", "I16", "I32", "I64"})
_SPLIT = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")


def read(blob: Blob, context: Context, header: Header) -> None:
    """Metadata and tensor table; raises Malformed."""
    from assaymark.model.formats.gguf import metadata, table

    header.metadata = found = metadata(blob, context)
    for row in table(blob, context):
        header.tensor(row.name, _TYPES.get(row.kind, f"ggml-{row.kind}"), reversed(row.shape))
    family = _text(found, "general.architecture")
    header.observe("family", family, "general.architecture")
    _sizes(header, found, family)
    _quantised(header, found)
    for fact, key in (
        ("version", "general.version"),
        ("supplier", "general.organization"),
        ("author", "general.author"),
        ("description", "general.description"),
        ("repository", "general.repo_url"),
        ("homepage", "general.url"),
    ):
        header.declare(fact, _text(found, key), key)
    license_ = _text(found, "general.license")
    if license_:
        from assaymark.bom.build.models.licence import expression

        header.declare("license", expression(license_), "general.license")
    for fact, key in (("tags", "general.tags"), ("languages", "general.languages")):
        value = found.get(key)
        if isinstance(value, list):
            header.declare(fact, value, key)
    vocabulary = found.get("tokenizer.ggml.tokens")
    header.observe("vocabulary_size", vocabulary if isinstance(vocabulary, int) else None, "tokenizer.ggml.tokens")


def _sizes(header: Header, found: dict[str, Any], family: str) -> None:
    for fact, key in (
        ("layers", "block_count"),
        ("hidden_size", "embedding_length"),
        ("heads", "attention.head_count"),
        ("context_length", "context_length"),
    ):
        value = found.get(f"{family}.{key}")
        if isinstance(value, int):
            header.observe(fact, value, f"{family}.{key}")


def _quantised(header: Header, found: dict[str, Any]) -> None:
    """The file type that is declared, and the types that the tensors have."""
    packed = {dtype: count for dtype, count in sorted(header.elements.items()) if dtype not in _PLAIN}
    number = found.get("general.file_type")
    declared = _FILE_TYPES.get(number, f"type {number}") if isinstance(number, int) else ""
    if packed:
        from assaymark.bom.build.models.header import mostly

        said = {"method": "gguf", "type": declared or mostly(header.elements), "tensors": packed}
        header.observe("quantization", said, "general.file_type" if declared else "tensors")


@dataclass(frozen=True, slots=True)
class Origin:
    """A model or dataset that the file says it came from."""

    name: str
    version: str
    key: str
    label: str = ""


def is_packed(header: Header) -> bool:
    """Whether any tensor is of a quantised type."""
    return any(dtype not in _PLAIN for dtype in header.elements)


def split_of(path: str) -> str:
    """The path of the first part of a model that is split over files, or the path itself."""
    return _SPLIT.sub(r"-00001-of-\2.gguf", path)


def origins(found: dict[str, Any], what: str) -> list[Origin]:
    """`general.base_model.*` or `general.dataset.*`, at most 100, and where there are none the source of a conversion."""
    made = []
    count = found.get(f"general.{what}.count")
    for index in range(min(count, 100) if isinstance(count, int) else 0):
        key = f"general.{what}.{index}"
        name = hub_name(_text(found, f"{key}.repo_url")) or _joined(found, key)
        if name:
            made.append(Origin(name, _text(found, f"{key}.version"), f"{key}.name", _text(found, f"{key}.name")))
    if not made and what == "base_model":
        for key in ("general.source.huggingface.repository", "general.source.repo_url", "general.source.url"):
            name = _text(found, key)
            if name:
                return [Origin(hub_name(name) or name[:300], "", key)]
    return made


def _joined(found: dict[str, Any], key: str) -> str:
    name, owner = _text(found, f"{key}.name"), _text(found, f"{key}.organization")
    name = name.replace(" ", "-")
    return f"{owner.replace(' ', '-')}/{name}" if owner and name and "/" not in name else name


def hub_name(url: str) -> str:
    """`owner/name` of an address on huggingface.co, or an empty text."""
    match = re.match(r"https?://(?:www\.)?(?:huggingface\.co|hf\.co)/(?:datasets/)?([\w.-]+/[\w.-]+)", url)
    return match[1] if match else ""


def _text(found: dict[str, Any], key: str) -> str:
    value = found.get(key)
    return value.strip()[:1000] if isinstance(value, str) else ""
