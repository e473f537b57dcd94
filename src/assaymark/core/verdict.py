"""Allow, deny or hold, with reasons that point at evidence."""

from enum import StrEnum

from assaymark.core.record import dataclass


class Outcome(StrEnum):
    """HOLD is "could not look, or not enough evidence": never a pass."""

    ALLOW = "allow"
    HOLD = "hold"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: `code` is a check id or a policy rule, `refs` fingerprints or evidence digests."""

    outcome: Outcome
    code: str
    message: str
    refs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's answer. `policy` is the digest of the policy that gave it."""

    outcome: Outcome
    action: str
    policy: str
    reasons: tuple[Reason, ...]
