"""A version's life, and that of a request to promote it: two small state machines.

Version    draft > sealed > verified | rejected; verified > deprecated; sealed and later > quarantined, and back by two
           lifts; sealed and later > revoked; all but active ones > tombstone. Bytes never change after `sealed`.
Request    open > approved > active > superseded; open > denied | expired | void; approved > expired | void.
"""

from enum import StrEnum

from assaymark.core.errors import Conflict


class VersionState(StrEnum):
    """What may happen to a version's bytes."""

    DRAFT = "draft"
    SEALED = "sealed"
    VERIFIED = "verified"
    REJECTED = "rejected"
    DEPRECATED = "deprecated"
    QUARANTINED = "quarantined"
    REVOKED = "revoked"
    TOMBSTONE = "tombstone"


class RequestState(StrEnum):
    """How far a promotion has come."""

    OPEN = "open"
    APPROVED = "approved"
    ACTIVE = "active"
    SUPERSEDED = "superseded"
    DENIED = "denied"
    EXPIRED = "expired"
    VOID = "void"


_V, _R = VersionState, RequestState
_JUDGED = {_V.SEALED, _V.VERIFIED, _V.REJECTED, _V.DEPRECATED}
_VERSION: dict[VersionState, frozenset[VersionState]] = {
    _V.SEALED: frozenset({_V.DRAFT}),
    _V.VERIFIED: frozenset({_V.SEALED, _V.REJECTED, _V.QUARANTINED}),
    _V.REJECTED: frozenset({_V.SEALED, _V.VERIFIED, _V.DEPRECATED, _V.QUARANTINED}),
    _V.DEPRECATED: frozenset({_V.VERIFIED, _V.QUARANTINED}),
    _V.QUARANTINED: frozenset(_JUDGED),
    _V.REVOKED: frozenset({*_JUDGED, _V.QUARANTINED}),
    _V.TOMBSTONE: frozenset({_V.DRAFT, *_JUDGED, _V.QUARANTINED, _V.REVOKED}),
}
_REQUEST: dict[RequestState, frozenset[RequestState]] = {
    _R.APPROVED: frozenset({_R.OPEN}),
    _R.ACTIVE: frozenset({_R.APPROVED}),
    _R.SUPERSEDED: frozenset({_R.ACTIVE}),
    _R.DENIED: frozenset({_R.OPEN, _R.APPROVED}),
    _R.EXPIRED: frozenset({_R.OPEN, _R.APPROVED}),
    _R.VOID: frozenset({_R.OPEN, _R.APPROVED, _R.ACTIVE}),
}


def check_version(now: VersionState, then: VersionState) -> None:
    """Raise Conflict unless a version may go from `now` to `then`."""
    if now not in _VERSION.get(then, ()):
        raise Conflict(f"a version that is {now} cannot become {then}", step=_step(now))


def check_request(now: RequestState, then: RequestState) -> None:
    """Raise Conflict unless a request may go from `now` to `then`."""
    if now not in _REQUEST.get(then, ()):
        raise Conflict(f"a request that is {now} cannot become {then}", step="open a new request")


def _step(now: VersionState) -> str:
    return {
        VersionState.DRAFT: "seal it first",
        VersionState.SEALED: "wait for its scan, or scan it again",
        VersionState.REJECTED: "publish a new version that passes",
        VersionState.QUARANTINED: "two security people lift the quarantine",
    }.get(now, "publish a new version")
