"""The form of a policy's document: read, and held against what writing it again gives."""

from datetime import timedelta
from typing import Any

from assaymark.core.errors import Malformed
from assaymark.core.finding import Severity
from assaymark.core.policy import Policy, Requirement
from assaymark.core.statements import is_name
from assaymark.core.strictjson import canonical

_STEP = "see what ships: assay policy show production"
_LONGEST = 3_155_760_000


def read_policy(data: Any) -> Policy:
    """See Policy.from_json."""
    try:
        policy = Policy(
            name=data["name"],
            version=data["version"],
            fail_on=Severity[data["fail_on"].upper()],
            actions={action: tuple(map(_need, needs)) for action, needs in data["actions"].items()},
            break_glass=_seconds(data.get("break_glass_seconds")),
        )
        same = canonical(policy.to_json()) == canonical(data)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise Malformed(f"not a policy: {type(error).__name__}: {error}", step=_STEP) from error
    if not same or not is_name(policy.name) or type(policy.version) is not int or policy.version < 1:
        raise Malformed(
            "not a policy: a field is unknown, of another type, or in a form that is not written", step=_STEP
        )
    return policy


def _need(entry: Any) -> Requirement:
    texts: tuple[Any, ...] = (entry["predicate_type"], entry.get("role", ""))
    texts += (*entry.get("or_types", ()), *entry.get("or_roles", ()))
    if not all(isinstance(text, str) for text in texts) or type(entry["threshold"]) is not int:
        raise TypeError("predicate types and roles are texts, and threshold a whole number")
    return Requirement(
        predicate_type=entry["predicate_type"],
        signers=frozenset(entry["signers"]),
        threshold=entry["threshold"],
        max_age=_seconds(entry["max_age_seconds"]),
        role=entry.get("role", ""),
        exclude=frozenset(entry.get("exclude", ())),
        or_types=frozenset(entry.get("or_types", ())),
        or_roles=frozenset(entry.get("or_roles", ())),
    )


def _seconds(value: Any) -> timedelta | None:
    if value is None:
        return None
    if type(value) is not int or not 1 <= value <= _LONGEST:
        raise ValueError("seconds are a whole number from 1, at most a hundred years")
    return timedelta(seconds=value)
