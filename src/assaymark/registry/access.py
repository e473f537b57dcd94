"""Who may do what: verbs, scopes, roles, and the one question `allowed`. Pure: no clock, no database.

Deny by default. A right says what this server will do for somebody; it never replaces a signature. An approval counts by
the approver's key in the trust root, so rights that a thief of the database gives himself move no model.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from assaymark.core.errors import UsageError
from assaymark.registry.names import check_name

READ, PUBLISH, ATTEST, REQUEST, APPROVE, PROMOTE = "read", "publish", "attest", "request", "approve", "promote"
DEPRECATE, DELETE, QUARANTINE, AUDIT, ADMIN = "deprecate", "delete", "quarantine", "audit", "admin"
VERBS = (READ, PUBLISH, ATTEST, REQUEST, APPROVE, PROMOTE, DEPRECATE, DELETE, QUARANTINE, AUDIT, ADMIN)

ROLES = {
    "reader": frozenset({READ}),
    "publisher": frozenset({READ, PUBLISH, REQUEST}),
    "attester": frozenset({READ, ATTEST}),
    "approver": frozenset({READ, APPROVE}),
    "releaser": frozenset({READ, REQUEST, PROMOTE, DEPRECATE}),
    "security": frozenset({READ, QUARANTINE}),
    "auditor": frozenset({READ, AUDIT}),
    "admin": frozenset({READ, DELETE, ADMIN}),
}
"""Role -> what it may do."""

_APART = frozenset({"admin", "approver"})
"""Roles that nobody has on the same thing: who gives rights must not use the one that everything rests on."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a right is about; a field that is None stands for all. `Scope()` is the whole organisation.

    As text: `*`, `project`, `project/model`, and each with `#channel` behind it.
    """

    project: str | None = None
    model: str | None = None
    channel: str | None = None

    def __post_init__(self) -> None:
        if self.model is not None and self.project is None:
            raise UsageError("a model without its project", step="write PROJECT/MODEL")
        for name, what in ((self.project, "project"), (self.model, "model"), (self.channel, "channel")):
            if name is not None:
                check_name(name, what)

    def __str__(self) -> str:
        place = "*" if self.project is None else self.project if self.model is None else f"{self.project}/{self.model}"
        return place if self.channel is None else f"{place}#{self.channel}"

    @classmethod
    def parse(cls, text: str) -> "Scope":
        """Read the text form; raises UsageError."""
        place, mark, channel = text.partition("#")
        project, slash, model = place.partition("/")
        return cls(None if place == "*" else project, model if slash else None, channel if mark else None)

    def covers(self, other: "Scope") -> bool:
        """Whether all of `other` lies in this one."""
        pairs = ((self.project, other.project), (self.model, other.model), (self.channel, other.channel))
        return all(mine is None or mine == its for mine, its in pairs)

    def meets(self, other: "Scope") -> bool:
        """Whether there may be something that lies in both."""
        pairs = ((self.project, other.project), (self.model, other.model), (self.channel, other.channel))
        return all(mine is None or its is None or mine == its for mine, its in pairs)


ORG = Scope()


@dataclass(frozen=True, slots=True)
class Binding:
    """A role on a scope."""

    role: str
    scope: Scope

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise UsageError(f"{self.role[:64]!r} is no role", step=f"roles are {', '.join(ROLES)}")

    def __str__(self) -> str:
        return f"{self.role} on {self.scope}"


@dataclass(frozen=True, slots=True)
class Limit:
    """What a token is good for at most: these verbs, and this project or all."""

    verbs: frozenset[str] = frozenset(VERBS)
    project: str | None = None

    def __post_init__(self) -> None:
        if unknown := self.verbs.difference(VERBS):
            raise UsageError(f"{min(unknown)[:64]!r} is no verb", step=f"verbs are {', '.join(VERBS)}")
        if not self.verbs:
            raise UsageError("a token that is good for nothing", step=f"name one of {', '.join(VERBS)}")
        if self.project is not None:
            check_name(self.project, "project")


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who proved who he is. `person` is the same for all accounts of one person."""

    name: str
    person: str
    bindings: tuple[Binding, ...] = ()
    others: tuple[Binding, ...] = field(default=())
    """Of the person's other accounts: they give no right here, but they can take one away."""
    limit: Limit = Limit()


@dataclass(frozen=True, slots=True)
class Denied:
    """No, and why. False, so that `if allowed(...)` reads as it is meant."""

    reason: str

    def __bool__(self) -> bool:
        return False


def allowed(principal: Principal, verb: str, scope: Scope) -> Literal[True] | Denied:
    """Whether `principal` may do `verb` to all of `scope`."""
    # 1. A word that nobody knows is nobody's right.
    if verb not in VERBS:
        return Denied(f"{verb!r} is no verb")
    # 2. The credentials at hand cover it.
    limit = principal.limit
    if verb not in limit.verbs:
        return Denied(f"this token is not for {verb!r}")
    if limit.project is not None and limit.project != scope.project:
        return Denied(f"this token is for project {limit.project} only")
    # 3. A role of this very account gives it, on a scope that covers all of what is asked for.
    given = [b for b in principal.bindings if verb in ROLES[b.role] and b.scope.covers(scope)]
    if not given:
        return Denied(f"{principal.name} has no role that may {verb} on {scope}")
    # 4. Nor does the person hold what excludes it, by this account or another, however the rows came to be.
    if verb in {APPROVE, ADMIN}:
        excluding = "admin" if verb == APPROVE else "approver"
        for binding in (*principal.bindings, *principal.others):
            if binding.role == excluding and binding.scope.meets(scope):
                return Denied(f"{principal.name} is {binding}, which excludes {verb!r}")
    return True


def visible(principal: Principal, scope: Scope) -> bool:
    """Whether `principal` may know that `scope` exists. The organisation is no secret to whoever has an account."""
    return scope.project is None or bool(allowed(principal, READ, scope))


def excluded(held: Iterable[Binding], new: Binding) -> Binding | None:
    """The role among `held` that may not be together with `new`, if there is one."""
    if new.role not in _APART:
        return None
    return next((b for b in held if b.role in _APART - {new.role} and b.scope.meets(new.scope)), None)
