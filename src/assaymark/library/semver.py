"""npm's version ranges (node-semver), as far as a lock can be measured by them."""

import re

Version = tuple[int, int, int]

_FULL = re.compile(r"v?(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:\+[\w.-]*)?")
_PARTIAL = re.compile(r"([~^<>=]{0,2})\s*v?(\d{1,9}|[xX*])(?:\.(\d{1,9}|[xX*]))?(?:\.(\d{1,9}|[xX*]))?(?:\+[\w.-]*)?")
_TOP: Version = (10**9, 0, 0)


def satisfies(version: str, allowed: str) -> bool | None:
    """Whether a version is within a range; None where that cannot be said (prereleases, tags, addresses)."""
    match = _FULL.fullmatch(version)
    if not match or len(allowed) > 500:
        return None
    exact = (int(match[1]), int(match[2]), int(match[3]))
    answers = [_within(exact, part.strip()) for part in allowed.split("||")]
    return True if True in answers else None if None in answers else False


def _within(version: Version, allowed: str) -> bool | None:
    low, dash, high = allowed.partition(" - ")
    parts = [f">={low.strip()}", f"<={high.strip()}"] if dash else re.sub(r"([~^<>=]) +", r"\1", allowed).split()
    for part in parts:
        bounds = _bounds(part)
        if bounds is None:
            return None
        if not bounds[0] <= version < bounds[1]:
            return False
    return True


def _bounds(part: str) -> tuple[Version, Version] | None:
    """The lowest version, and the first one beyond."""
    match = _PARTIAL.fullmatch(part)
    if not match:
        return None
    sign, numbers = match[1], [int(n) for n in match.groups()[1:] if n is not None and n.isdigit()]
    if not numbers:
        return (0, 0, 0), _TOP
    low = _padded(numbers)
    after = _next(numbers)
    leading = next((i for i, n in enumerate(numbers) if n), len(numbers) - 1)
    nothing = (0, 0, 0)
    return {
        "^": (low, _next(numbers[: leading + 1])),
        "~": (low, _next(numbers[:2])),
        ">=": (low, _TOP),
        ">": (after, _TOP),
        "<": (nothing, low),
        "<=": (nothing, after),
        "": (low, after),
        "=": (low, after),
    }.get(sign)


def _padded(numbers: list[int]) -> Version:
    major, minor, patch = (*numbers, 0, 0)[:3]
    return major, minor, patch


def _next(numbers: list[int]) -> Version:
    return _padded([*numbers[:-1], numbers[-1] + 1])
