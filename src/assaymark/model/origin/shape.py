"""What configurations and cards say of the shape of a model, against the shapes of its tensors: headers alone."""

import re
from collections.abc import Iterator

from assaymark.core.finding import Severity
from assaymark.model.origin.claims import Place, Result
from assaymark.model.origin.kinds import EMBEDDINGS, POSITIONS, layer_lists, likeness
from assaymark.model.origin.model import Config, Model
from assaymark.model.origin.stock import Set, Tensor

DTYPES = {
    "float64": "F64", "float32": "F32", "fp32": "F32", "f32": "F32", "float16": "F16", "fp16": "F16", "f16": "F16", "half": "F16",
    "bfloat16": "BF16", "bf16": "BF16", "float8_e4m3fn": "F8_E4M3", "fp8": "F8_E4M3", "float8_e5m2": "F8_E5M2", "int8": "I8",
}  # fmt: skip
"""Spellings of data types, as safetensors names them."""
_LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
_HIDDEN = ("hidden_size", "n_embd", "d_model", "dim")
_HEADS = ("num_attention_heads", "n_head", "num_heads", "n_heads")
_KV_HEADS = ("num_key_value_heads",)
_INNER = ("intermediate_size", "n_inner", "ffn_dim", "d_ff", "hidden_dim")
_CONTEXT = ("max_position_embeddings", "n_positions", "max_sequence_length", "n_ctx", "max_seq_len")
_FIELD = re.compile(
    r"(?:tensor type|torch[_ ]dtype|dtype|precision|data type)\s?(?:\*\*|`)?\s?[:=|]\s?(?:\*\*)?\s?[\"`]?(bf16|bfloat16|fp16|float16|fp32|float32|f16|f32|fp8|int8)\b",
    re.IGNORECASE,
)
_WINDOW = re.compile(
    r"(?:context (?:length|window|size)|max(?:imum)? (?:sequence|context) length|n_ctx)\s?(?:\*\*|`)?\s?(?:[:=|]|is|of)\s?(?:\*\*)?\s?(?:up to )?(\d{1,3}(?:,\d{3})+|\d{2,8})\s?([KkMm])?\b",
    re.IGNORECASE,
)


def check(model: Model) -> None:
    """Enter what is said of data type, architecture, layers, widths, vocabulary and context."""
    for one in model.sets:
        if one.tensors and not one.is_adapter:
            config = model.config(f"{one.folder}config.json")
            if one.gguf is not None:
                _gguf(model, one)
            elif config is not None and one in model.main:
                _configured(model, one, config)
    _card_dtype(model)
    _card_context(model)


def _configured(model: Model, one: Set, config: Config) -> None:
    nested = config.values.get("text_config")
    text = Config(config.path, nested, config.text) if isinstance(nested, dict) else config
    _dtype(model, one, config, text)
    sure = _architecture(model, one, config, text)
    if isinstance(nested, dict) or not one.complete or not config.values.get("model_type"):
        return  # of a model of several parts it is not clear which tensors a number speaks of
    _layers(model, one, config, sure=sure)
    _embedding(model, one, config, sure=sure)
    _heads(model, one, config)
    _context(model, one, config)
    _tied(model, one, config)


def _dtype(model: Model, one: Set, config: Config, text: Config) -> None:
    key = next(
        (key for key in ("dtype", "torch_dtype") if isinstance(config.values.get(key, text.values.get(key)), str)), ""
    )
    said = str(config.values.get(key, text.values.get(key))) if key else ""
    wanted = DTYPES.get(said.removeprefix("torch.").lower())
    if wanted is None:
        return
    _say_dtype(model, one, said, wanted, config.place(key), quantised="quantization_config" in config.values)


def _say_dtype(model: Model, one: Set, said: str, wanted: str, place: Place, *, quantised: bool) -> None:
    counts = {dtype: count for dtype, count in one.dtypes().items() if dtype[:1] in "FB" and dtype != "BOOL"}
    against = [Place(file) for file in one.files[:3]]
    if not counts or quantised or not one.tensors:
        note = "a quantised model keeps its values packed; the claim is of the type that it computes in"
        found = ", ".join(one.dtypes()) or "unknown"
        model.ledger.say("dtype", said, found, Result.UNVERIFIABLE, (place,), against, note=note)
        return
    most = max(counts, key=lambda dtype: counts[dtype])
    share = counts[most] / max(sum(counts.values()), 1)
    model.ledger.match(
        "dtype", said, f"{most} ({share:.0%} of the values)", place, against,
        note="other types: " + ", ".join(d for d in counts if d != most) if len(counts) > 1 else "", same=most == wanted,
    )  # fmt: skip


def _architecture(model: Model, one: Set, config: Config, text: Config) -> bool:
    """Whether the tensors are those of the family that is named."""
    family = str(text.values.get("model_type") or config.values.get("model_type") or "")
    named = config.values.get("architectures")
    first = str(named[0]) if isinstance(named, list) and named else family
    if not family:
        return False
    like = likeness(family, one.tensors)
    against = [Place(file) for file in one.files[:3]]
    place = config.place("architectures" if isinstance(named, list) else "model_type")
    found = "tensors of " + ", ".join(sorted(like.found)) if like.found else "tensors of no family that is known here"
    if like.told is None:
        note = (
            f"no pattern of tensor names is known for {family}"
            if not like.claimed
            else "their names fit no known pattern"
        )
        model.ledger.say(
            "architecture", f"{first} ({family})", found, Result.UNVERIFIABLE, (place,), against, note=note
        )
        return False
    model.ledger.match("architecture", f"{first} ({family})", found, place, against, Severity.HIGH, same=like.told)
    return like.told


def _layers(model: Model, one: Set, config: Config, *, sure: bool) -> None:
    said = config.number(*_LAYERS)
    lists = layer_lists(one.tensors)
    if said is None or not lists or said[0] == "dim":
        return
    key, declared = said
    longest = max(lists, key=lambda lead: len(lists[lead]))
    count = len(lists[longest])
    extra = config.number("num_nextn_predict_layers", "mtp_num_hidden_layers")
    same = count == declared or (extra is not None and count == declared + extra[1])
    if not same and any(len(numbers) == declared for numbers in lists.values()):
        same, count = True, declared
    if not same and not sure:
        note = "its tensors are of no known family: the longest list need not be its layers"
        model.ledger.say(
            "layers",
            declared,
            count,
            Result.UNVERIFIABLE,
            (config.place(key),),
            [Place(one.files[0], longest)],
            note=note,
        )
        return
    model.ledger.match(
        "layers", declared, count, config.place(key), [Place(one.files[0], f"{longest}.*")], Severity.HIGH, same=same
    )


def _embeddings(one: Set) -> list[Tensor]:
    return [tensor for name, tensor in one.tensors.items() if name.endswith(EMBEDDINGS) and len(tensor.shape) == 2]


def _embedding(model: Model, one: Set, config: Config, *, sure: bool) -> None:
    """Vocabulary and width against the table of embeddings."""
    tables = _embeddings(one)
    if len({table.shape for table in tables}) != 1 or (
        "quantization_config" in config.values and tables[0].dtype[:1] not in "FB"
    ):
        return
    table = tables[0]
    place = Place(table.file, table.name)
    severity = Severity.HIGH if sure else Severity.MEDIUM
    vocabulary, width = config.number("vocab_size"), config.number("embedding_size", *_HIDDEN)
    if vocabulary is not None:
        model.ledger.match("vocabulary", vocabulary[1], table.shape[0], config.place(vocabulary[0]), [place], severity)
    if width is not None and not {"word_embed_proj_dim", "d_embed"} & config.values.keys():
        model.ledger.match("hidden size", width[1], table.shape[1], config.place(width[0]), [place], severity)


def _heads(model: Model, one: Set, config: Config) -> None:
    """Heads times their width are the rows of the projections; the inner width is that of the MLP."""
    heads, hidden = config.number(*_HEADS), config.number(*_HIDDEN)
    if heads is None or hidden is None or not heads[1] or "quantization_config" in config.values:
        return
    size = config.number("head_dim")
    width = size[1] if size else hidden[1] // heads[1]
    wanted = [(heads, ".self_attn.q_proj.weight", heads[1] * width)]
    groups = config.number(*_KV_HEADS)
    if groups is not None:
        wanted.append((groups, ".self_attn.k_proj.weight", groups[1] * width))
    if not isinstance(config.values.get("layer_types"), list):
        inner = config.number(*_INNER)
        if inner is not None:
            wanted.append((inner, ".mlp.gate_proj.weight", inner[1]))
    for (key, declared), end, rows in wanted:
        tensor = next((t for name, t in one.tensors.items() if name.endswith(end) and len(t.shape) == 2), None)
        if tensor is None or (
            end.endswith("gate_proj.weight") and config.number("first_k_dense_replace", "num_experts")
        ):
            continue
        found = f"{tensor.shape[0]:,} rows, {rows:,} expected"
        about = "inner size" if end.startswith(".mlp") else "heads"
        model.ledger.match(
            about,
            f"{key} {declared:,}",
            found,
            config.place(key),
            [Place(tensor.file, tensor.name)],
            same=tensor.shape[0] == rows,
        )


def _context(model: Model, one: Set, config: Config) -> None:
    said = config.number(*_CONTEXT)
    if said is None:
        return
    key, declared = said
    tables = [t for name, t in one.tensors.items() if name.endswith(POSITIONS) and len(t.shape) == 2]
    if len(tables) != 1:
        note = "positions are computed (rotary or relative): no tensor has the length"
        model.ledger.say(
            "context length", declared, "unknown", Result.UNVERIFIABLE, (config.place(key),), (), note=note
        )
        return
    rows = tables[0].shape[0]
    model.ledger.match(
        "context length",
        declared,
        rows,
        config.place(key),
        [Place(tables[0].file, tables[0].name)],
        same=declared <= rows <= declared + 2,
    )


def _tied(model: Model, one: Set, config: Config) -> None:
    causal = "ForCausalLM" in str(config.values.get("architectures"))
    tied = config.values.get("tie_word_embeddings")
    heads = [name for name in one.tensors if name.endswith(("lm_head.weight", "embed_out.weight"))]
    if tied is False and causal and _embeddings(one):
        found = heads[0] if heads else "no lm_head.weight: the head would start at random"
        model.ledger.match(
            "tied embeddings",
            "not tied",
            found,
            config.place("tie_word_embeddings"),
            [Place(one.files[0])],
            same=bool(heads),
        )


def _gguf(model: Model, one: Set) -> None:
    """GGUF says the same in its own keys; `token_embd.weight` has the width first in the file, last here."""
    meta, file = one.gguf, one.files[0]
    if meta is None or not one.complete:
        return
    blocks = layer_lists(one.tensors).get("blk", set())
    table = one.tensors.get("token_embd.weight")
    if table is None or len(table.shape) != 2:
        return
    rows: Iterator[tuple[str, str, int | None, int]] = iter((
        ("layers", "block_count", meta.of_architecture("block_count"), len(blocks)),
        ("hidden size", "embedding_length", meta.of_architecture("embedding_length"), table.shape[1]),
        ("vocabulary", "vocab_size", meta.of_architecture("vocab_size"), table.shape[0]),
        ("vocabulary", "tokenizer.ggml.tokens", meta.length("tokenizer.ggml.tokens"), table.shape[0]),
    ))  # fmt: skip
    for about, key, declared, actual in rows:
        if declared is None:
            continue
        same = (
            declared == actual
            or (key.startswith("tokenizer") and declared <= actual)
            or (key == "vocab_size" and declared <= actual)
        )
        name = key if key.startswith("tokenizer") else f"{meta.text('general.architecture')}.{key}"
        evidence = Place(file, "token_embd.weight" if about != "layers" else "blk.*")
        model.ledger.match(about, declared, actual, Place(file, name), [evidence], Severity.HIGH, same=same)


def _card_dtype(model: Model) -> None:
    """A field of the card, or a tag; prose that compares several says nothing."""
    card = model.card
    mains = [one for one in model.main if one.tensors and not one.is_adapter and one.gguf is None]
    if card is None or not mains:
        return
    said = {(match[1].lower(), number) for number, line in card.lines() for match in _FIELD.finditer(line[:1000])}
    said |= {
        (text.lower(), line)
        for text, line in card.values("tags")
        if text.lower() in {"bf16", "bfloat16", "fp16", "float16", "fp32", "float32"}
    }
    if len({DTYPES[word] for word, _ in said}) != 1:
        return
    config = model.config(f"{mains[0].folder}config.json")
    for word, number in sorted(said)[:5]:
        quantised = config is not None and "quantization_config" in config.values
        _say_dtype(model, mains[0], word, DTYPES[word], Place(card.path, f"line {number}"), quantised=quantised)


def _card_context(model: Model) -> None:
    card, config = model.card, model.config("config.json")
    said = config.number(*_CONTEXT) if config else None
    if card is None or config is None or said is None:
        return
    key, trained = said
    scaling = config.values.get("rope_scaling")
    factor = scaling.get("factor", 1) if isinstance(scaling, dict) else 1
    reach = int(trained * factor) if isinstance(factor, (int, float)) and 1 <= factor <= 1024 else trained
    found = {
        (match[0].strip(), int(match[1].replace(",", "")) * {"k": 1024, "m": 1 << 20}.get((match[2] or "").lower(), 1), number)
        for number, line in card.lines() for match in _WINDOW.finditer(line[:1000])
    }  # fmt: skip
    if len({size for _, size, _ in found}) == 1:
        for text, size, number in sorted(found)[:3]:
            note = f"with the scaling of rotary positions that is configured, {reach:,}" if reach != trained else ""
            model.ledger.match(
                "context length", text, trained, Place(card.path, f"line {number}"), [config.place(key)],
                note=note, same=size <= max(reach, trained) * 1.05,
            )  # fmt: skip


def observed(model: Model) -> dict[str, tuple[int, Place]]:
    """What the tensors alone tell: number of layers, width and vocabulary, each with the tensor that tells it."""
    found: dict[str, tuple[int, Place]] = {}
    for one in [one for one in model.main if one.complete and not one.is_adapter][:1]:
        lists = layer_lists(one.tensors)
        if lists:
            longest = max(lists, key=lambda lead: len(lists[lead]))
            found["layers"] = (len(lists[longest]), Place(one.files[0], f"{longest}.*"))
        tables = _embeddings(one)
        if len({table.shape for table in tables}) == 1:
            place = Place(tables[0].file, tables[0].name)
            found["vocabulary"], found["hidden size"] = (tables[0].shape[0], place), (tables[0].shape[1], place)
    return found
