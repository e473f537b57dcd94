"""People, services, and their roles in the database. Every function works in the transaction of its caller.

There are no passwords. A person is the name of his first account; accounts that were linked share it, so that two logins
are one person wherever people are counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from assaymark.core.clock import timestamp
from assaymark.core.errors import Conflict, NotFound, UsageError
from assaymark.core.statements import is_person
from assaymark.registry.access import Binding, Limit, Principal, Scope, excluded
from assaymark.registry.access_tables import bindings, tokens, users

PERSON, SERVICE = "person", "service"
_OF_PEOPLE = frozenset({"admin", "approver", "security"})
"""Roles that only people have."""


@dataclass(frozen=True, slots=True)
class User:
    """An account. `roles` are those of the account alone."""

    name: str
    person: str
    kind: str
    disabled_at: str | None
    made_at: str
    roles: tuple[Binding, ...] = ()


def add_user(connection: sa.Connection, name: str, kind: str, now: datetime) -> User:
    """A new account without any right; raises UsageError, Conflict. Names are never reused."""
    if not is_person(name):
        raise UsageError(f"{name[:64]!r} is no name of a user", step="a-z, 0-9 and ._@+-, a letter or digit first")
    if kind not in {PERSON, SERVICE}:
        raise UsageError(f"{kind[:64]!r} is no kind of user", step=f"{PERSON} or {SERVICE}")
    if connection.execute(sa.select(users.c.name).where(users.c.name == name)).first():
        raise Conflict(f"there is or was a user {name}", step="choose another name")
    user = User(name, name, kind, None, timestamp(now))
    row = {"name": name, "person": name, "kind": kind, "disabled_at": None, "made_at": user.made_at}
    connection.execute(users.insert().values(**row))
    return user


def get_user(connection: sa.Connection, name: str) -> User:
    """An account with its roles; raises NotFound."""
    row = connection.execute(sa.select(users).where(users.c.name == name)).first()
    if row is None:
        raise NotFound(f"there is no user {name[:64]}", step="assay user list")
    return _user(row, _bindings(connection, [name]).get(name, ()))


def list_users(connection: sa.Connection, *, after: str = "", limit: int = 1_000) -> list[User]:
    """Accounts in the order of their names, the disabled ones too."""
    rows = connection.execute(sa.select(users).where(users.c.name > after).order_by(users.c.name).limit(limit)).all()
    roles = _bindings(connection, [row.name for row in rows])
    return [_user(row, roles.get(row.name, ())) for row in rows]


def disable_user(connection: sa.Connection, name: str, now: datetime) -> None:
    """Shut an account and revoke its tokens, for good."""
    get_user(connection, name)
    moment = timestamp(now)
    shut = users.update().where(users.c.name == name, users.c.disabled_at.is_(None))
    connection.execute(shut.values(disabled_at=moment))
    revoked = tokens.update().where(tokens.c.user == name, tokens.c.revoked_at.is_(None))
    connection.execute(revoked.values(revoked_at=moment))


def link(connection: sa.Connection, name: str, other: str) -> None:
    """Say that two accounts are one person; raises Conflict where the two would hold what excludes one another."""
    first, second = get_user(connection, name), get_user(connection, other)
    if PERSON not in {first.kind} & {second.kind}:
        raise UsageError("only accounts of people are linked", step="a service stands for itself")
    mine, theirs = (_of_person(connection, user.person) for user in (first, second))
    for binding in theirs:
        if clash := excluded(mine, binding):
            raise Conflict(f"{name} is {clash}, {other} is {binding}: one person cannot be both", step="revoke one")
    connection.execute(users.update().where(users.c.person == second.person).values(person=first.person))


def grant(connection: sa.Connection, name: str, binding: Binding, by: str, now: datetime) -> None:
    """Give a role; raises Conflict where the person holds what excludes it."""
    user = get_user(connection, name)
    if user.disabled_at:
        raise Conflict(f"{name} was disabled", step="add another user")
    if user.kind != PERSON and binding.role in _OF_PEOPLE:
        raise UsageError(f"a service cannot be {binding.role}", step="give it to a person")
    if clash := excluded(_of_person(connection, user.person), binding):
        raise Conflict(f"{user.person} is {clash}, which excludes {binding}", step="give it to another person")
    if binding in user.roles:
        return
    row = {"user": name, "role": binding.role, "scope": str(binding.scope), "given_by": by, "made_at": timestamp(now)}
    connection.execute(bindings.insert().values(**row))


def revoke(connection: sa.Connection, name: str, binding: Binding) -> None:
    """Take a role away; raises NotFound."""
    where = (bindings.c.user == name, bindings.c.role == binding.role, bindings.c.scope == str(binding.scope))
    if not connection.execute(bindings.delete().where(*where)).rowcount:
        raise NotFound(f"{name[:64]} is not {binding}", step="assay user list")


_PERSON = (
    sa.select(users.c.name, users.c.person, bindings.c.role, bindings.c.scope)
    .select_from(users.outerjoin(bindings, bindings.c.user == users.c.name))
    .where(
        users.c.person
        == sa.select(users.c.person)
        .where(users.c.name == sa.bindparam("of"), users.c.disabled_at.is_(None))
        .scalar_subquery()
    )
)
"""All accounts of a person and what they may. Made once: every request asks."""


def principal_of(connection: sa.Connection, name: str, limit: Limit | None = None) -> Principal | None:
    """Who an account is to `access.allowed`, or None when it does not exist or was disabled."""
    rows = connection.execute(_PERSON, {"of": name}).all()
    if not rows:
        return None
    held = [(row.name, Binding(row.role, Scope.parse(row.scope))) for row in rows if row.role is not None]
    own = tuple(binding for holder, binding in held if holder == name)
    others = tuple(binding for holder, binding in held if holder != name)
    return Principal(name, rows[0].person, own, others, limit or Limit())


def _of_person(connection: sa.Connection, person: str) -> list[Binding]:
    names = connection.execute(sa.select(users.c.name).where(users.c.person == person)).scalars().all()
    return [binding for roles in _bindings(connection, names).values() for binding in roles]


def _bindings(connection: sa.Connection, names: Sequence[str]) -> dict[str, tuple[Binding, ...]]:
    order = (bindings.c.user, bindings.c.role, bindings.c.scope)
    rows = connection.execute(sa.select(*order).where(bindings.c.user.in_(names)).order_by(*order)).all()
    found: dict[str, tuple[Binding, ...]] = {}
    for row in rows:
        found[row.user] = (*found.get(row.user, ()), Binding(row.role, Scope.parse(row.scope)))
    return found


def _user(row: Any, roles: tuple[Binding, ...]) -> User:
    return User(row.name, row.person, row.kind, row.disabled_at, row.made_at, roles)
