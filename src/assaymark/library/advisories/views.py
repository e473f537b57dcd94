"""What an audit may find, as the checks LIB601 to LIB606 are given it. The severity of LIB601 is the advisory's own."""

from assaymark.core.finding import Hit
from assaymark.core.record import dataclass
from assaymark.library.advisories.known import Known


@dataclass(frozen=True, slots=True)
class Vulnerable:
    """A sure match whose severity is known."""

    known: Known


@dataclass(frozen=True, slots=True)
class Malicious:
    """A sure match of a malicious release."""

    known: Known


@dataclass(frozen=True, slots=True)
class Unrated:
    """A sure match whose severity nobody says."""

    known: Known


@dataclass(frozen=True, slots=True)
class Possible:
    """A match that cannot be decided."""

    known: Known


@dataclass(frozen=True, slots=True)
class FeedTrouble:
    """No feed for an ecosystem, or one that is too old."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Unaudited:
    """Something of the inventory that no record could be held against."""

    what: str
    why: str
    line: int | None = None


View = Vulnerable | Malicious | Unrated | Possible | FeedTrouble | Unaudited


def hit_of(known: Known) -> Hit:
    """The line in which a match is told."""
    place = f"{known.name} {known.version or '(version not known)'}"
    also = f" ({', '.join(known.aliases[:4])})" if known.aliases else ""
    what = f"{known.id}{also}"
    if known.possibly:
        what = f"possibly {what}: {known.why}"
    parts = [f"{place}: {what}", known.summary]
    if known.score is not None:
        parts.append(f"CVSS {known.score:g}")
    if known.kev:
        parts.append(f"known to be exploited since {known.kev[0]}" + (", by ransomware" if known.kev[2] else ""))
    if known.epss is not None:
        parts.append(f"EPSS {known.epss:.1%}")
    if known.malicious:
        parts.append(f"malicious release, {known.why}")
    else:
        parts.append(f"fixed in {', '.join(known.fixed[:3])}" if known.fixed else "no fixed version is known")
    return Hit("; ".join(part for part in parts if part), line=known.line or None, symbol=known.symbol)


def view_of(known: Known) -> View:
    """The view by what is known."""
    if known.possibly:
        return Possible(known)
    if known.malicious:
        return Malicious(known)
    return Unrated(known) if known.severity is None and not known.kev else Vulnerable(known)
