"""`assay bom build`: the bill of materials of a folder or file, from its bytes."""

import sys
from typing import Any

import click

from assaymark.core.errors import UsageError
from assaymark.faces.cli import OK

_FORMS = ("text", "json", "cyclonedx", "cyclonedx-1.6", "cyclonedx-1.7", "spdx")


@click.command("build")
@click.argument("path", metavar="PATH")
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMS),
    default="text",
    show_default=True,
    help="cyclonedx is 1.7, spdx is 3.0.1, json is our own.",
)
@click.option(
    "-o", "--output", "outputs", multiple=True, metavar="FORMAT:FILE", help="Also write the BOM to a file. Repeatable."
)
@click.option("--at", metavar="TIME", default="", help="When it was made, as 2026-01-31T12:00:00Z [default: not said].")
@click.option("--author", metavar="NAME", default="", help="The organisation or person who makes it.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave out paths, as assay scan does. Repeatable.")
def command(path: str, **options: Any) -> int:
    """Say what went into a model: base, data, libraries, images and tools, with digests.

    All of it is read from bytes; nothing is executed, imported or fetched. The same bytes give the same document.

    \b
    assay bom build models/fraud/
    assay bom build models/fraud/ -o cyclonedx:bom.cdx.json -o spdx:bom.spdx.json
    """  # noqa: D301 - click wants the character, not a backslash and a letter
    from assaymark.boms import build, render, write

    outputs = [_target(output) for output in options["outputs"]]
    bom = build(path, exclude=options["exclude"], at=options["at"], author=options["author"], progress=_progress())
    for form, file in outputs:
        write(bom, form, file)
    click.echo(render(bom, options["form"]), nl=False)
    return OK


def _target(output: str) -> tuple[str, str]:
    form, colon, file = output.partition(":")
    if form not in _FORMS or not colon or not file:
        raise UsageError(f"{output!r} is not FORMAT:FILE", step=f"FORMAT is one of {', '.join(_FORMS)}")
    return form, file


def _progress() -> Any:
    """Bytes that were hashed, on a terminal only."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, count: int, size: int, total: int) -> None:
        end = "\n" if done == count else "\r"
        if total > 1 << 30 or done == count:
            click.echo(f"{done:,} of {count:,} files, {size >> 20:,} of {total >> 20:,} MiB", err=True, nl=False)
            click.echo(end, err=True, nl=False)

    return show
