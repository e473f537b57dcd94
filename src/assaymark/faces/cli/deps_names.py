"""`assay deps names` and `assay deps monitor`: names that are taken for others, and what changes at an index."""

from typing import TYPE_CHECKING, Any

import click

from assaymark.core.errors import UsageError
from assaymark.core.finding import Severity
from assaymark.core.look import clean
from assaymark.faces.cli import DENIED, HOLD, OK

if TYPE_CHECKING:
    from assaymark.naming import Checked

_LEVELS = tuple(severity.word for severity in reversed(Severity))
_SHOWN = 50


@click.command("names")
@click.argument("given", nargs=-1, metavar="[NAME|PATH]...")
@click.option("--popular", metavar="FILE", help="Popular names, most popular first [default: the list used last].")
@click.option(
    "--internal", multiple=True, metavar="NAME", help="A name of your own, or a pattern (acme-*). Repeatable."
)
@click.option("--index", metavar="URL", help="Ask this public index whether it has your own names.")
@click.option("--fail-on", type=click.Choice(_LEVELS), default="medium", show_default=True, help="What denies.")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.option("-o", "--output", metavar="FILE", help="Write the json report to FILE, too.")
@click.option("-v", "--verbose", is_flag=True, help="Show advice, too.")
@click.pass_obj
def names(obj: Any, /, given: tuple[str, ...], **options: Any) -> int:
    """Say which names are easily taken for others, or are your own and somebody else's, too.

    NAME or PATH: names of libraries, requirement files, locks, pyproject.toml, or folders that hold them.

    Exit code: 0 nothing found, 1 a name should not be installed before it was looked at, 2 wrong usage, 3 no list of
    popular names, or a file that could not be read.
    """
    from assaymark.app import write_text
    from assaymark.naming import check, load_popular, report

    if not given and not (options["internal"] and options["index"]):
        raise UsageError("nothing to look at", step="assay deps names requirements.txt --popular FILE")
    popular = load_popular(options["popular"], (obj or {}).get("home"))
    checked = check(given, popular, options["internal"], options["index"])
    document = _json(report(checked))
    if options["output"]:
        write_text(options["output"], document)
    if options["form"] == "json":
        click.echo(document, nl=False)
    else:
        _print(checked, verbose=options["verbose"])
    threshold = Severity[options["fail_on"].upper()]
    if any(one.severity >= threshold for _, one in checked.found):
        return DENIED
    return HOLD if popular is None or checked.unread or not checked.names else OK


def _json(document: Any) -> str:
    import json

    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _print(checked: "Checked", *, verbose: bool) -> None:
    shown = [pair for pair in checked.found if verbose or pair[1].flagged]
    for named, one in shown if verbose else shown[:_SHOWN]:
        where = f"{clean(named.path)}:{named.line}: " if named.path else ""
        click.echo(f"{one.severity.word.upper():8} {where}{clean(one.name)} ({one.code}): {clean(one.reason, 300)}")
        if one.target and one.code not in {"invented", "internal", "internal-public"}:
            place = f", number {one.rank:,} of the popular ones" if one.rank else ""
            click.echo(f"         fix: write {clean(one.target)}{place}, if that is meant")
        elif one.code.startswith("internal"):
            click.echo(
                f"         fix: take {clean(one.name)} from your own index alone (one --index-url, hashes in the lock)"
            )
    hidden = len(checked.found) - len(shown[:_SHOWN] if not verbose else shown)
    for path, why in checked.unread:
        click.echo(f"not read: {clean(path)}: {clean(why, 300)}")
    if not checked.popular:
        click.echo("HOLD: no list of popular names: --popular FILE names one, once (see docs/names.md)")
    advice = f", {hidden} more with --verbose" if hidden else ""
    flagged = sum(one.flagged for _, one in checked.found)
    click.echo(f"{len(checked.names)} names against {checked.listed:,} popular ones: {flagged} flagged{advice}")


@click.group("monitor")
def monitor() -> None:
    """See who may release a library, and what changed since: snapshots of an index, and their differences."""


@monitor.command("snapshot")
@click.argument("given", nargs=-1, required=True, metavar="NAME...")
@click.option("--index", metavar="URL", required=True, help="The index, such as https://pypi.org")
@click.option("-o", "--output", metavar="FILE", required=True, help="Write it to FILE.")
def snapshot(given: tuple[str, ...], index: str, output: str) -> int:
    """Write what an index says of projects now: people, mail domains, releases, files, provenance, dependencies."""
    from assaymark.naming import take_snapshot, write_snapshot

    taken = take_snapshot(given, index)
    write_snapshot(taken, output)
    missing = sorted(name for name, one in taken.content.items() if not one["known"])
    for name in missing:
        click.echo(f"not at the index: {clean(name)}", err=True)
    click.echo(f"{output}: {len(taken.content) - len(missing)} projects of {clean(taken.of)}", err=True)
    return HOLD if missing else OK


@monitor.command("diff")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option("--popular", metavar="FILE", help="Popular names, for new dependencies [default: the list used last].")
@click.option("--tags", metavar="FILE", help="The tags of the repository, one a line (git tag > FILE).")
@click.option("--archives", metavar="DIR", help="Wheels and source archives whose lists of files are compared.")
@click.option("--fail-on", type=click.Choice(_LEVELS), default="high", show_default=True, help="What denies.")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.option("-o", "--output", metavar="FILE", help="Write the json report to FILE, too.")
@click.pass_obj
def diff(obj: Any, /, old: str, new: str, **options: Any) -> int:
    """Compare two snapshots: what of it is how a project looks that was taken over, worst first.

    Exit code: 0 nothing at the threshold, 1 something is, 2 wrong usage, 3 a snapshot that cannot be read.
    """
    from assaymark.app import write_text
    from assaymark.naming import compare_snapshots, load_popular

    popular = load_popular(options["popular"], (obj or {}).get("home"))
    document = compare_snapshots(old, new, popular, options["tags"], options["archives"])
    if options["output"]:
        write_text(options["output"], _json(document))
    if options["form"] == "json":
        click.echo(_json(document), nl=False)
    else:
        for one in document["findings"]:
            click.echo(
                f"{one['severity'].upper():8} {clean(one['project'])} ({one['code']}): {clean(one['what'], 300)}"
            )
            click.echo(f"         at {clean(', '.join(one['evidence'][:3]), 300)}")
        click.echo(f"{clean(document['of'])}: {len(document['findings'])} findings, {old} to {new}")
    threshold = Severity[options["fail_on"].upper()]
    return DENIED if any(Severity[one["severity"].upper()] >= threshold for one in document["findings"]) else OK
