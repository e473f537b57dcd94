"""Accounts and roles. Whoever gives a role holds `admin` on all of its scope, and gives none to himself."""

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from assaymark.core.errors import NotFound
from assaymark.faces.http.problems import Problem
from assaymark.faces.http.routes import Caller, Known, Routes, Wired, on_object, on_org
from assaymark.registry import people
from assaymark.registry.access import ADMIN, AUDIT, ORG, Binding, Scope
from assaymark.registry.people import User

routes = Routes("/api/v1/users")


class NewUser(BaseModel):
    """An account to be made."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=128)
    kind: str = Field(default=people.PERSON, max_length=16)


class Role(BaseModel):
    """A role on a scope: `*`, `project`, `project/model`, each with `#channel` behind it."""

    model_config = ConfigDict(extra="forbid")
    role: str = Field(max_length=16)
    scope: str = Field(default="*", max_length=200)

    def binding(self) -> Binding:
        """As the rules know it."""
        return Binding(self.role, Scope.parse(self.scope))


class ShownUser(BaseModel):
    """An account."""

    name: str
    person: str
    kind: str
    made_at: str
    disabled_at: str | None
    roles: list[Role]


def shown(user: User) -> ShownUser:
    """An account as it goes out."""
    roles = [Role(role=binding.role, scope=str(binding.scope)) for binding in user.roles]
    return ShownUser(
        name=user.name, person=user.person, kind=user.kind, made_at=user.made_at, disabled_at=user.disabled_at,
        roles=roles,
    )  # fmt: skip


@routes.get("", on_org(ADMIN))
def list_users(services: Wired, after: str = "", limit: int = 100) -> list[ShownUser]:
    """Accounts in the order of their names."""
    with services.database.read() as connection:
        found = people.list_users(connection, after=after, limit=max(1, min(limit, 1_000)))
    return [shown(user) for user in found]


@routes.post("", on_org(ADMIN), status_code=201)
def add_user(new: NewUser, services: Wired) -> ShownUser:
    """Make an account without any right."""
    with services.database.write() as connection:
        return shown(people.add_user(connection, new.name, new.kind, services.clock.now()))


@routes.get("/{name}", on_object(ADMIN))
def show_user(name: str, caller: Known, services: Wired) -> ShownUser:
    """One account: to itself, to admins and auditors."""
    if caller.name == name:
        caller.judged = True
    else:
        caller.demand(AUDIT if caller.may(AUDIT, ORG) else ADMIN, ORG)
    with services.database.read() as connection:
        return shown(people.get_user(connection, name))


@routes.post("/{name}/disable", on_org(ADMIN))
def disable_user(name: str, services: Wired) -> ShownUser:
    """Shut an account, and revoke its tokens."""
    with services.database.write() as connection:
        people.disable_user(connection, name, services.clock.now())
        return shown(people.get_user(connection, name))


@routes.post("/{name}/link/{other}", on_org(ADMIN))
def link_users(name: str, other: str, services: Wired) -> ShownUser:
    """Say that two accounts are one person."""
    with services.database.write() as connection:
        people.link(connection, name, other)
        return shown(people.get_user(connection, other))


@routes.post("/{name}/roles", on_object(ADMIN))
def grant(name: str, role: Role, caller: Known, services: Wired) -> ShownUser:
    """Give a role."""
    binding = role.binding()
    caller.demand(ADMIN, binding.scope)
    with services.database.write() as connection:
        user = _other(connection, caller, name)
        people.grant(connection, user.name, binding, caller.name, services.clock.now())
        return shown(people.get_user(connection, name))


@routes.post("/{name}/roles/revoke", on_object(ADMIN))
def revoke(name: str, role: Role, caller: Known, services: Wired) -> ShownUser:
    """Take a role away."""
    binding = role.binding()
    caller.demand(ADMIN, binding.scope)
    with services.database.write() as connection:
        people.revoke(connection, name, binding)
        return shown(people.get_user(connection, name))


def _other(connection: Connection, caller: Caller, name: str) -> User:
    """The account, if it is somebody else's."""
    try:
        user = people.get_user(connection, name)
    except NotFound:
        raise Problem(404, "there is no such user") from None
    if user.person == caller.principal.person:
        raise Problem(403, "nobody gives a role to himself", "ask another admin")
    return user
