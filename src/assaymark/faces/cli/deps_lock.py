"""`assay deps inventory` and `assay deps lock-check`."""

import csv
import io
import json

import click

from assaymark.core.errors import UsageError
from assaymark.core.scan import ScanReport
from assaymark.faces.cli import DENIED, HOLD, OK
from assaymark.library.inventory.model import Inventory

_COLUMNS = (
    "ecosystem",
    "name",
    "version",
    "direct",
    "via",
    "groups",
    "marker",
    "index",
    "hashes",
    "source",
    "path",
    "line",
)
_EXITS = {"allow": OK, "deny": DENIED, "hold": HOLD}


@click.command("inventory")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--format", "form", type=click.Choice(("text", "json", "csv")), default="text", show_default=True)
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave out paths, as assay scan does. Repeatable.")
def inventory(paths: tuple[str, ...], form: str, exclude: tuple[str, ...]) -> int:
    """Say which packages are named or installed below PATH, by which file and line, and who asks for them.

    Locks, requirement files, manifests, installed environments, wheels, sdists and image layouts (OCI). Nothing is
    resolved, fetched or unpacked. Exit code 3 where something could not be read.

    \b
    assay deps inventory .
    assay deps inventory .venv --format csv
    """  # noqa: D301 - click wants the character, not a backslash and a letter
    from assaymark.inventories import inventory as look

    made = look(paths, exclude=exclude)
    picture = {"text": _text, "json": _json, "csv": _csv}[form]
    click.echo(picture(made), nl=False)
    return HOLD if made.gaps else OK


def _json(made: Inventory) -> str:
    return json.dumps(made.told(), ensure_ascii=False, indent=1) + "\n"


def _csv(made: Inventory) -> str:
    """RFC 4180; a cell that a spreadsheet would take for a formula begins with an apostrophe."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(_COLUMNS)
    for package in made.packages:
        told = package.told()
        row = [told.get(column, "") for column in _COLUMNS]
        cells = [
            " ".join(map(str, cell)) if isinstance(cell, list) else "" if cell is None else str(cell) for cell in row
        ]
        writer.writerow([f"'{cell}" if cell[:1] in tuple("=+-@\t\r") else cell for cell in cells])
    return file.getvalue()


def _text(made: Inventory) -> str:
    lines = []
    for package in made.packages:
        how = {True: "direct", False: "transitive", None: ""}[package.direct]
        via = f" via {' > '.join(package.via)}" if package.via else ""
        version = package.version or package.specifier or "any"
        lines.append(f"{package.ecosystem} {package.name} {version}  {package.place}  {how}{via}".rstrip())
    distinct = len({(p.ecosystem, p.name, p.version) for p in made.packages})
    lines += [f"not read: {gap.path}{f':{gap.line}' if gap.line else ''}: {gap.why}" for gap in made.gaps]
    lines.append(f"{distinct:,} packages in {len(made.sources):,} sources, {len(made.gaps):,} gaps  {made.digest}")
    return "".join(f"{_clean(line)}\n" for line in lines)


def _clean(line: str) -> str:
    return "".join(c if c.isprintable() else "\ufffd" for c in line)


@click.command("lock-check")
@click.argument("path", metavar="PATH")
@click.option("--format", "form", type=click.Choice(("text", "json", "sarif", "markdown")), default="text")
@click.option(
    "--fail-on",
    type=click.Choice(("low", "medium", "high", "critical")),
    default="medium",
    show_default=True,
    help="Severity from which on the exit code is 1.",
)
@click.option(
    "--page", "pages", multiple=True, metavar="FILE", help="Project page of an index (PEP 691): what was yanked."
)
@click.option(
    "--fix", is_flag=True, help="Lock anew through uv in a copy, show the difference, write it if it is better."
)
@click.option("--dry-run", is_flag=True, help="With --fix: show the difference and write nothing.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave out paths, as assay scan does. Repeatable.")
def lock_check(path: str, **options: object) -> int:
    """Say what is wrong with how the packages below PATH are locked, and how to mend it.

    \b
    assay deps lock-check .
    assay deps lock-check . --fix
    """  # noqa: D301 - click wants the character, not a backslash and a letter
    from assaymark import app
    from assaymark.inventories import apply, fixes
    from assaymark.inventories import lock_check as look

    exclude = tuple(map(str, options["exclude"])) if isinstance(options["exclude"], tuple) else ()
    pages = tuple(map(str, options["pages"])) if isinstance(options["pages"], tuple) else ()
    if options["dry_run"] and not options["fix"]:
        raise UsageError("--dry-run says nothing without --fix")

    def check() -> tuple[ScanReport, Inventory]:
        seen = look(path, exclude=exclude, fail_on=str(options["fail_on"]), pages=pages)
        click.echo(app.render(seen[0], str(options["form"])), nl=False)
        return seen

    report, made = check()
    if options["fix"]:
        changes = fixes(path, report, made, exclude=exclude)
        for change in changes:
            click.echo(change.difference, err=True, nl=False)
            state = change.why or ("would be written" if options["dry_run"] else "written")
            click.echo(f"{change.path}: {state} ({change.command})", err=True)
        if not options["dry_run"] and any(change.text is not None for change in changes):
            apply(path, changes)
            report, _ = check()
    return _EXITS[report.verdict.outcome.value]
