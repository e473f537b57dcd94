"""What lies beside the weights: the tokenizer, adapters' configurations, the names of bases."""

import re
from math import prod

from assaymark.core.finding import Severity
from assaymark.model.origin.claims import Place, Result
from assaymark.model.origin.kinds import EMBEDDINGS
from assaymark.model.origin.model import Config, Model
from assaymark.model.origin.stock import Set

_TOKENIZER = 64 << 20
_RANKS = re.compile(r"\.lora_(A|B)\.|\.lora_(A|B)\.default\.|lora_embedding_(A|B)")


def check(model: Model) -> None:
    """Enter what tokenizers and adapters say, and which base is named where."""
    _tokenizer(model)
    for one in model.sets:
        if one.is_adapter and one.complete:
            config = model.config(f"{one.folder}adapter_config.json")
            if config is not None:
                adapter(model, one, config)
    _shards(model)
    _bases(model)


def _tokenizer(model: Model) -> None:
    """Every id that the tokenizer gives needs its row."""
    mains = [one for one in model.main if one.complete and not one.is_adapter and one.gguf is None]
    rows = {
        t.shape[0]: t for one in mains for n, t in one.tensors.items() if n.endswith(EMBEDDINGS) and len(t.shape) == 2
    }
    config = model.config("config.json")
    if len(rows) != 1 or (config and isinstance(config.values.get("text_config"), dict)):
        return
    tokenizer = model.config("tokenizer.json", _TOKENIZER)
    highest = -1
    path = "tokenizer.json"
    if tokenizer is not None:
        inner = tokenizer.values.get("model")
        vocabulary = inner.get("vocab") if isinstance(inner, dict) else None
        if isinstance(vocabulary, dict):
            highest = max((n for n in vocabulary.values() if type(n) is int), default=-1)
        elif isinstance(vocabulary, list):
            highest = len(vocabulary) - 1
        added = tokenizer.values.get("added_tokens")
        numbers = [a.get("id") for a in added if isinstance(a, dict)] if isinstance(added, list) else []
        highest = max([highest, *(n for n in numbers if type(n) is int)])
    elif (text := model.text("vocab.txt", _TOKENIZER)) is not None:
        highest, path = text.rstrip("\n").count("\n"), "vocab.txt"
    elif (plain := model.config("vocab.json", _TOKENIZER)) is not None:
        highest, path = max((n for n in plain.values.values() if type(n) is int), default=-1), "vocab.json"
    if highest < 0:
        return
    ((count, table),) = rows.items()
    model.ledger.match(
        "tokenizer", f"ids up to {highest:,}", f"{count:,} rows of embeddings", Place(path), [Place(table.file, table.name)],
        same=highest < count, note="rows beyond the tokenizer are padding" if highest + 1 < count else "",
    )  # fmt: skip


def adapter(model: Model, one: Set, config: Config) -> None:
    """Rank and target modules against the pairs of matrices."""
    values = config.values
    rank = config.number("r")
    ranks: dict[int, str] = {}
    modules: set[str] = set()
    for name, tensor in one.tensors.items():
        match = _RANKS.search(name)
        if match is None or len(tensor.shape) < 2 or not prod(tensor.shape):
            continue
        side = next(filter(None, match.groups()))
        ranks.setdefault(tensor.shape[0] if side == "A" else tensor.shape[1], name)
        modules.add(name[: match.start()].rsplit(".", 1)[-1])
    if not ranks:
        return
    if rank is not None and values.get("peft_type") in {"LORA", None} and not values.get("rank_pattern"):
        found = ", ".join(f"{n:,}" for n in sorted(ranks)[:10])
        places = [Place(one.files[0], name) for name in list(ranks.values())[:3]]
        model.ledger.match(
            "adapter rank", rank[1], found, config.place("r"), places, Severity.HIGH, same=set(ranks) == {rank[1]}
        )
    targets = values.get("target_modules")
    if isinstance(targets, list) and targets and all(isinstance(target, str) for target in targets):
        wanted = {target.rsplit(".", 1)[-1] for target in targets}
        strange = sorted(modules - wanted)
        missing = sorted(wanted - modules)
        found = ", ".join(sorted(modules)[:12])
        note = f"none of {', '.join(missing[:6])}: the base may have no such module" if missing else ""
        model.ledger.match(
            "adapter modules", ", ".join(sorted(wanted)[:12]), found, config.place("target_modules"), [Place(one.files[0])],
            note=f"not named: {', '.join(strange[:6])}" if strange else note, same=not strange,
        )  # fmt: skip


def _shards(model: Model) -> None:
    """Files that the names or the index say there are."""
    for one in model.sets:
        if one.declared > 1:
            place = Place(one.files[0], "its name")
            model.ledger.match("shards", one.declared, len(one.files), place, [Place(f) for f in one.files[:3]])
        index = model.config(f"{one.folder}{one.stem}.{one.kind}.index.json", 64 << 20)
        listed = index.values.get("weight_map") if index else None
        if index is None or not isinstance(listed, dict) or not one.complete:
            continue
        names = {str(name) for name in listed}
        missing, surplus = sorted(names - one.tensors.keys()), sorted(one.tensors.keys() - names)
        strays = [n for n, file in listed.items() if n in one.tensors and one.tensors[n].file != f"{one.folder}{file}"]
        found = f"{len(one.tensors):,} tensors" + "".join(
            f"; {word} {', '.join(some[:3])}"
            for word, some in (("missing", missing), ("not listed", surplus), ("elsewhere", strays))
            if some
        )
        same = not (missing or surplus or strays)
        model.ledger.match(
            "index",
            f"{len(names):,} tensors",
            found,
            index.place("weight_map"),
            [Place(f) for f in one.files[:3]],
            same=same,
        )


def declared_bases(model: Model) -> list[tuple[str, Place]]:
    """Who is named as the base, and where; the card first."""
    found: list[tuple[str, Place]] = []
    if model.card is not None:
        found += [(text, Place(model.card.path, f"line {line}")) for text, line in model.card.values("base_model")]
    for path in sorted(model.tree.files):
        if path.rsplit("/", 1)[-1] == "adapter_config.json":
            config = model.config(path)
            value = config.values.get("base_model_name_or_path") if config else None
            if config and isinstance(value, str) and value:
                found.append((value, config.place("base_model_name_or_path")))
    for one in model.sets:
        for number in range(8):
            value = one.gguf.text(f"general.base_model.{number}.repo_url") if one.gguf else ""
            if value:
                found.append(
                    (
                        re.sub(r"^https?://[^/]+/", "", value),
                        Place(one.files[0], f"general.base_model.{number}.repo_url"),
                    )
                )
    return found[:100]


def _bases(model: Model) -> None:
    """The card and the adapter have to name one base."""
    bases = declared_bases(model)
    card = {text.lower() for text, place in bases if model.card and place.path == model.card.path}
    for text, place in bases:
        if place.path.endswith("adapter_config.json") and card:
            same = any(text.lower() == one or one.endswith("/" + text.lower().rsplit("/", 1)[-1]) for one in card)
            by = [other for name, other in bases if name.lower() in card]
            if same:
                model.ledger.match("base named", text, ", ".join(sorted(card)), place, by, same=True)
            elif "/" in text and not text.startswith((".", "/", "~")):
                note = "card and adapter name different bases"
                model.ledger.match("base named", text, ", ".join(sorted(card)), place, by, note=note, same=False)
            else:
                model.ledger.say(
                    "base named", text, ", ".join(sorted(card)), Result.UNVERIFIABLE, (place,), by, note="a local path"
                )
