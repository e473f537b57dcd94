"""`assay registry webhook`: who is told of a project's events."""

from collections.abc import Mapping
from typing import Any

import click

from assaymark.core.look import clean
from assaymark.faces.cli import HOLD, OK
from assaymark.faces.cli.registry import opened, place, tell


@click.group("webhook")
def webhook() -> None:
    """Tell a server of your own what happens in a project (Standard Webhooks)."""


@webhook.command("add")
@click.argument("project")
@click.argument("url")
@click.option("--event", "events", multiple=True, metavar="TYPE", help="As activated [default: all]. Repeatable.")
@place
@click.pass_obj
def add(obj: Mapping[str, Any], /, project: str, url: str, events: tuple[str, ...], **options: Any) -> None:
    """Tell URL of the events of PROJECT. Prints the secret that signs the messages, this once."""
    with opened(obj, options) as at:
        tell({**at.add_webhook(project, url, events), "events": " ".join(events) or "all"})


@webhook.command("list")
@click.argument("project")
@place
@click.pass_obj
def list_(obj: Mapping[str, Any], /, project: str, **options: Any) -> None:
    """Webhooks of PROJECT, and how they do."""
    with opened(obj, options) as at:
        for one in at.webhooks(project):
            state = (
                f"ended {one['disabled_at']}" if one["disabled_at"] else f"{one['waiting']} waiting, {one['dead']} dead"
            )
            click.echo(f"{one['id']}  {clean(one['url'])}  {' '.join(one['events']) or 'all'}  {state}")
            if one["why"]:
                click.echo(f"  newest failure: {clean(one['why'])}")


@webhook.command("remove")
@click.argument("project")
@click.argument("webhook_id", metavar="ID")
@place
@click.pass_obj
def remove(obj: Mapping[str, Any], /, project: str, webhook_id: str, **options: Any) -> None:
    """End a webhook, and what it was still to be told."""
    with opened(obj, options) as at:
        tell(at.remove_webhook(project, webhook_id))


@webhook.command("test")
@click.argument("project")
@click.argument("webhook_id", metavar="ID")
@place
@click.pass_obj
def test(obj: Mapping[str, Any], /, project: str, webhook_id: str, **options: Any) -> int:
    """Send a message of the type `test` now. Exit 0 when it was taken."""
    with opened(obj, options) as at:
        done = at.test_webhook(project, webhook_id)
    tell(done)
    return OK if done["taken"] else HOLD
