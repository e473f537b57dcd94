"""What the checks of `assaymark.model.checks.origin` read: what was made of claims, records and snapshots, by file."""

from dataclasses import dataclass

from assaymark.core.finding import Severity
from assaymark.model.origin.claims import Claim, Result
from assaymark.model.origin.documented import Documented
from assaymark.model.origin.history import Shift
from assaymark.model.origin.incidents import Incident


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims that stand in one file."""

    claims: tuple[Claim, ...]

    def contradicted(self, severity: Severity, *, digests: bool = False) -> tuple[Claim, ...]:
        """Those of this weight that the bytes contradict; of digests only, or of anything else only."""
        return tuple(
            claim for claim in self.claims
            if claim.result is Result.CONTRADICTED and claim.severity is severity and claim.about.startswith("digest of") is digests
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unchecked:
    """What had to be looked at and could not be."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Incidents:
    """Records that speak of the model, its base or its publisher."""

    incidents: tuple[Incident, ...]


@dataclass(frozen=True, slots=True)
class Documentation:
    """The sections of a card."""

    sections: tuple[Documented, ...]


@dataclass(frozen=True, slots=True)
class History:
    """What changed between snapshots, worst first."""

    shifts: tuple[Shift, ...]


@dataclass(frozen=True, slots=True)
class Lookalike:
    """A name that could be taken for one that the user means."""

    name: str
    other: str
