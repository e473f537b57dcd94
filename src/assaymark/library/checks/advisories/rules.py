"""LIB601 to LIB606: what an audit finds. The severity of LIB601 is the advisory's own; the rule's is that of one unrated."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.record import dataclass
from assaymark.core.subject import Layer
from assaymark.library.advisories.known import Known

_SINCE = "0.1"


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


@check("LIB601", layer=Layer.LIBRARY, severity=Severity.HIGH, since=_SINCE, refs=("CWE:1395", "OWASP-LLM:LLM03"))
def known_vulnerability(view: Vulnerable) -> Iterator[Hit]:
    """A library has a known vulnerability.

    Why: It is described in public, often with the code to use it; scanners of attackers look for exactly this version.
    Fix: Upgrade to the fixed version that the message names, lock again and audit again. Where the code cannot be reached,
        say so in an ignore with owner and expiry.
    """
    yield _hit(view.known)


@check(
    "LIB602", layer=Layer.LIBRARY, severity=Severity.CRITICAL, since=_SINCE,
    refs=("CWE:506", "ATLAS:AML.T0010.001", "OWASP-LLM:LLM03"),
)  # fmt: skip
def malicious_release(view: Malicious) -> Iterator[Hit]:
    """A library release is known to be malicious.

    Why: Its code was written to harm whoever installs or imports it; where it was installed, secrets of the machine are lost.
    Fix: Remove it, take the machines that installed it for compromised, and change every credential they could read.
    """
    yield _hit(view.known)


@check("LIB603", layer=Layer.LIBRARY, severity=Severity.MEDIUM, holds=True, since=_SINCE, refs=("CWE:1395",))
def unrated_vulnerability(view: Unrated) -> Iterator[Hit]:
    """A library has a known vulnerability of which nobody says how bad it is.

    Why: Unknown is not low: half of the Python advisories carry no rating, critical ones among them.
    Fix: Upgrade to the fixed version; or import a feed that rates it (GitHub's advisories as OSV) and audit again.
    """
    yield _hit(view.known)


@check("LIB604", layer=Layer.LIBRARY, severity=Severity.MEDIUM, holds=True, since=_SINCE, refs=("CWE:1395",))
def possibly_affected(view: Possible) -> Iterator[Hit]:
    """Whether an advisory means a library cannot be decided.

    Why: A version that cannot be read or is not said, or a record without versions, is a question and not a no.
    Fix: Pin the package to one version of its ecosystem, or compare the file's digest with the advisory by hand.
    """
    yield _hit(view.known)


@check("LIB605", layer=Layer.LIBRARY, severity=Severity.MEDIUM, holds=True, since=_SINCE, refs=("CWE:1104",))
def feed_missing_or_stale(view: FeedTrouble) -> Iterator[Hit]:
    """The advisories are missing or too old to say that nothing is known.

    Why: Nothing found in an empty or old list is not the same as nothing known; scanners that print "clean" then are why.
    Fix: Fetch the feed anew and import it: `assay feeds import PATH`; `assay feeds status` shows what is there.
    """
    yield Hit(view.why, symbol=view.what)


@check("LIB606", layer=Layer.LIBRARY, severity=Severity.LOW, holds=True, since=_SINCE, refs=("CWE:1104",))
def not_audited(view: Unaudited) -> Iterator[Hit]:
    """Something could not be held against the advisories.

    Why: Not looked is never clean.
    Fix: Lock the packages so that each has one version, in a format that is read: `uv lock`, `pip lock`, `npm install`.
    """
    yield Hit(f"{view.what}: {view.why}", line=view.line, symbol=view.what)


def _hit(known: Known) -> Hit:
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


RULES_BY_VIEW = {
    Vulnerable: "LIB601", Malicious: "LIB602", Unrated: "LIB603", Possible: "LIB604", FeedTrouble: "LIB605",
    Unaudited: "LIB606",
}  # fmt: skip
