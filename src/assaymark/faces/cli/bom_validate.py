"""`assay bom validate` and `assay bom convert`: what is wrong with a bill of materials, and the same one in another format."""

import json
import os
import stat
import sys
from typing import TYPE_CHECKING, Any

import click

from assaymark.core.errors import AssayError, Unreadable, UsageError
from assaymark.core.look import clean
from assaymark.faces.cli import DENIED, HOLD, OK

if TYPE_CHECKING:
    from assaymark.bom.validate import Problem

SCHEMA = "assaymark/bom-validation/v1"
_SHOWN = 50
"""Problems of a document that text output shows; JSON has all that were noted."""
_FORMS = ("cyclonedx", "cyclonedx-1.4", "cyclonedx-1.5", "cyclonedx-1.6", "cyclonedx-1.7", "spdx", "json")


@click.command("validate")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.option("--schema-only", is_flag=True, help="Only what the schema says, as other validators do.")
def validate(files: tuple[str, ...], form: str, schema_only: bool) -> int:  # noqa: FBT001 - a flag of click
    """Say what is wrong with bills of materials: beyond the schema also refs, digests, package URLs and cycles.

    CycloneDX 1.4 to 1.7 (JSON, XML) and SPDX 2 and 3. Exit 1 on an error, 0 on warnings alone, 3 where a FILE cannot be read.

    \b
    assay bom validate bom.cdx.json
    """  # noqa: D301 - click wants the character, not a backslash and a letter
    reports = [_report(file, schema_only=schema_only) for file in files]
    if form == "json":
        click.echo(json.dumps({"schema": SCHEMA, "documents": [_record(report) for report in reports]}, indent=2))
    else:
        for report in reports:
            _tell(report)
    if any(report["errors"] for report in reports):
        return DENIED
    return HOLD if any(report["failure"] for report in reports) else OK


def _report(file: str, *, schema_only: bool) -> dict[str, Any]:
    from assaymark.bom.formats import parse
    from assaymark.bom.validate import validate as problems_of

    report: dict[str, Any] = {
        "path": file,
        "format": "",
        "failure": "",
        "step": "",
        "errors": 0,
        "warnings": 0,
        "problems": [],
    }
    try:
        report["format"], document = parse(_bytes(file), os.path.basename(file))
        report["problems"] = problems_of(document, report["format"], schema_only=schema_only)
    except AssayError as error:
        offset = getattr(error, "offset", None)
        report["failure"] = error.message + (f" (at byte {offset:,})" if offset else "")
        report["step"] = error.step
    report["errors"] = sum(problem.error for problem in report["problems"])
    report["warnings"] = len(report["problems"]) - report["errors"]
    return report


def _bytes(file: str) -> bytes:
    """What stands in a file, `-` for standard input; never more than one byte beyond what is read."""
    from assaymark.bom.formats import LIMIT

    if file == "-":
        return sys.stdin.buffer.read(LIMIT + 1)
    try:
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as opened:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Unreadable(f"{file} is no regular file")
            return opened.read(LIMIT + 1)
    except OSError as error:
        raise Unreadable(f"{file} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise UsageError(f"{file!r} is no name of a file: {error}") from None


def _record(report: dict[str, Any]) -> dict[str, Any]:
    problems = [
        {"code": one.code, "severity": one.severity.word, "at": one.at, "message": one.message, "fix": one.fix}
        for one in report["problems"]
    ]
    made = {name: value for name, value in report.items() if value != "" or name == "path"}
    return {**made, "valid": not report["errors"] and not report["failure"], "problems": problems}


def _tell(report: dict[str, Any]) -> None:
    """One document, for people."""
    path = clean(report["path"])
    if report["failure"]:
        click.echo(f"{path}: not looked at: {clean(report['failure'])}")
        if report["step"]:
            click.echo(f"  next: {clean(report['step'])}")
        return
    what = (
        "sound"
        if not report["problems"]
        else f"{_count(report['errors'], 'error')}, {_count(report['warnings'], 'warning')}"
    )
    click.echo(f"{path}: {report['format']}, {what}")
    ordered: list[Problem] = sorted(report["problems"], key=lambda one: -one.severity)
    fixes: set[str] = set()
    for one in ordered[:_SHOWN]:
        click.echo(f"  {one.code}  {'error' if one.error else 'warning':<7}  {clean(one.at) or '(document)'}")
        click.echo(f"          {clean(one.message)}")
        if one.fix not in fixes:
            click.echo(f"          fix: {clean(one.fix)}")
            fixes.add(one.fix)
    if len(ordered) > _SHOWN:
        click.echo(f"  … {len(ordered) - _SHOWN} more: --format json has them all")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


@click.command("convert")
@click.argument("file", metavar="IN")
@click.option(
    "--to", "form", type=click.Choice(_FORMS), required=True, help="cyclonedx is 1.7, spdx is 3.0.1, json is our own."
)
@click.option("-o", "--output", metavar="OUT", help="Write to a file [default: standard output].")
def convert(file: str, form: str, output: str | None) -> int:
    """Write a bill of materials in another format; nothing of it is lost.

    What the format has no field for is carried in properties and annotations, and comes back when it is read. Standard error
    says what that was.

    \b
    assay bom convert bom.xml --to cyclonedx-1.6 -o bom.cdx.json
    """  # noqa: D301 - click wants the character, not a backslash and a letter
    from assaymark.bom.formats import read, write_with_losses

    bom = read(_bytes(file), os.path.basename(file))
    text, lost = write_with_losses(bom, form)
    for pointer in lost[:_SHOWN]:
        click.echo(f"{form} has no field for it, a property carries it: {clean(pointer)}", err=True)
    if len(lost) > _SHOWN:
        click.echo(f"… {len(lost) - _SHOWN} more", err=True)
    family = form.partition("-")[0]
    natives = [bom.native, *(one.native for one in bom.components)]
    for name in sorted({name for native in natives for name in native if not name.startswith(family)}):
        click.echo(f"what {name} said beyond facts is carried along, and comes back when it is {name} again", err=True)
    if output is None:
        click.echo(text, nl=False)
        return OK
    _write(output, text)
    return OK


def _write(path: str, text: str) -> None:
    """Whole or not at all."""
    part = f"{path}.part"
    try:
        with open(part, "w", encoding="utf-8", newline="\n") as opened:
            opened.write(text)
        os.replace(part, path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from None
