"""`assay user`: accounts of the registry in the home, for whoever operates it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from assaymark.serving import Accounts

_F = TypeVar("_F", bound=Callable[..., Any])


def records(decorated: _F) -> _F:
    """The option that says where the records are."""
    help_text = "Records [default: SQLite in the home]."
    return click.option("--database", envvar="ASSAY_DATABASE", metavar="URL", help=help_text)(decorated)


@contextmanager
def accounts(obj: Mapping[str, Any], database: str | None) -> Iterator["Accounts"]:
    """Users and tokens of the registry in the home."""
    from assaymark.serving import Accounts, registry

    with registry(obj["home"], database) as registrar:
        yield Accounts(registrar)


@click.group("user")
def command() -> None:
    """Make users and give them roles, on the machine of the registry itself."""


@command.command("add")
@click.argument("name")
@click.option("--role", metavar="ROLE", help="Its first role.")
@click.option("--scope", default="*", show_default=True, metavar="SCOPE", help="Of that role.")
@click.option("--service", is_flag=True, help="A program: never admin, approver or security.")
@records
@click.pass_obj
def add(
    obj: Mapping[str, Any], /, name: str, role: str | None, scope: str, database: str | None, **options: bool
) -> None:
    """Make the account NAME: the id that the trust root knows the person by."""
    with accounts(obj, database) as known:
        user = known.add(name, {scope: role} if role else {}, service=options["service"])
    click.echo(f"user     {user.name} ({user.kind})")
    for binding in user.roles:
        click.echo(f"role     {binding}")
    click.echo(f"next     assay token create {user.name}", err=True)


@command.command("list")
@records
@click.pass_obj
def show(obj: Mapping[str, Any], /, database: str | None) -> None:
    """All accounts and their roles."""
    with accounts(obj, database) as known:
        users = known.users()
    for user in users:
        notes = [user.kind] + ([f"is {user.person}"] if user.person != user.name else [])
        notes += [f"disabled {user.disabled_at}"] if user.disabled_at else []
        click.echo(f"{user.name}  ({', '.join(notes)})  {'; '.join(map(str, user.roles)) or 'no role'}")


@command.command("disable")
@click.argument("name")
@records
@click.pass_obj
def disable(obj: Mapping[str, Any], /, name: str, database: str | None) -> None:
    """Shut the account NAME for good, and revoke its tokens."""
    with accounts(obj, database) as known:
        known.disable(name)
    click.echo(f"disabled {name}")


@command.command("link")
@click.argument("name")
@click.argument("other")
@records
@click.pass_obj
def link(obj: Mapping[str, Any], /, name: str, other: str, database: str | None) -> None:
    """Say that NAME and OTHER are one person: two logins, counted once."""
    with accounts(obj, database) as known:
        known.link(name, other)
    click.echo(f"{other} is {name}")


@command.command("grant")
@click.argument("name")
@click.argument("role")
@click.option("--scope", default="*", show_default=True, metavar="SCOPE", help="*, PROJECT, PROJECT/MODEL; #CHANNEL.")
@records
@click.pass_obj
def grant(obj: Mapping[str, Any], /, name: str, role: str, scope: str, database: str | None) -> None:
    """Give ROLE to NAME: reader, publisher, attester, approver, releaser, security, auditor or admin."""
    with accounts(obj, database) as known:
        known.grant(name, role, scope)
    click.echo(f"{name} is {role} on {scope}")


@command.command("revoke")
@click.argument("name")
@click.argument("role")
@click.option("--scope", default="*", show_default=True, metavar="SCOPE", help="As it was given.")
@records
@click.pass_obj
def revoke(obj: Mapping[str, Any], /, name: str, role: str, scope: str, database: str | None) -> None:
    """Take ROLE away from NAME."""
    with accounts(obj, database) as known:
        known.revoke(name, role, scope)
    click.echo(f"{name} is no {role} on {scope}")
