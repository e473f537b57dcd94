"""`assay feeds`: what is known against libraries, imported from files into the home."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from assaymark.core.clock import parse_timestamp
from assaymark.faces.cli import HOLD, OK

if TYPE_CHECKING:
    from assaymark.auditing import Imported

_SHOWN = 20


@click.group("feeds")
def command() -> None:
    """Import advisories (OSV), EPSS and KEV from files, and say how old they are."""


@command.command("import")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--name", help="Name of the feed [default: that of PATH].")
@click.option(
    "--as-of", metavar="TIME", help="Until when it is complete [default: the newest change that it speaks of]."
)
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.pass_obj
def import_(obj: Mapping[str, Any], /, paths: tuple[str, ...], name: str | None, as_of: str | None, form: str) -> int:
    """Import feeds: a folder, zip, tar (also .zst) or file of OSV records, EPSS scores (.csv, .csv.gz) or CISA's KEV.

    Each PATH is one feed and one transaction: whole, or not at all. What did not change is not read again; a record that
    is malformed is told and left out, the rest is imported.

    Exit code: 0 all of it; 2 wrong usage; 3 nothing could be imported, or some records are malformed.

    \b
    assay feeds import PyPI-all.zip --name osv-pypi --as-of 2026-11-24
    assay feeds import epss_scores-current.csv.gz known_exploited_vulnerabilities.json
    """  # noqa: D301 - click wants the character, not a backslash and a letter
    from assaymark.auditing import import_feed
    from assaymark.core.errors import UsageError

    if name and len(paths) > 1:
        raise UsageError("--name is of one feed", step="import them one by one")
    done = [import_feed(path, home=obj["home"], name=name or "", as_of=as_of or "") for path in paths]
    return _told(done, form)


@command.command("update")
@click.argument("url")
@click.option("--name", help="Name of the feed [default: that of the file].")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.pass_obj
def update(obj: Mapping[str, Any], /, url: str, name: str | None, form: str) -> int:
    """Fetch a feed and import it; what is fetched is taken for complete as of now.

    Exit code: as `assay feeds import`; 3 where the host cannot be reached.

    \b
    assay feeds update https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip --name osv-pypi
    """  # noqa: D301 - click wants the character, not a backslash and a letter
    from assaymark.auditing import update_feed

    return _told([update_feed(url, home=obj["home"], name=name or "")], form)


@command.command("status")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.option("--max-age", type=click.IntRange(0), default=7, metavar="DAYS", help="Older is stale [default: 7].")
@click.pass_obj
def status(obj: Mapping[str, Any], /, form: str, max_age: int) -> int:
    """Say what was imported: source, records, age and digest of each feed.

    Exit code: 0; 3 where there is no feed, or one is stale.
    """
    from assaymark.auditing import feed_told, feeds
    from assaymark.core.look import clean

    now = datetime.now(UTC)
    listed = feeds(home=obj["home"])
    ages = [(now - parse_timestamp(feed.as_of)).days for feed in listed]
    if form == "json":
        rows = [
            {**feed_told(feed), "age_days": age, "stale": age >= max_age}
            for feed, age in zip(listed, ages, strict=True)
        ]
        click.echo(json.dumps({"schema": "assaymark/feeds-status/v1", "feeds": rows}, indent=2))
    elif not listed:
        click.echo("no feed was imported: assay feeds import PATH")
    for feed, age in zip(listed, ages, strict=True) if form == "text" else ():
        stale = "  STALE" if age >= max_age else ""
        click.echo(f"{clean(feed.name)}  {feed.kind}  {feed.records:,} records  {age} days{stale}")
        click.echo(f"  from {clean(feed.source)}, imported {feed.imported_at}, complete until {feed.as_of}")
        click.echo(f"  {feed.digest}  {', '.join(map(clean, feed.ecosystems))}")
    return HOLD if not listed or any(age >= max_age for age in ages) else OK


def _told(done: "list[Imported]", form: str) -> int:
    """What imports did, and the exit code."""
    from assaymark.auditing import feed_told
    from assaymark.core.look import clean

    if form == "json":
        rows = [
            {**feed_told(one.feed), "changed": one.changed, "unchanged": one.unchanged, "removed": one.removed,
             "left_out": [{"path": path, "why": why} for path, why in one.malformed]}
            for one in done
        ]  # fmt: skip
        click.echo(json.dumps({"schema": "assaymark/feeds-import/v1", "feeds": rows}, indent=2))
    for one in done if form == "text" else ():
        click.echo(
            f"{clean(one.feed.name)}: {one.feed.records:,} records ({one.changed:,} new or changed, {one.unchanged:,} as before,"
            f" {one.removed:,} gone), complete until {one.feed.as_of}"
        )
        for path, why in one.malformed[:_SHOWN]:
            click.echo(f"  left out {clean(path)}: {clean(why)}", err=True)
        if len(one.malformed) > _SHOWN:
            click.echo(f"  and {len(one.malformed) - _SHOWN:,} more (--format json names all)", err=True)
    return HOLD if any(one.malformed for one in done) else OK
