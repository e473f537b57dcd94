"""What a card says of training data, method, evaluation, limits, licence and use: with substance, or an empty form."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from assaymark.model.origin.card import Card, Section

_LEAST = 8
"""Words of a section that says anything."""
_EMPTY = re.compile(
    r"\[?\s{0,5}(?:more information needed|needs? more information|todo|tbd|to be (?:added|determined)|coming soon|n/?a|fill in|your .{1,30} here)\s{0,5}\]?\.?|\[[^\]\n]{0,60}\]\s{0,5}$|\{\{[^{}]{0,200}\}\}|<!--(?:(?!<!--).)*?-->",
    re.IGNORECASE | re.DOTALL,
)
_FORM = re.compile(
    r"this (?:modelcard|model card) aims to be a base template|has been generated using \[?this raw template"
    r"|this is the model card of a .{1,20} transformers model that has been pushed on the hub"
    r"|users \(both direct and downstream\) should be made aware of the risks, biases and limitations of the model"
    r"|provide (?:a|the) (?:quick summary|basic links|longer summary)|carbon emissions can be estimated using the",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"\*\*[^*]{1,80}:?\*\*:?|^[ \t]{0,20}[-*|#>]+|[|`*_]", re.MULTILINE)


class State(StrEnum):
    """What there is of a section."""

    PRESENT = "present"
    THIN = "thin"
    """A heading, and a few words."""
    EMPTY = "empty"
    """A heading, and the text of a form that nobody filled in."""
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Documented:
    """One thing that a reviewer wants to know. `line` is 0 where there is nothing."""

    what: str
    state: State
    line: int
    words: int
    lacks: str
    """What a reviewer lacks, as a sentence; empty where nothing."""

    def to_json(self) -> dict[str, Any]:
        """In the report."""
        return {
            "what": self.what,
            "state": self.state.value,
            "line": self.line,
            "words": self.words,
            "lacks": self.lacks,
        }


@dataclass(frozen=True, slots=True)
class _Wanted:
    headings: re.Pattern[str]
    keys: tuple[str, ...]
    """Keys of the front matter that say it as well."""
    lacks: str


def _wanted(headings: str, keys: str, lacks: str) -> _Wanted:
    return _Wanted(re.compile(headings, re.IGNORECASE), tuple(keys.split()), lacks)


WANTED: Mapping[str, _Wanted] = {
    "training data": _wanted(
        r"training (?:and evaluation )?data|datasets?\b|data sources?|pre-?training (?:data|corpus)|corpus",
        "datasets", "which data it was trained on, in which version, and who collected it under which terms",
    ),
    "methodology": _wanted(
        r"training (?:procedure|details|hyper-?parameters|regime|process|methodology|recipe)|how it was (?:trained|made)|methodology|^training$|fine-?tuning|^method|preprocessing|architecture",
        "", "how it was trained: code, hyperparameters, hardware, and what it was started from",
    ),
    "evaluation": _wanted(
        r"evaluation|results|metrics|benchmark|performance|testing", "model-index metrics eval_results",
        "on what it was evaluated, with which result, and by whom",
    ),
    "limitations": _wanted(
        r"limitation|bias|risks?\b|caveats|known issues|safety|ethical", "", "where it fails and which risks are known",
    ),
    "intended use": _wanted(
        r"intended use|uses?\b|direct use|how to use|usage|out-of-scope|applications?|getting started|how to get started",
        "pipeline_tag", "what it is meant for, and what it must not be used for",
    ),
    "licence": _wanted(r"licen[cs]e", "license", "under which licence it may be used"),
}  # fmt: skip


def documented(card: Card | None) -> list[Documented]:
    """Each of the wanted things, in their order."""
    if card is None:
        return [Documented(what, State.MISSING, 0, 0, _lack(want, "there is no card")) for what, want in WANTED.items()]
    return [_one(card, what, want) for what, want in WANTED.items()]


def _one(card: Card, what: str, want: _Wanted) -> Documented:
    found: list[tuple[State, int, int]] = []
    for index, section in enumerate(card.sections):
        if section.title and want.headings.search(section.title):
            words, form = _substance(_with_parts(card.sections, index))
            state = State.PRESENT if words >= _LEAST else State.EMPTY if form or not words else State.THIN
            if what == "licence" and words >= 1 and not form:
                state = State.PRESENT
            found.append((state, section.line, words))
    for key in want.keys:
        node = card.front.get(key) if card.front is not None else None
        if node is not None and (node.items or node.pairs or (node.text and not _EMPTY.fullmatch(node.text))):
            named = what in {"licence", "evaluation"}
            # A name alone says neither what is in the data nor what the model is not for.
            found.append((State.PRESENT if named else State.THIN, node.line, len(node.items) or 1))
    if not found:
        return Documented(what, State.MISSING, 0, 0, _lack(want, "no section and no field speaks of it"))
    order = [State.PRESENT, State.THIN, State.EMPTY]
    state, line, words = min(found, key=lambda one: (order.index(one[0]), -one[2], one[1]))
    why = {State.THIN: f"line {line} says next to nothing", State.EMPTY: f"line {line} is a form that nobody filled in"}
    return Documented(what, state, line, words, "" if state is State.PRESENT else _lack(want, why[state]))


def _lack(want: _Wanted, why: str) -> str:
    return f"{why}: a reviewer cannot tell {want.lacks}"


def _with_parts(sections: tuple[Section, ...], index: int) -> Iterator[Section]:
    """A section and those below it."""
    yield sections[index]
    for section in sections[index + 1 : index + 60]:
        if section.level <= sections[index].level:
            return
        yield section


def _substance(parts: Iterator[Section]) -> tuple[int, bool]:
    """Words that are no form's, and whether a form's were there."""
    words, form = 0, False
    for section in parts:
        text = section.text[:20_000]
        bare = "\n".join(line for line in _EMPTY.sub("", text).split("\n") if not _FORM.search(line))
        form |= bare != text and (_EMPTY.search(text) is not None or _FORM.search(text) is not None)
        words += sum(any(c.isalnum() for c in word) for word in _MARKUP.sub(" ", bare).split())
    return words, form
