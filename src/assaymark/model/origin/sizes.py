"""How many parameters are claimed, and how many there are.

A label such as `7B` is rounded, and makers count differently (with or without embeddings, experts that are active): it is
contradicted only where the count is beyond 35 % of it. A number that is written out has to hold within 2 %.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from assaymark.core.finding import Severity
from assaymark.model.origin.claims import Place, Result
from assaymark.model.origin.model import Config, Model
from assaymark.model.origin.stock import Set

LABEL, WRITTEN = 0.35, 0.02
"""Tolerated difference, as a share of what is claimed."""
_UNITS = {"k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_NAMED = re.compile(
    r"(?<![A-Za-z0-9.])(?:(?P<experts>\d{1,3})x)?(?P<size>\d_\d|\d{1,4}(?:\.\d{1,3})?)\s?(?P<unit>[BbMm])(?![A-Za-z0-9])"
)
_SPOKEN = re.compile(
    r"(?<![\w.,])(?P<size>\d{1,3}(?:,\d{3})+|\d{1,15}(?:\.\d{1,6})?)\s?(?P<unit>[KkMmBbT]|million|billion|trillion)?\+?[ -]?"
    r"(?:trainable |total |learnable |model )?param(?:eter)?s?\b",
    re.IGNORECASE,
)
_FIELD = re.compile(
    r"(?:^|[|*\s])(?:number of |total |model )?(?:param(?:eter)?s?|parameter count|model size|#\s?params)\s?(?:\*\*)?\s?[:|=]\s?(?:\*\*)?\s*"
    r"[~≈]?(?P<size>\d{1,3}(?:,\d{3})+|\d{1,15}(?:\.\d{1,6})?)\s?(?P<unit>[KkMmBbT]|million|billion|trillion)?(?![\w.])",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r"\b(?:than|teacher|compared|versus|vs\.?|distill\w*|draft|family|sizes|ranging|outperform\w*)\b", re.IGNORECASE
)
_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")


@dataclass(frozen=True, slots=True)
class Stated:
    """A number of parameters as somebody says it. `rounded`: a label. `firm`: a field of its own and no mere name."""

    text: str
    low: float
    high: float
    place: Place
    rounded: bool
    firm: bool
    spoken: bool = False
    """In a sentence or a field of the card, and not in a name."""

    def fits(self, count: int) -> bool:
        """Whether the count is near enough."""
        slack = LABEL if self.rounded else WRITTEN
        return self.low * (1 - slack) <= count <= self.high * (1 + slack)


def labels(text: str, place: Place, *, firm: bool = False, millions: bool = True) -> Iterator[Stated]:
    """Labels in a name: `7B`, `350M`, `1_6b`, `8x7B`; not `A3B`, `E2B` or `s32B`, which count something else."""
    for match in _NAMED.finditer(text[:1000]):
        size = float(match["size"].replace("_", ".")) * _UNITS[match["unit"].lower()]
        if not size or (match["unit"] in "Mm" and (not millions or size < 2e6)):
            continue
        experts = int(match["experts"] or 1)
        low = size * max(1.0, experts * 0.5)
        yield Stated(match[0], low, size * experts, place, rounded=True, firm=firm)


def spoken(text: str, place: Place) -> Iterator[Stated]:
    """`7 billion parameters`, `124,439,808 params`, `Parameters: 7B`."""
    for pattern in (_FIELD, _SPOKEN):
        for match in pattern.finditer(text[:2000]):
            unit = (match["unit"] or "").lower()
            size = float(match["size"].replace(",", "")) * _UNITS.get(unit, 1)
            if size < 1000:
                continue
            exact = not unit
            yield Stated(
                match[0].strip(" |*\n"), size, size, place, rounded=not exact, firm=pattern is _FIELD, spoken=True
            )


def counted(one: Set, config: Config | None) -> tuple[int | None, str]:
    """Parameters of a set as a person counts them, packed ones unpacked; None and why where that cannot be told."""
    if not one.complete:
        return None, "not all of its files are there and readable"
    method = config.values.get("quantization_config") if config else None
    if not isinstance(method, dict):
        packed = sum(t.elements for t in one.tensors.values() if t.dtype in {"U8", "I32"})
        if packed * 5 > one.parameters:
            return None, "its values are packed, and no configuration says how"
        return one.parameters, ""
    bits = method.get("bits", method.get("w_bit", 4 if method.get("load_in_4bit") else 8))
    total = 0
    for name, tensor in one.tensors.items():
        if name.endswith(
            (
                ".qzeros",
                ".g_idx",
                ".scales",
                ".SCB",
                ".absmax",
                ".quant_map",
                ".nested_absmax",
                "_scale",
                "_scale_inv",
                ".weight_shape",
            )
        ):
            continue
        if "quant_state" in name or "nested_quant_map" in name:
            continue
        packs = tensor.dtype == "I32" or (tensor.dtype == "U8" and method.get("quant_method") == "bitsandbytes")
        width = {"I32": 32, "U8": 8}.get(tensor.dtype, 1)
        total += (
            tensor.elements * width // bits if packs and type(bits) is int and 0 < bits <= width else tensor.elements
        )
    return total, "packed values were counted one by one"


def check(model: Model) -> None:
    """Enter what is said of the number of parameters."""
    mains = [one for one in model.main if not one.is_adapter]
    config = model.config("config.json")
    counts = [(one, *counted(one, model.config(f"{one.folder}config.json"))) for one in mains]
    known = [count for _, count, _ in counts if count is not None]
    why = next(
        (why for _, count, why in counts if count is None), "" if mains else "only an adapter, or no weights, are there"
    )
    total = None if (why and len(known) < len(counts)) or not known else sum(known)
    against = [Place(file) for one in mains for file in one.files[:3]]
    every = _stated(model)
    several = total is not None and _agreed(every, total)
    for stated in every:
        candidates = sorted({*known, *([total] if total is not None else [])})
        if total is None or not mains:
            model.ledger.say(
                "parameters", stated.text, "unknown", Result.UNVERIFIABLE, (stated.place,), against, note=why
            )
            continue
        fits = any(stated.fits(count) for count in candidates)
        note = _tolerance(stated, total)
        if not fits and total > stated.high and config and config.number(*_EXPERTS):
            note = "the model has experts: the claim may count those that are active"
            model.ledger.say("parameters", stated.text, total, Result.UNVERIFIABLE, (stated.place,), against, note=note)
            continue
        severity = Severity.HIGH if stated.firm or several else Severity.MEDIUM
        model.ledger.match("parameters", stated.text, total, stated.place, against, severity, note, same=fits)
    for one in model.sets:
        _inside(model, one)


def _agreed(every: list[Stated], total: int) -> bool:
    """Names, and sentences of the card, say the same, and all are off by more than a factor of two."""
    off = [stated for stated in every if not stated.low / 2 <= total <= stated.high * 2]
    told = {stated.spoken for stated in off}
    return len(off) == len(every) and told == {True, False}


def _tolerance(stated: Stated, total: int) -> str:
    share = LABEL if stated.rounded else WRITTEN
    what = "a label" if stated.rounded else "a number written out"
    return f"{total / stated.high:.3g} times what is said; {share:.0%} more or less are tolerated for {what}"


def _stated(model: Model) -> list[Stated]:
    """All statements; of prose only where it says one thing, of names the first label that is no amount of data."""
    found: list[Stated] = []
    card = model.card
    if card is not None:
        for key in ("tags", "model_name", "model_size", "parameters", "params"):
            firm = key in {"model_size", "parameters", "params"}
            for text, line in card.values(key):
                place = Place(card.path, f"line {line}")
                found += labels(text, place, firm=firm)
                if firm and text.replace(",", "").isdigit() and int(text.replace(",", "")[:18]) >= 1000:
                    size = int(text.replace(",", "")[:18])
                    found.append(Stated(text, size, size, place, rounded=False, firm=True))
        title = next((section for section in card.sections if section.level == 1), None)
        if title is not None:
            found += list(labels(title.title, Place(card.path, f"line {title.line}")))[:1]
        found += _prose(card.lines(), card.path)
    found += list(labels(model.name, Place(model.name)))[:1]
    return found[:50]


def _prose(lines: Iterable[tuple[int, str]], path: str) -> list[Stated]:
    every = [
        stated for number, line in lines if not _OTHERS.search(line) and line.count("|") < 6
        for stated in spoken(line, Place(path, f"line {number}"))
    ]  # fmt: skip
    firm = [stated for stated in every if stated.firm]
    chosen = firm or every
    if not chosen or max(s.high for s in chosen) > 1.7 * min(s.low for s in chosen):
        return []  # it speaks of several models
    return chosen[:5]


def _inside(model: Model, one: Set) -> None:
    """What the files say of themselves: GGUF's keys and name, the index of shards."""
    if one.gguf is not None and one.complete and not one.is_adapter:
        place = Place(one.files[0], "general.parameter_count")
        declared = one.gguf.number("general.parameter_count")
        if declared:
            same = abs(one.parameters - declared) <= declared * WRITTEN
            model.ledger.match(
                "parameters", declared, one.parameters, place, [Place(one.files[0])], Severity.HIGH, same=same
            )
        for key in ("general.size_label", "general.name"):
            place = Place(one.files[0], key)
            for stated in list(labels(one.gguf.text(key), place, firm=key == "general.size_label"))[:1]:
                moe = one.gguf.of_architecture("expert_count")
                if stated.fits(one.parameters) or not moe:
                    severity = Severity.HIGH if stated.firm else Severity.MEDIUM
                    model.ledger.match(
                        "parameters", stated.text, one.parameters, place, [Place(one.files[0])], severity,
                        _tolerance(stated, one.parameters), same=stated.fits(one.parameters),
                    )  # fmt: skip
    index = model.config(f"{one.folder}{one.stem}.{one.kind}.index.json", 64 << 20)
    metadata = index.values.get("metadata") if index else None
    if index is None or not isinstance(metadata, dict) or not one.complete:
        return
    for key, actual in (("total_parameters", one.parameters), ("total_size", one.bytes)):
        declared = metadata.get(key)
        if type(declared) is int and (key == "total_size" or declared == actual or not _packed(one)):
            about = "parameters" if key == "total_parameters" else "total size"
            tied = key == "total_parameters" and declared > actual and declared <= actual * 1.5
            if tied:
                note = "tensors that are tied may have been counted twice"
                model.ledger.say(
                    about, declared, actual, Result.UNVERIFIABLE, (index.place(key),), [Place(one.files[0])], note=note
                )
            else:
                model.ledger.match(about, declared, actual, index.place(key), [Place(f) for f in one.files[:3]])


def _packed(one: Set) -> bool:
    return any(dtype in {"U8", "I32"} for dtype in one.dtypes())
