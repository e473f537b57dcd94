"""What is said of quantisation, against the data types of the tensors."""

import re

from assaymark.core.finding import Severity
from assaymark.model.origin.claims import Place, Result
from assaymark.model.origin.model import Config, Model
from assaymark.model.origin.stock import Set

_NAMED = re.compile(
    r"(?<![A-Za-z0-9])(I?Q[1-8](?:_[0-9KSMLX]{1,3}){0,3}|BF16|F16|FP16|F32)(?![A-Za-z0-9])", re.IGNORECASE
)
_FULL = {"BF16": 16, "F16": 16, "FP16": 16, "F32": 32}
_FILE_TYPES = {0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M",
               13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 32: "BF16"}  # fmt: skip
"""`general.file_type` of llama.cpp (llama_ftype)."""
_TAGS = {"gptq": "gptq", "awq": "awq", "bitsandbytes": "bitsandbytes", "4-bit": "", "8-bit": "", "4bit": "", "8bit": ""}


def check(model: Model) -> None:
    """Enter what configurations, tags, GGUF keys and file names say of it."""
    for one in model.sets:
        if one.gguf is not None and one.complete and not one.is_adapter:
            _gguf(model, one)
    for one in model.main:
        config = model.config(f"{one.folder}config.json")
        if one.gguf is None and one.tensors and not one.is_adapter:
            _configured(model, one, config)


def _gguf(model: Model, one: Set) -> None:
    """The named type has to occur, or the bits a value takes have to fit: mixtures keep some tensors larger."""
    meta = one.gguf
    said: list[tuple[str, Place]] = []
    kind = meta.number("general.file_type") if meta else None
    if kind in _FILE_TYPES:
        said.append((_FILE_TYPES[kind], Place(one.files[0], "general.file_type")))
    match = list(_NAMED.finditer(one.stem))
    if match:
        said.append((match[-1][1].upper().replace("FP16", "F16"), Place(one.files[0], "its name")))
    matrices = [t for t in one.tensors.values() if len(t.shape) > 1]
    elements = sum(t.elements for t in matrices)
    if not said or not elements:
        return
    bits = 8 * sum(t.size for t in matrices) / elements
    kinds = sorted({t.dtype for t in matrices})
    for name, place in said:
        wanted = _FULL.get(name) or int(re.sub(r"\D", "", name)[:1])
        family = name if name in _FULL else f"Q{wanted}_"
        unknown = any(kind.startswith("ggml type") for kind in kinds)
        same = any(kind == family or kind.startswith(family) for kind in kinds) or wanted - 0.5 <= bits <= wanted + 3
        found = f"{bits:.1f} bits a value, in {', '.join(kinds)}"
        if unknown and not same:
            model.ledger.say("quantisation", name, found, Result.UNVERIFIABLE, (place,), [Place(one.files[0])])
        else:
            model.ledger.match("quantisation", name, found, place, [Place(one.files[0])], Severity.MEDIUM, same=same)


def _configured(model: Model, one: Set, config: Config | None) -> None:
    method = config.values.get("quantization_config") if config else None
    card = model.card
    packed = _marks(one)
    against = [Place(file) for file in one.files[:3]]
    found = f"tensors of {', '.join(sorted(packed))}" if packed else f"no packed tensors: {', '.join(one.dtypes())}"
    if config is not None and isinstance(method, dict):
        said = str(method.get("quant_method", "quantised"))
        bits = _bits(method)
        fits = bool(packed) and (said not in {"gptq", "awq", "bitsandbytes", "fp8"} or said in packed)
        says = f"{said}, {bits} bits" if bits else said
        model.ledger.match("quantisation", says, found, config.place("quantization_config"), against, same=fits)
        if fits and bits and said == "gptq":
            _width(model, one, config, bits)
    elif packed & {"gptq", "awq", "bitsandbytes"} and config is not None:
        place = Place(config.path, "no quantization_config")
        model.ledger.match("quantisation", "none", found, place, against, same=False)
    for text, line in card.values("tags") if card else ():
        word = text.lower()
        if word in _TAGS:
            names = {_TAGS[word]} if _TAGS[word] else packed
            place = Place(card.path if card else "", f"line {line}")
            model.ledger.match("quantisation", text, found, place, against, same=bool(names & packed))


def _bits(method: dict[str, object]) -> int | None:
    bits = method.get("bits", method.get("w_bit"))
    if type(bits) is int and 1 <= bits <= 16:
        return bits
    return 4 if method.get("load_in_4bit") is True else 8 if method.get("load_in_8bit") is True else None


def _marks(one: Set) -> set[str]:
    """Methods whose tensors are there: each leaves names of its own."""
    found: set[str] = set()
    dtypes = one.dtypes()
    names = one.tensors
    if any(name.endswith(".qweight") for name in names):
        found |= {"gptq", "awq"}
    if any("quant_state.bitsandbytes" in name or name.endswith((".absmax", ".SCB")) for name in names):
        found.add("bitsandbytes")
    if any(dtype.startswith("F8_") for dtype in dtypes):
        found.add("fp8")
    if any(name.endswith((".weight_packed", ".weight_scale")) for name in names) or {"I8", "U8", "I32"} & dtypes.keys():
        found |= (
            {"packed"} if any(t.elements > 4096 and t.dtype in {"I8", "U8", "I32"} for t in names.values()) else set()
        )
    return found


def _width(model: Model, one: Set, config: Config, bits: int) -> None:
    """GPTQ packs `bits` of each row into int32: rows times 32 over bits are the width that goes in."""
    hidden = config.number("hidden_size", "n_embd")
    tensor = next((t for name, t in one.tensors.items() if name.endswith("q_proj.qweight") and len(t.shape) == 2), None)
    if hidden is None or tensor is None:
        return
    width = tensor.shape[0] * 32 / bits
    found = f"{tensor.shape[0]:,} packed rows make a width of {width:,.0f}, not {hidden[1]:,}"
    if width == hidden[1]:
        found = f"{tensor.shape[0]:,} packed rows make the width {hidden[1]:,}"
    place = config.place("bits")
    model.ledger.match(
        "quantisation bits", bits, found, place, [Place(tensor.file, tensor.name)], same=width == hidden[1]
    )
