"""`assay registry deploy|undeploy|deployments`, and `assay registry graph`."""

import json
from collections.abc import Mapping
from typing import Any

import click

from assaymark.core.look import clean
from assaymark.faces.cli.registry import opened, place, place_here, tell

_ENVIRONMENT = click.option(
    "--environment", default="production", show_default=True, metavar="ENV", help="Where it runs, as staging."
)


def add_to(group: click.Group) -> None:
    """Put the commands below the group."""
    for one in (deploy, undeploy, deployments, graph):
        group.add_command(one)


@click.command("deploy")
@click.argument("version")
@click.option("--as", "name", required=True, metavar="NAME", help="Under which name it runs.")
@_ENVIRONMENT
@click.option("--since", default="", metavar="TIME", help="As 2026-11-24T10:00:00Z [default: now].")
@place
@click.pass_obj
def deploy(obj: Mapping[str, Any], /, version: str, name: str, environment: str, since: str, **options: Any) -> None:
    """Report that PROJECT/MODEL@VERSION runs. What ran under that name before ended then."""
    with opened(obj, options) as at:
        _say(at.deploy(version, name, environment, since=since))


@click.command("undeploy")
@click.argument("name")
@_ENVIRONMENT
@click.option("--until", default="", metavar="TIME", help="As 2026-11-24T10:00:00Z [default: now].")
@place
@click.pass_obj
def undeploy(obj: Mapping[str, Any], /, name: str, environment: str, until: str, **options: Any) -> None:
    """Report that nothing runs as NAME any more."""
    with opened(obj, options) as at:
        _say(at.undeploy(name, environment, until=until))


@click.command("deployments")
@click.argument("model", default="")
@click.option("--ended", is_flag=True, help="Also those that ended.")
@place
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_obj
def deployments(obj: Mapping[str, Any], /, model: str, *, ended: bool, as_json: bool, **options: Any) -> None:
    """What runs, of MODEL or of all."""
    found: list[dict[str, Any]] = []
    with opened(obj, options) as at:
        while page := at.deployments(model, ended=ended, after=found[-1]["id"] if found else 0):
            found.extend(page)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for one in found:
        until = f" until {one['until']}" if one["until"] else ""
        said = f"{one['environment']}/{one['name']}  {one['version']}  {one['state']}  since {one['since']}{until}"
        click.echo(clean(said))


@click.group("graph")
def graph() -> None:
    """What models come from."""


@graph.command("rebuild")
@place_here
@click.pass_obj
def rebuild(obj: Mapping[str, Any], /, **options: Any) -> None:
    """Make the graph anew from seals, evidence, deployments and bills of materials; nothing else changes."""
    from assaymark import tending

    with tending.tended(obj["home"], options["database"], options["store"]) as keeping:
        tell({"pieces": keeping.rebuild_graph()})


def _say(done: Mapping[str, Any]) -> None:
    names = ("version", "state", "name", "environment", "since", "until")
    tell({name: done[name] for name in names if done[name] is not None})
