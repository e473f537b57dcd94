"""Claims of descent, where the base is at hand: the base that is named, the relation, and a card of one's own."""

import re

from assaymark.core.finding import Severity
from assaymark.model.origin.base import Kinship
from assaymark.model.origin.beside import declared_bases
from assaymark.model.origin.claims import Place, Result
from assaymark.model.origin.model import Model

_SCRATCH = re.compile(
    r"\b(?:trained|pre-?trained|built|developed) (?:entirely |completely |fully )?from scratch\b", re.IGNORECASE
)
_RELATIONS = {
    "finetune": {"finetune", "merge"},
    "quantized": {"quantized"},
    "adapter": {"fits"},
    "merge": {"finetune", "merge"},
}
_COPIED = 0.8
_LINES = 12
"""Lines of text that a card needs before it can be called a copy."""


def check(model: Model, kin: Kinship | None, base: Model | None, named: str = "") -> None:
    """Enter what is said of the base. `named`: the repository that the base was read from, where that is known."""
    bases = declared_bases(model)
    if kin is None or base is None:
        for text, place in bases:
            note = "the base is not at hand: --base compares the tensors"
            model.ledger.say("base model", text, "unknown", Result.UNVERIFIABLE, (place,), (), note=note)
        return
    _merged(model, kin, bases)
    found = f"{kin.relation}: {kin.why}"
    against = [Place(kin.base)]
    meant, others = _meant(bases, kin.base, named)
    for text, place in meant:
        result = {None: Result.UNVERIFIABLE, True: Result.VERIFIED, False: Result.CONTRADICTED}[kin.is_kin]
        model.ledger.say("base model", text, found, result, (place,), against, Severity.HIGH)
    for text, place in others:
        note = "it is another one than --base, or which of them --base is cannot be told"
        model.ledger.say("base model", text, "unknown", Result.UNVERIFIABLE, (place,), against, note=note)
    if not meant and kin.is_kin and (named or not bases):
        _undeclared(model, kin, bases)
    _relation(model, kin)
    if kin.is_kin and model.card is not None:
        for number, line in model.card.lines():
            if _SCRATCH.search(line[:2000]):
                place = Place(model.card.path, f"line {number}")
                model.ledger.match("training", "from scratch", found, place, against, Severity.HIGH, same=False)
                break
    _copied(model, base)


def _meant(
    bases: list[tuple[str, Place]], base: str, named: str
) -> tuple[list[tuple[str, Place]], list[tuple[str, Place]]]:
    """The statements that speak of the base that is at hand, and the others. One alone is taken to: the user says that it is."""
    tail = (named or base).rsplit("/", 1)[-1].lower()
    if named:
        mine = [one for one in bases if one[0].lower() == named.lower()]
    elif len({text.lower() for text, _ in bases}) == 1:
        mine = bases
    else:
        mine = [one for one in bases if one[0].lower().rsplit("/", 1)[-1] == tail]
    return mine, [one for one in bases if one not in mine]


def _merged(model: Model, kin: Kinship, bases: list[tuple[str, Place]]) -> None:
    """Tensors of a merge look like those of a fine-tune; that it is one is said by the recipe, a tag, or several bases."""
    tags = {text.lower() for text, _ in model.card.values("tags")} if model.card else set()
    several = len({text.lower() for text, _ in bases}) > 1 and not any(one.is_adapter for one in model.main)
    if kin.relation == "finetune" and (
        several or tags & {"merge", "mergekit"} or "mergekit_config.yml" in model.tree.files
    ):
        kin.relation, kin.why = (
            "merge",
            f"{kin.why}; it is said to be a merge, which tensors cannot tell from a fine-tune",
        )


def _undeclared(model: Model, kin: Kinship, bases: list[tuple[str, Place]]) -> None:
    """Made from a base that nobody names."""
    says = f"made from {', '.join(sorted({text for text, _ in bases}))}" if bases else "no base is named"
    by = [place for _, place in bases] or [Place(model.card.path if model.card else model.name)]
    share = f"{kin.share('identical'):.0%} of its values are identical, {kin.share('close'):.0%} close"
    model.ledger.say(
        "undeclared base", says, f"{kin.relation} of {kin.base}: {share}", Result.CONTRADICTED, by, [Place(kin.base)],
        Severity.HIGH if kin.relation in {"copy", "conversion"} else Severity.MEDIUM, note=kin.why,
    )  # fmt: skip


def _relation(model: Model, kin: Kinship) -> None:
    said = model.card.values("base_model_relation") if model.card else []
    for text, line in said[:1]:
        wanted = _RELATIONS.get(text.lower())
        place = Place(model.card.path if model.card else "", f"line {line}")
        if wanted is None or kin.relation in {"unknown", "unrelated"}:
            model.ledger.say(
                "relation to base", text, kin.relation, Result.UNVERIFIABLE, (place,), [Place(kin.base)], note=kin.why
            )
        else:
            model.ledger.match(
                "relation to base",
                text,
                kin.relation,
                place,
                [Place(kin.base)],
                note=kin.why,
                same=kin.relation in wanted,
            )


def _copied(model: Model, base: Model) -> None:
    """The card's sentences are the base's."""
    if model.card is None or base.card is None:
        return
    ours, theirs = (
        {line.strip() for line in one.body.split("\n") if len(line.strip()) > 20} for one in (model.card, base.card)
    )
    shared = len(ours & theirs)
    if len(ours) >= _LINES and shared >= _COPIED * len(ours):
        place = Place(model.card.path)
        found = f"{shared:,} of its {len(ours):,} lines of text stand in the base's card"
        model.ledger.match(
            "card",
            "a card of its own",
            found,
            place,
            [Place(f"{base.name}/{base.card.path}")],
            Severity.LOW,
            same=False,
        )
