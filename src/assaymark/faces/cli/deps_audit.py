"""`assay deps audit`: libraries against the advisories that were imported."""

import json
import shutil
import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import click

from assaymark.core.verdict import Outcome
from assaymark.faces.cli import DENIED, HOLD, OK

_EXIT = {Outcome.ALLOW: OK, Outcome.DENY: DENIED, Outcome.HOLD: HOLD}


@click.command("audit")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--format", "form", type=click.Choice(("text", "json", "sarif")), default="text", show_default=True)
@click.option("--fail-on", metavar="SEVERITY", help="Deny from this severity on [default: high].")
@click.option("--max-age", type=click.IntRange(0), default=7, metavar="DAYS", help="Older feeds hold [default: 7].")
@click.option("--config", metavar="FILE", help="Settings [default: nearest assaymark.toml or pyproject.toml].")
@click.option("--no-config", is_flag=True, help="Use no settings file.")
@click.option("--exit-zero", is_flag=True, help="Exit 0 whatever the verdict: report only.")
@click.option("-q", "--quiet", is_flag=True, help="Print only the verdict.")
@click.option("-v", "--verbose", is_flag=True, help="Print every finding and all of the coverage.")
@click.pass_obj
def audit(obj: Mapping[str, Any], /, paths: tuple[str, ...], **options: Any) -> int:
    """Hold requirements, locks and environments against known vulnerabilities and malicious releases, offline.

    Nothing is asked of anybody: the advisories are those of `assay feeds import`. Missing or stale ones hold the verdict.

    Exit code: 0 allowed, 1 denied, 2 wrong usage, 3 held (a feed is missing or stale, or something could not be decided).

    \b
    assay deps audit uv.lock
    assay deps audit . --format sarif > audit.sarif
    """  # noqa: D301 - click wants the character, not a backslash and a letter
    from assaymark import auditing
    from assaymark.inventories import inventory

    found = auditing.audit(
        [inventory(paths)],
        home=obj["home"],
        max_age=timedelta(days=options["max_age"]),
        fail_on=options["fail_on"],
        config="" if options["no_config"] else options["config"],
    )
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # it is a text stream
    if options["form"] == "json":
        click.echo(json.dumps(auditing.told(found), indent=2))
    elif options["form"] == "sarif":
        from assaymark.app import render

        click.echo(render(found.report, "sarif"), nl=False)
    else:
        _text(found, options)
    return OK if options["exit_zero"] else _EXIT[found.report.verdict.outcome]


def _text(found: Any, options: Mapping[str, Any]) -> None:
    from assaymark.app import render
    from assaymark.core.look import clean

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    details = {name: options[name] for name in ("verbose", "quiet")}
    click.echo(render(found.report, "text", color=False, width=width, **details), nl=False)
    if options["quiet"]:
        return
    for (_, name, version), safe in sorted(found.safe.items()):
        click.echo(f"upgrade {clean(name)} {clean(version)} to {clean(safe)}: nothing is known against it")
    packages = sum(len(inventory.packages) for inventory in found.inventories)
    feeds = ", ".join(f"{clean(feed.name)} ({feed.records:,} records until {feed.as_of[:10]})" for feed in found.feeds)
    click.echo(f"{packages:,} packages against {feeds or 'no feed'}")
