"""What checks are told of a boosted-tree model."""

from dataclasses import dataclass, field

MOST = 50
"""Contradictions that are listed."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two parts of the file that cannot both be true. `where` names the part, `what` completes "… <what>"."""

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class BoosterView:
    """One model. `library` is XGBoost, LightGBM or CatBoost; lists are bounded, `more` counts what found no room."""

    library: str
    objective: str
    trees: int
    contradictions: tuple[Contradiction, ...]
    more: int
    reaches: tuple[tuple[str, str], ...] = ()
    """(parameter, value) of settings that name hosts or files."""


@dataclass
class Findings:
    """Contradictions as they are collected."""

    listed: list[Contradiction] = field(default_factory=list)
    more: int = 0

    def add(self, where: str, what: str) -> None:
        """Keep it while there is room."""
        if len(self.listed) < MOST:
            self.listed.append(Contradiction(where[:200], what[:300]))
        else:
            self.more += 1
