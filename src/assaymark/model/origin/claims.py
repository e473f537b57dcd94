"""A claim: what somebody says of a model, what was found, and how the two go together."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from assaymark.core.finding import Severity

_TEXT = 300


class Result(StrEnum):
    """What became of a claim."""

    VERIFIED = "verified"
    """The bytes bear it out."""
    CONTRADICTED = "contradicted"
    """The bytes say something else."""
    UNVERIFIABLE = "unverifiable"
    """Nothing that is at hand can tell."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands: `at` is `line 3`, a key, a tensor, or "" for the file."""

    path: str
    at: str = ""

    def __str__(self) -> str:
        return f"{self.path} ({self.at})" if self.at else self.path


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement. `about` is its kind (`parameters`, `dtype`, …); `severity` weighs a contradiction of it.

    `by` says where the claim stands, `against` what it was held against. `asked`: the user wants to know this one.
    """

    about: str
    says: str
    found: str
    result: Result
    by: tuple[Place, ...] = ()
    against: tuple[Place, ...] = ()
    severity: Severity = Severity.MEDIUM
    note: str = ""
    asked: bool = False

    def to_json(self) -> dict[str, Any]:
        """The claim in the report."""
        return {
            "about": self.about,
            "says": self.says,
            "found": self.found,
            "result": self.result.value,
            "severity": self.severity.word,
            "note": self.note,
            "asked": self.asked,
            "by": [{"path": place.path, "at": place.at} for place in self.by],
            "against": [{"path": place.path, "at": place.at} for place in self.against],
        }


@dataclass
class Ledger:
    """The claims of one model, in the order in which they were heard; the same claim twice is one with both places."""

    claims: list[Claim] = field(default_factory=list)
    _known: dict[tuple[str, str, str, Result], int] = field(default_factory=dict)

    def say(  # noqa: PLR0913 - a claim has so many sides
        self,
        about: str,
        says: object,
        found: object,
        result: Result,
        by: Iterable[Place] = (),
        against: Iterable[Place] = (),
        severity: Severity = Severity.MEDIUM,
        note: str = "",
        *,
        asked: bool = False,
    ) -> None:
        """Enter a claim."""
        made = Claim(
            about,
            _short(says),
            _short(found),
            result,
            tuple(by)[:20],
            tuple(against)[:20],
            severity,
            _short(note),
            asked,
        )
        key = (made.about, made.says, made.found, made.result)
        index = self._known.setdefault(key, len(self.claims))
        if index == len(self.claims):
            self.claims.append(made)
            return
        old = self.claims[index]
        self.claims[index] = replace(
            old,
            by=tuple(dict.fromkeys((*old.by, *made.by)))[:20],
            against=tuple(dict.fromkeys((*old.against, *made.against)))[:20],
            severity=max(old.severity, made.severity),
            note=old.note or made.note,
            asked=old.asked or made.asked,
        )

    def match(  # noqa: PLR0913 - as above
        self,
        about: str,
        says: object,
        found: object,
        by: Place,
        against: Iterable[Place],
        severity: Severity = Severity.MEDIUM,
        note: str = "",
        *,
        asked: bool = False,
        same: bool | None = None,
    ) -> None:
        """Enter a claim that is verified where both are equal (or `same` says so), else contradicted."""
        holds = says == found if same is None else same
        result = Result.VERIFIED if holds else Result.CONTRADICTED
        self.say(about, says, found, result, (by,), against, severity, note, asked=asked)


def _short(value: object) -> str:
    text = f"{value:,}" if type(value) is int else str(value)
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…"
