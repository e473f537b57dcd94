"""`assay impact`: which models are affected by something, and what went into a model."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from assaymark.core.errors import NotFound, UsageError
from assaymark.core.look import clean
from assaymark.faces.cli import DENIED, HOLD, OK
from assaymark.faces.cli.registry import opened, place

if TYPE_CHECKING:
    from assaymark.impacting import Asked


@click.command("impact")
@click.argument("what", required=False)
@click.option("--as-of", metavar="T", default="", help="What was affected at that moment: 2026-01-31 or RFC 3339.")
@click.option("--channel", metavar="NAME", default="", help="Only what stands in this channel, as production.")
@click.option("--format", "form", type=click.Choice(("text", "json", "csv", "html")), default="text", show_default=True)
@click.option("-o", "--output", "out", metavar="FILE", help="Write the answer there [default: stdout].")
@click.option("--why", "why", metavar="MODEL", help="Only by which way WHAT reaches this model.")
@click.option("--ancestry", "ancestry", metavar="MODEL", help="All that went into this model; without WHAT.")
@click.option("--bom", "boms", multiple=True, metavar="FILE", help="Ask these BOMs instead of a registry. Repeatable.")
@place
@click.pass_obj
def command(obj: Mapping[str, Any], /, what: str | None, **options: Any) -> int:
    """Say which models are affected by WHAT: through data, bases, fine-tunes, libraries, images and publishers.

    WHAT is a digest, a package URL (also with a range), a dataset, model or publisher by name, a version of the registry, an
    advisory's id or an OSV record in a file.

    Exit code: 0 nobody is affected; 1 somebody is; 2 wrong usage; 3 it could not be told: nothing known is called so.

    \b
    assay impact 'pkg:pypi/torch@<2.6' --channel production
    assay impact dataset:reviews --format html -o affected.html
    assay impact pkg:pypi/numpy@1.26.4 --why fraud/scorer@7
    assay impact --ancestry fraud/scorer@7
    assay impact publisher:acme --bom one.cdx.json --bom two.spdx.json
    """  # noqa: D301 - click wants the character, not a backslash and a letter
    from assaymark import impacting

    if (what is None) == (options["ancestry"] is None) or (options["ancestry"] and options["why"]):
        raise UsageError("name WHAT, or a model with --ancestry", step="assay impact --help")
    try:
        with _place(obj, options) as asked:
            if what is None:
                return _ancestry(asked, options)
            given = impacting.given(what) if not options["server"] else what
            if options["why"]:
                return _why(asked, given, options)
            return _impact(asked, given, options)
    except NotFound as error:
        click.echo(f"assay: {clean(error.message)}", err=True)
        if error.step:
            click.echo(f"  next: {clean(error.step)}", err=True)
        return HOLD


@contextlib.contextmanager
def _place(obj: Mapping[str, Any], options: dict[str, Any]) -> Iterator["Asked"]:
    """The BOMs that were named, else the registry."""
    from assaymark import impacting

    if options["boms"]:
        with impacting.of_boms(options["boms"], obj["home"]) as asked:
            yield asked
        return
    with opened(obj, {name: options[name] for name in ("server", "database", "store")}) as at:
        yield at


def _impact(asked: "Asked", what: Any, options: Mapping[str, Any]) -> int:
    from assaymark import impacting

    lines = asked.impact(what, as_of=options["as_of"], channel=options["channel"])
    head = next(lines)
    _write(impacting.rendered(options["form"], head, lines), options["out"])
    return DENIED if head["counts"]["hits"] else OK


def _why(asked: "Asked", what: Any, options: Mapping[str, Any]) -> int:
    from assaymark import impacting

    found = asked.why(options["why"], what, as_of=options["as_of"])
    _write(impacting.told_why(options["form"], found), options["out"])
    return DENIED if found["path"] else OK


def _ancestry(asked: "Asked", options: Mapping[str, Any]) -> int:
    from assaymark import impacting

    found = asked.ancestry(options["ancestry"], as_of=options["as_of"])
    _write(impacting.told_ancestry(options["form"], found), options["out"])
    return OK


def _write(pieces: Iterator[str], out: str | None) -> None:
    from assaymark import impacting

    if out:
        impacting.write(out, pieces)
        return
    for piece in pieces:
        click.echo(piece, nl=False)
