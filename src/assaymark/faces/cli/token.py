"""`assay token`: API tokens of the registry in the home, for whoever operates it."""

from collections.abc import Mapping
from typing import Any

import click

from assaymark.faces.cli.user import accounts, records


@click.group("token")
def command() -> None:
    """Make and revoke API tokens, on the machine of the registry itself."""


@command.command("create")
@click.argument("user")
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 365), help="Days that it lives.")
@click.option("--verb", "verbs", multiple=True, metavar="VERB", help="What it is good for [default: all]. Repeatable.")
@click.option("--project", metavar="NAME", help="The one project that it is good for.")
@click.option("--label", default="", metavar="TEXT", help="What it is for, for you to know it by.")
@click.option("--hub", is_flag=True, help="One that clients of the Hugging Face hub take.")
@records
@click.pass_obj
def create(obj: Mapping[str, Any], /, user: str, days: int, database: str | None, **wanted: Any) -> None:
    """Make a token for USER and print it, this once."""
    with accounts(obj, database) as known:
        token, secret = known.create_token(user, days, **wanted)
    click.echo(secret)
    click.echo(f"id {token.id}, until {token.expires}; it is not kept and cannot be shown again", err=True)
    click.echo("next: export ASSAY_TOKEN=…", err=True)


@command.command("list")
@click.argument("user", required=False)
@records
@click.pass_obj
def show(obj: Mapping[str, Any], /, user: str | None, database: str | None) -> None:
    """Tokens of USER, or of all."""
    with accounts(obj, database) as known:
        found = known.tokens(user)
    for token in found:
        where = token.limit.project or "*"
        end = f"revoked {token.revoked_at}" if token.revoked_at else f"until {token.expires}"
        used = f"used {token.last_used}" if token.last_used else "never used"
        click.echo(
            f"{token.id}  {token.user}  {where}  {','.join(sorted(token.limit.verbs))}  {end}  {used}  {token.label}"
        )


@command.command("revoke")
@click.argument("token_id", metavar="ID")
@records
@click.pass_obj
def revoke(obj: Mapping[str, Any], /, token_id: str, database: str | None) -> None:
    """End a token now."""
    with accounts(obj, database) as known:
        known.revoke_token(token_id)
    click.echo(f"revoked {token_id}")
