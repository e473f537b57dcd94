"""`assay bom vex`: how the versions of a registry stand to one cause."""

import json
from collections.abc import Mapping
from typing import Any

import click

from assaymark.faces.cli.registry import opened, place


@click.command("vex")
@click.argument("what")
@click.option("--format", "form", type=click.Choice(["openvex", "cyclonedx"]), default="openvex", show_default=True)
@click.option("--project", "scope", multiple=True, metavar="PROJECT[/MODEL]", help="There alone.")
@click.option("--output", "-o", "out", type=click.Path(dir_okay=False), help="Where to write it [default: stdout].")
@place
@click.pass_obj
def vex(
    obj: Mapping[str, Any], /, what: str, form: str, scope: tuple[str, ...], out: str | None, **options: Any
) -> None:
    """Say of each version whether WHAT affects it, as pkg:pypi/torch@<2.6: affected, proven not to be, or not known."""
    with opened(obj, options) as at:
        found = at.vex(what, form, scope=scope) if scope else at.vex(what, form)
    text = json.dumps(found, indent=2, ensure_ascii=False)
    if out is None:
        click.echo(text)
        return
    with open(out, "w", encoding="utf-8") as file:
        file.write(text + "\n")
