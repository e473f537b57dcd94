"""`assay registry containments`, and how a containment is shown, confirmed and told."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

import click

from assaymark.core.look import clean
from assaymark.faces.cli.registry import opened, place, tell

_SHOWN = 40
"""Versions for people; a terminal has no room for a thousand."""


def one_of(first: object, second: object, one: str, other: str) -> None:
    """Exactly one of two ways to say what is meant."""
    if bool(first) == bool(second):
        raise click.UsageError(f"give either {one} or {other}")


def confirmed(act: str, *, yes: bool) -> Callable[[Mapping[str, Any]], None]:
    """Show what is about to be signed, and ask; without a terminal somebody has to have said --yes."""

    def confirm(seen: Mapping[str, Any]) -> None:
        _show(seen)
        if yes:
            return
        if not sys.stdin.isatty():
            raise click.UsageError("nobody can be asked here; look at what is shown, and say --yes")
        click.confirm(f"{act} these {len(seen['versions']):,} versions?", abort=True, err=True)

    return confirm


def tell_done(done: Mapping[str, Any], *, as_json: bool) -> None:
    """What came of it."""
    if as_json:
        click.echo(json.dumps(done, indent=2))
        return
    tell({name: _line(value) for name, value in done.items()})
    if done.get("containment") and done.get("standing", True):
        click.echo(f"two security people end it: assay registry lift --containment {done['containment']}", err=True)


def _line(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return ", ".join(map(str, value[:_SHOWN])) + (f" and {len(value) - _SHOWN:,} more" if len(value) > _SHOWN else "")


def _show(seen: Mapping[str, Any]) -> None:
    versions = seen["versions"]
    models = len({one["version"].partition("@")[0] for one in versions})
    live = sum(len(one.get("deployments", ())) for one in versions)
    head = f"affected by {seen['what']}: {len(versions):,} versions of {models:,} models, {live:,} live deployments"
    click.echo(clean(head), err=True)
    for one in sorted(versions, key=lambda one: not (one.get("channels") or one.get("deployments")))[:_SHOWN]:
        at = ", ".join((*one.get("channels", ()), *(f"runs as {name}" for name in one.get("deployments", ()))))
        unsure = "  possibly" if one.get("possibly") else ""
        click.echo(clean(f"  {one['version']}  {one['state']}{f'  [{at}]' if at else ''}{unsure}"), err=True)
        if one.get("path"):
            click.echo(clean(f"      {_way(one['path'])}"), err=True)
    if len(versions) > _SHOWN:
        click.echo(f"  and {len(versions) - _SHOWN:,} more", err=True)
    for one in seen.get("passed", ())[:_SHOWN]:
        click.echo(clean(f"  {one['version']}  {one['state']}: passed over"), err=True)


def _way(path: list[str]) -> str:
    return " ".join(part if place % 2 == 0 else f"<-{part}-" for place, part in enumerate(path))


@click.command("containments")
@click.argument("number", metavar="[ID]", required=False)
@click.option("--all", "every", is_flag=True, help="Those that were lifted, too.")
@place
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_obj
def listing(obj: Mapping[str, Any], /, number: str | None, *, every: bool, as_json: bool, **options: Any) -> None:
    """List containments; or show one: its versions, and who lifted each."""
    with opened(obj, options) as at:
        found: Any = at.containment(number) if number else at.containments(standing=not every)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    elif number:
        tell({name: value for name, value in found.items() if name != "versions"})
        for one in found["versions"]:
            lifted = f"  lifted by {', '.join(one['lifted_by'])}" if one["lifted_by"] else ""
            click.echo(clean(f"  {one['version']}  {one['state']}{lifted}"))
    else:
        for one in found:
            state = "stands" if one["standing"] else f"lifted at {one['lifted_at']}"
            click.echo(clean(f"{one['id']}  {one['at']}  {one['versions']:,} versions  {state}  {one['what']}"))
