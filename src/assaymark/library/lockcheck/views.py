"""What the checks of this package are given."""

from assaymark.core.finding import Hit
from assaymark.core.record import dataclass
from assaymark.library.inventory.model import Package


@dataclass(frozen=True, slots=True)
class Direct:
    """A package that no index answers for."""

    package: Package
    form: str
    """`url`, `git` or `local`."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One version, and two places that name other files for it."""

    package: Package
    other: Package


@dataclass(frozen=True, slots=True)
class SourceOnly:
    """No wheel is locked: installing it runs its build."""

    package: Package
    file: str


@dataclass(frozen=True, slots=True)
class Yanked:
    """The index took this release back. `reason` as it says."""

    package: Package
    reason: str


@dataclass(frozen=True, slots=True)
class MarkerFault:
    """Entries of one name whose markers leave a hole, or hold at once for two versions."""

    package: Package
    problem: str


def hit_of(message: str, package: Package) -> Hit:
    """What is said of one package, where it stands."""
    return Hit(message, line=package.line or None, symbol=package.name, excerpt=f"{package.name} {package.version}")
