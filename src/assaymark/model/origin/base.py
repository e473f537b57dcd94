"""A model against its base, tensor by tensor: identical, close, different; and what the one is to the other.

Vectors (norms, biases) of unrelated models are alike, since they start at ones and zeros: only matrices decide. Those of two
models that were trained apart are orthogonal, but for chance: their cosine is below 0.05 from a thousand elements on.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from assaymark.core.budget import Budget
from assaymark.model.origin.kinds import layer_of
from assaymark.model.origin.stock import Set, Tensor
from assaymark.model.origin.values import Alike, alike

CLOSE, KIN, APART = 0.98, 0.5, 0.2
"""Cosines: of a light fine-tune, of one that was trained long, and of what has nothing to do with it."""
_LEAST = 256
"""Elements of a matrix that decides anything."""
_LISTED = 500
_LEADS = re.compile(
    r"(?:model|transformer|module|base_model|language_model|bert|roberta|distilbert|electra|vit|encoder_model)\."
)
_LORA = re.compile(r"(?P<module>.*?)\.lora_(?P<side>[AB])(?:\.default)?(?:\.weight)?$")
_GGUF = (
    (re.compile(r"^blk\.(\d+)\."), r"layers.\1."),
    (re.compile(r"\.attn_norm\."), ".input_layernorm."),
    (re.compile(r"\.ffn_norm\."), ".post_attention_layernorm."),
    (re.compile(r"\.ffn_(gate|up|down)\."), r".mlp.\1_proj."),
    (re.compile(r"\.attn_v\."), ".self_attn.v_proj."),
    (re.compile(r"\.attn_output\."), ".self_attn.o_proj."),
    (re.compile(r"^token_embd\."), "embed_tokens."),
    (re.compile(r"^output_norm\."), "norm."),
    (re.compile(r"^output\."), "lm_head."),
)
"""Names of llama.cpp as transformers has them. Queries and keys are left out: their rows are in another order."""


@dataclass
class Layer:
    """Sums of the tensors of one layer, in elements; `cosine` and `difference` are means of its matrices by elements."""

    name: str
    identical: int = 0
    close: int = 0
    different: int = 0
    unread: int = 0
    matrices: int = 0
    cosine: float = 0.0
    difference: float = 0.0

    def add(self, tensor: Tensor, count: int, seen: Alike | None) -> None:
        """Take a tensor in."""
        if seen is None:
            self.unread += count
            return
        if len(tensor.shape) > 1 and count >= _LEAST:
            total = self.matrices + count
            self.cosine += (seen.cosine - self.cosine) * count / total
            self.difference += (min(seen.difference, 1e6) - self.difference) * count / total
            self.matrices = total
        if seen.identical:
            self.identical += count
        elif seen.cast or seen.cosine >= CLOSE:
            self.close += count
        else:
            self.different += count

    def to_json(self) -> dict[str, Any]:
        """In the report."""
        rounded = (round(self.cosine, 6), round(self.difference, 6)) if self.matrices else (None, None)
        return {
            "layer": self.name, "identical": self.identical, "close": self.close, "different": self.different,
            "unread": self.unread, "cosine": rounded[0], "difference": rounded[1],
        }  # fmt: skip


@dataclass
class Kinship:
    """The comparison as a whole. Shares are of our elements. `relation`: see `relate`."""

    base: str
    elements: int = 0
    layers: dict[str, Layer] = field(default_factory=dict)
    cast: int = 0
    resized: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    """Tensors that the base has not, or not in that shape."""
    dropped: int = 0
    """Tensors of the base that are not here."""
    relation: str = "unknown"
    why: str = ""

    def total(self, what: str) -> int:
        """Sum over the layers."""
        return sum(getattr(layer, what) for layer in self.layers.values())

    @property
    def matched(self) -> int:
        """Elements that were compared."""
        return self.total("identical") + self.total("close") + self.total("different")

    @property
    def cosine(self) -> float:
        """Mean over the matrices, by elements."""
        matrices = self.total("matrices")
        return sum(layer.cosine * layer.matrices for layer in self.layers.values()) / matrices if matrices else 0.0

    def share(self, what: str) -> float:
        """Of all our elements."""
        return self.total(what) / self.elements if self.elements else 0.0

    @property
    def is_kin(self) -> bool | None:
        """Whether the one was made from the other; None where it cannot be told."""
        return {"unrelated": False, "unknown": None, "fits": None}.get(self.relation, True)

    def to_json(self) -> dict[str, Any]:
        """In the report."""
        return {
            "base": self.base, "relation": self.relation, "why": self.why, "elements": self.elements,
            "shares": {what: round(self.share(what), 6) for what in ("identical", "close", "different", "unread")},
            "cosine": round(self.cosine, 6) if self.total("matrices") else None,
            "resized": self.resized[:20], "new": self.new[:50], "new_count": len(self.new), "dropped": self.dropped,
            "layers": [layer.to_json() for layer in list(self.layers.values())[:_LISTED]],
        }  # fmt: skip


def compare(ours: Iterable[Set], theirs: Iterable[Set], name: str, budget: Budget) -> Kinship:
    """Hold every tensor against that of the same name; raises OverBudget when the time is up."""
    mine, kin = list(ours), Kinship(name)
    other = _by_name(theirs)
    if mine and all(one.is_adapter for one in mine):
        return _adapter(mine, other, kin)
    tensors = _by_name(mine)
    kin.elements = sum(tensor.elements for tensor in tensors.values())
    for short, tensor in tensors.items():
        match = other.get(short)
        count = _common(tensor, match) if match else 0
        if match is None or not count:
            kin.new.append(tensor.name)
            continue
        if match.shape != tensor.shape and tensor.elements != match.elements:
            kin.resized.append(tensor.name)
        seen = alike(tensor, match, count, budget.tick)
        if seen is not None and seen.cast:
            kin.cast += count
        name_of = layer_of(short)
        kin.layers.setdefault(name_of, Layer(name_of)).add(tensor, count, seen)
    kin.dropped = len(other.keys() - tensors.keys())
    relate(
        kin, quantised=any(_is_packed(t) for t in tensors.values()) and not any(_is_packed(t) for t in other.values())
    )
    return kin


def relate(kin: Kinship, *, quantised: bool) -> None:
    """Say what the one is to the other: `copy`, `conversion`, `quantized`, `finetune`, `unrelated` or `unknown`."""
    matrices, matched = kin.total("matrices"), kin.matched
    same, cosine = kin.total("identical"), kin.cosine
    if not matched or matched < 0.02 * kin.elements:
        kin.relation = "unknown"
        kin.why = "next to no tensor has a counterpart of its name and shape whose values can be read"
        if not matched and not kin.total("unread") and kin.elements:
            kin.relation, kin.why = "unrelated", "no tensor has the name and shape of one of the base"
    elif same + kin.cast >= 0.999 * kin.elements and not kin.resized:
        kin.relation = "conversion" if kin.cast else "copy"
        kin.why = "every value is the base's" + (", rounded to another type" if kin.cast else "")
    elif not matrices:
        kin.why = "only vectors could be compared, which are alike in unrelated models"
        kin.relation = "quantized" if quantised and same >= 0.9 * matched else "unknown"
    elif cosine >= KIN or same >= 0.2 * kin.elements:
        kin.relation = "quantized" if quantised and cosine >= CLOSE else "finetune"
        kin.why = f"its matrices have a mean cosine of {cosine:.3f} with the base's; chance gives less than 0.05"
    elif cosine < APART:
        kin.relation = "unrelated"
        kin.why = (
            f"its matrices have a mean cosine of {cosine:.3f} with the base's: no more than those of any other model"
        )
    else:
        kin.why = f"a mean cosine of {cosine:.3f} is too much for chance and too little for a fine-tune"


def _by_name(sets: Iterable[Set]) -> dict[str, Tensor]:
    """Tensors by their names without what loaders put before them; where two would be one, by the full name."""
    found: dict[str, Tensor] = {}
    for one in sets:
        for name, tensor in one.tensors.items():
            short = _short(name, is_gguf=one.gguf is not None)
            found[name if short in found else short] = tensor
    return found


def _short(name: str, *, is_gguf: bool) -> str:
    if is_gguf:
        for pattern, text in _GGUF:
            name = pattern.sub(text, name)
        return name
    while match := _LEADS.match(name):
        name = name[match.end() :]
    return name


def _common(ours: Tensor, theirs: Tensor) -> int:
    """Values that both have, in the same order: all, or the leading rows where one table is longer."""
    if ours.shape == theirs.shape:
        return ours.elements
    if len(ours.shape) == len(theirs.shape) == 2 and ours.shape[1] == theirs.shape[1]:
        return min(ours.shape[0], theirs.shape[0]) * ours.shape[1]
    return 0


def _is_packed(tensor: Tensor) -> bool:
    return tensor.dtype not in {"F64", "F32", "F16", "BF16", "I64", "BOOL"} and tensor.elements >= _LEAST


def _adapter(mine: list[Set], other: Mapping[str, Tensor], kin: Kinship) -> Kinship:
    """The pairs of an adapter against the matrices that they are added to: names and shapes, which prove no descent."""
    modules: dict[str, dict[str, Tensor]] = {}
    for one in mine:
        for name, tensor in one.tensors.items():
            match = _LORA.match(name)
            kin.elements += tensor.elements
            if match:
                modules.setdefault(_short(match["module"], is_gguf=False), {})[match["side"]] = tensor
    fitting = 0
    for module, pair in modules.items():
        base = other.get(f"{module}.weight")
        fits = base is not None and len(base.shape) == 2 and _fits(pair, base.shape)
        fitting += fits
        if not fits:
            kin.new.append(module)
    if not modules:
        kin.why = "the adapter is of a kind whose places in the base cannot be told"
    elif fitting == len(modules):
        kin.relation, kin.why = "fits", f"all {fitting:,} modules are there in shapes that fit; that proves no descent"
    elif not fitting:
        kin.relation, kin.why = "unrelated", "none of its modules is in the base in a shape that fits"
    else:
        kin.relation = "unrelated"
        kin.why = f"{len(modules) - fitting:,} of {len(modules):,} modules are not in the base in a shape that fits"
    return kin


def _fits(pair: Mapping[str, Tensor], shape: tuple[int, ...]) -> bool:
    """`B A` has the shape of the weight, or of its transpose (Conv1D of GPT-2)."""
    for out, into in (shape, shape[::-1]):
        a, b = pair.get("A"), pair.get("B")
        if (a is None or a.shape[-1] == into) and (b is None or b.shape[0] == out):
            return True
    return False
