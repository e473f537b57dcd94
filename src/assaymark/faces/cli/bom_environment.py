"""`assay bom snapshot` and `assay bom drift`: what an environment is, and whether it is what a BOM says."""

import os
from typing import TYPE_CHECKING, Any

import click

from assaymark.core.errors import UsageError
from assaymark.core.finding import Severity
from assaymark.core.look import clean
from assaymark.faces.cli import DENIED, HOLD, OK

if TYPE_CHECKING:
    from assaymark.bom.build.environment import Environment
    from assaymark.bom.document import Bom
    from assaymark.bom.drift import Drift

_LIMIT = 256 << 20
_LEVELS = tuple(severity.word for severity in reversed(Severity))
_SHOWN = 50


@click.command("snapshot")
@click.option("-o", "--output", metavar="FILE", help="Write it to FILE [default: standard output].")
@click.option("--no-verify", is_flag=True, help="Do not hash the files of installed packages.")
def snapshot(output: str | None, no_verify: bool) -> int:  # noqa: FBT001 - a flag of click
    """Write what this environment is: packages and their bytes, Python, platform, devices, drivers, settings.

    A canonical JSON document: the same environment gives the same bytes. No process is started and no secret is kept.
    Beside a model as NAME.assay-environment.json it becomes part of its BOM; assay bom drift compares with it.
    """
    from assaymark.app import environment
    from assaymark.core.strictjson import canonical

    document = environment(verify=not no_verify)
    text = canonical(document).decode("utf-8") + "\n"
    if output is None:
        click.echo(text, nl=False)
        return OK
    from assaymark.app import write_text

    write_text(output, text)
    changed = sum(1 for row in document["distributions"] if row.get("record", {}).keys() & {"changed", "missing"})
    packages, how = len(document["distributions"]), "names and versions only" if no_verify else "verified"
    click.echo(f"{output}: {packages} packages, {how}{f', {changed} of them changed' if changed else ''}", err=True)
    return OK


@click.command("drift")
@click.argument("bom", metavar="BOM")
@click.option("--environment", "seen", metavar="SNAPSHOT", help="Compare with a file of assay bom snapshot.")
@click.option("--here", is_flag=True, help="Compare with this environment [default].")
@click.option("--no-verify", is_flag=True, help="With --here: do not hash the files of installed packages.")
@click.option("--fail-on", type=click.Choice(_LEVELS), default="medium", show_default=True, help="What matters.")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.option("-o", "--output", metavar="FILE", help="Write the json report to FILE, too.")
@click.option("-v", "--verbose", is_flag=True, help="Show every difference.")
def drift(bom: str, **options: Any) -> int:
    """Compare what a BOM declares with what an environment is.

    BOM: any bill of materials, or an earlier snapshot. Missing, other and extra libraries, changed bytes, another image,
    driver, CUDA or setting, worst first.

    Exit code: 0 nothing that matters, 1 something that matters differs, 2 wrong usage, 3 nothing could be compared.
    """
    from assaymark.bom.drift import drift as compare
    from assaymark.bom.drift import report

    if options["seen"] and options["here"]:
        raise UsageError("--environment and --here are two environments", step="leave one of them out")
    declared, where = _bom(bom), options["seen"] or "this environment"
    found = compare(declared, _environment(options["seen"], verify=not options["no_verify"]))
    threshold = next(severity for severity in Severity if severity.word == options["fail_on"])
    document = _json(report(found, bom, where))
    if options["output"]:
        from assaymark.app import write_text

        write_text(options["output"], document)
    if options["form"] == "json":
        click.echo(document, nl=False)
    else:
        _print(found, bom, where, threshold, verbose=options["verbose"])
    if found.matters(threshold):
        return DENIED
    return OK if found.looked else HOLD


def _json(document: dict[str, Any]) -> str:
    import json

    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _data(path: str) -> bytes:
    try:
        if os.path.getsize(path) > _LIMIT:
            raise UsageError(f"{path} is longer than the {_LIMIT >> 20} MiB that are read")
        with open(path, "rb") as file:
            return file.read(_LIMIT)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def _bom(path: str) -> "Bom":
    """A BOM of any format, or a snapshot as one."""
    from assaymark.bom.build.environment import is_environment

    try:
        with open(path, "rb") as file:
            start = file.read(4_096)
    except OSError:
        start = b""  # boms says what is the matter
    if is_environment(path, start):
        from assaymark.bom.build.environment import read
        from assaymark.bom.build.environment_lay import as_bom

        return as_bom(read(_data(path), path), os.path.basename(path))
    from assaymark.boms import read as read_bom

    return read_bom(path)


def _environment(path: str | None, *, verify: bool) -> "Environment":
    from assaymark.bom.build.environment import read

    if path is not None:
        return read(_data(path), path)
    from assaymark.app import environment
    from assaymark.core.strictjson import canonical

    return read(canonical(environment(verify=verify)), "this environment")


def _print(found: "Drift", bom: str, where: str, threshold: Severity, *, verbose: bool) -> None:
    click.echo(f"{clean(bom)} against {clean(where)}")
    click.echo(
        f"  {found.libraries} libraries declared, {found.installed} packages installed, "
        f"{found.agreed} as declared, {found.verified} with verified bytes"
    )
    shown = [one for one in found.differences if verbose or one.severity >= min(threshold, Severity.LOW)]
    limit = len(shown) if verbose else _SHOWN
    for one in shown[:limit]:
        click.echo()
        click.echo(f"{one.severity.word.upper():8} {one.code}: {clean(one.what, 300)}")
        for place in one.places[:1]:
            click.echo(f"         declared in {clean(place.path)}{', ' + clean(place.at) if place.at else ''}")
        click.echo(f"         fix: {clean(one.step, 300)}")
    hidden = len(found.differences) - len(shown[:limit])
    if hidden:
        click.echo(f"\n{hidden} more: --verbose shows them")
    if found.blind:
        click.echo("\nnot compared:")
        for what, why in found.blind if verbose else found.blind[:10]:
            click.echo(f"  {clean(what)}: {clean(why, 300)}")
        if not verbose and len(found.blind) > 10:
            click.echo(f"  and {len(found.blind) - 10} more")
    matters = len(found.matters(threshold))
    click.echo()
    if not found.looked:
        click.echo("HOLD: the BOM names no library that could be compared")
    if matters:
        click.echo(f"DRIFT: {matters} differences of severity {threshold.word} or worse")
    elif found.looked:
        click.echo("no drift that matters")
