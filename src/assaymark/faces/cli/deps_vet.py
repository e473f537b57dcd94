"""`assay deps vet` and `assay deps diff`: what a package would do, and what an update can do that was not there before."""

import json
import sys
from collections.abc import Mapping
from typing import Any

import click

from assaymark.core.verdict import Outcome
from assaymark.faces.cli import DENIED, HOLD, OK

_EXIT = {Outcome.ALLOW: OK, Outcome.DENY: DENIED, Outcome.HOLD: HOLD}


@click.command("vet")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--format",
    "form",
    type=click.Choice(("text", "json", "sarif")),
    default="text",
    help="What to print.",
    show_default=True,
)
@click.option("--fail-on", metavar="SEVERITY", help="Deny from this severity on [default: high].")
@click.option("--exit-zero", is_flag=True, help="Exit 0 whatever the verdict: report only.")
@click.option("-v", "--verbose", is_flag=True, help="Print every finding.")
@click.pass_obj
def vet(obj: Mapping[str, Any], /, paths: tuple[str, ...], form: str, fail_on: str | None, **options: bool) -> int:
    """Say what wheels, source distributions or unpacked packages would do. Nothing of them is run.

    Exit code: 0 allowed, 1 blocked, 2 wrong usage, 3 to be reviewed or not all could be read.
    """
    from assaymark.app import render
    from assaymark.settings import home
    from assaymark.vetting import vet as run

    report = run(*paths, home=home(obj["home"]), fail_on=fail_on)
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # it is a text stream
    details = {"verbose": options["verbose"]} if form == "text" else {}
    click.echo(render(report, form, **details), nl=False)
    return OK if options["exit_zero"] else _EXIT[report.verdict.outcome]


@click.command("diff")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option(
    "--format", "form", type=click.Choice(("text", "json")), default="text", help="What to print.", show_default=True
)
@click.pass_obj
def diff(obj: Mapping[str, Any], /, old: str, new: str, form: str) -> int:
    """Say what the package NEW can do that OLD could not.

    Exit code: 0 nothing that alerts, 1 new capabilities that alert, 2 wrong usage, 3 not all could be read.
    """
    from assaymark.settings import home
    from assaymark.vetting import diff as run

    found = run(old, new, home(obj["home"]))
    if form == "json":
        click.echo(json.dumps(found, indent=2))
    else:
        for change in found["changes"]:
            mark = "ALERT" if change["alert"] else "note "
            place = f"  {change['path']}:{change['line']}" if change["path"] else ""
            click.echo(f"{mark}  {change['what']}{place}")
        click.echo(f"{found['alerts']} alerts, {len(found['changes'])} changes")
    if found["alerts"]:
        return DENIED
    return HOLD if found["unread"] else OK
