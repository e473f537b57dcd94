"""How bad a record says it is: CVSS 2, 3 and 4 by the `cvss` library, else the database's own word, else unknown."""

from collections.abc import Iterable
from functools import lru_cache

from assaymark.core.finding import Severity

_WORDS = {
    "LOW": Severity.LOW, "MODERATE": Severity.MEDIUM, "MEDIUM": Severity.MEDIUM,
    "HIGH": Severity.HIGH, "CRITICAL": Severity.CRITICAL,
}  # fmt: skip
_CLASSES = {"CVSS_V2": "CVSS2", "CVSS_V3": "CVSS3", "CVSS_V4": "CVSS4"}


def severity(pairs: Iterable[tuple[str, str]]) -> tuple[Severity | None, float | None]:
    """(severity, base score); the newest CVSS that can be read, then the word. None is unknown, which is not low."""
    given = dict(pairs)
    for kind in ("CVSS_V4", "CVSS_V3", "CVSS_V2"):
        score = base_score(kind, given[kind]) if kind in given else None
        if score is not None:
            return band(score), score
    return _WORDS.get(given.get("WORD", "")), None


@lru_cache(maxsize=4_096)
def base_score(kind: str, vector: str) -> float | None:
    """The base score of a vector; None where it is none."""
    import cvss  # type: ignore[import-untyped] # it has no stubs

    if kind not in _CLASSES or len(vector) > 300:
        return None
    try:
        made = getattr(cvss, _CLASSES[kind])(vector)
        return float(made.base_score if kind == "CVSS_V4" else made.scores()[0])
    except (cvss.CVSSError, ValueError, KeyError, ArithmeticError):
        return None


def band(score: float) -> Severity:
    """The qualitative rating of CVSS 3 and 4 (section 5); 0.0 is none."""
    for least, found in ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.1, Severity.LOW)):
        if score >= least:
            return found
    return Severity.INFO
