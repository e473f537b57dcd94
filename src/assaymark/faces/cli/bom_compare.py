"""`assay bom diff`, `merge` and `score`: bills of materials beside each other, as one, and on the scale."""

import json
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any

import click

from assaymark.core.errors import UsageError
from assaymark.core.finding import Severity
from assaymark.faces.cli import DENIED, OK

if TYPE_CHECKING:
    from assaymark.bom.document import Bom

_SEVERITIES = tuple(severity.word for severity in Severity)
_LARGEST = 128 << 20
"""Bytes of an envelope."""
_FORMS = ("text", "json", "cyclonedx", "cyclonedx-1.6", "cyclonedx-1.7", "spdx")


@click.command("diff")
@click.argument("old", metavar="A")
@click.argument("new", metavar="B")
@click.option("--format", "form", type=click.Choice(("text", "json", "markdown")), default="text", show_default=True)
@click.option(
    "--fail-on", type=click.Choice(_SEVERITIES), default="high", show_default=True, help="Exit 1 from this severity on."
)
@click.option("-v", "--verbose", is_flag=True, help="Print every change.")
def diff(old: str, new: str, form: str, fail_on: str, verbose: bool) -> int:  # noqa: FBT001 - a flag of click
    """Say what changed between two bills of materials, in any formats: weights, base, data, libraries, images, runs.

    Components are matched by what they are (digest, purl, name and path), so documents of different tools compare.

    Exit code: 0 equal, or nothing from --fail-on on; 1 otherwise; 2 wrong usage; 3 a document could not be read.

    \b
    assay bom diff approved.cdx.json candidate.spdx.json
    assay bom diff approved.cdx.json candidate.cdx.json --format markdown --fail-on medium
    """  # noqa: D301 - click wants the character, not a backslash and a letter
    from assaymark.bom.compare.diff import diff as compare
    from assaymark.boms import read

    found = compare(read(old), read(new))
    threshold = Severity[fail_on.upper()]
    if form == "json":
        _print_json(found.as_dict())
    elif form == "markdown":
        from assaymark.bom.compare.markdown import diff_markdown

        click.echo(diff_markdown(found, threshold), nl=False)
    else:
        from assaymark.bom.compare.text import diff_text

        click.echo(diff_text(found, threshold, every=verbose), nl=False)
    return DENIED if found.worst is not None and found.worst >= threshold else OK


@click.command("merge")
@click.argument("documents", metavar="A B...", nargs=-1, required=True)
@click.option("--format", "form", type=click.Choice(_FORMS), default="cyclonedx", show_default=True)
@click.option("-o", "--output", "out", metavar="FILE", help="Write the merged document there [default: stdout].")
@click.option(
    "--conflicts",
    type=click.File("w", encoding="utf-8", lazy=True, atomic=True),
    metavar="FILE",
    help="Write what they disagree about, as JSON.",
)
def merge(documents: tuple[str, ...], form: str, out: str | None, conflicts: IO[str] | None) -> int:
    """Join bills of materials: a supplier's, a scanner's and more, in any formats. The order says nothing.

    The better known value stands (verified, observed, declared, inferred), and where two disagree both are told. Things that
    cannot be the same bytes stay two.

    Exit code: 0 joined; 1 joined, and digests disagree; 2 wrong usage; 3 a document could not be read.

    \b
    assay bom merge supplier.spdx.json scanner.cdx.json -o merged.cdx.json --conflicts conflicts.json
    """  # noqa: D301 - click wants the character, not a backslash and a letter
    from assaymark.bom.compare.merge import merge as join
    from assaymark.bom.compare.text import merge_text
    from assaymark.boms import read, render, write

    if len(documents) < 2:
        raise UsageError("merge needs two documents or more", step="assay bom merge A B -o OUT")
    merged = join([(name, read(path)) for name, path in zip(_names(documents), documents, strict=True)])
    if conflicts:
        conflicts.write(_json(merged.as_dict()) + "\n")
    if out:
        write(merged.bom, form, out)
    else:
        click.echo(render(merged.bom, form), nl=False)
    click.echo(merge_text(merged), nl=False, err=True)
    return DENIED if merged.digests_disagree else OK


def _names(paths: tuple[str, ...]) -> list[str]:
    """What places say of their source: the file's name where that is enough to tell, else its path."""
    short = [path.replace("\\", "/").rstrip("/").rpartition("/")[2] for path in paths]
    return short if len(set(short)) == len(set(paths)) else list(paths)


@click.command("score")
@click.argument("document", metavar="FILE")
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    metavar="NAME",
    help="verifiability, g7-ai, cisa-2025, bsi-tr-03183-2, owasp-aibom [default: all].",
)
@click.option("--format", "form", type=click.Choice(("text", "json", "markdown")), default="text", show_default=True)
@click.option(
    "--fail-under", type=click.FloatRange(0, 100), metavar="N", help="Exit 1 where a profile is under N percent."
)
@click.option(
    "--key", "keys", multiple=True, metavar="PUB", help="FILE is signed (assay bom sign) by this key. Repeatable."
)
@click.option("-v", "--verbose", is_flag=True, help="Print every element.")
@click.pass_obj
def score(obj: Mapping[str, Any], /, document: str, **options: Any) -> int:
    """Say how much of a bill of materials can be verified, by the yardsticks that people ask for.

    A statement counts by how it is known: declared text 0.4 at most, a digest or a revision 0.8, what was read from the bytes
    0.9, what was declared and agrees with the bytes 1. A document without digests stays under 40 %.

    Exit code: 0; 1 under --fail-under; 2 wrong usage; 3 the document could not be read.

    \b
    assay bom score bom.cdx.json
    assay bom score bom.cdx.json --profile g7-ai -v --fail-under 60
    assay bom score bom.signed.json --key release.pub
    """  # noqa: D301 - click wants the character, not a backslash and a letter
    from assaymark.bom.score import score as measure

    measured = measure(_opened(document, options["keys"], obj), options["profiles"], signed=bool(options["keys"]))
    if options["form"] == "json":
        _print_json(measured.as_dict())
    elif options["form"] == "markdown":
        from assaymark.bom.compare.markdown import score_markdown

        click.echo(score_markdown(measured), nl=False)
    else:
        from assaymark.bom.compare.text import score_text

        click.echo(score_text(measured, every=options["verbose"]), nl=False)
    under = options["fail_under"]
    return DENIED if under is not None and measured.lowest < under else OK


def _opened(path: str, keys: tuple[str, ...], obj: Mapping[str, Any]) -> "Bom":
    from assaymark.boms import read

    if not keys:
        return read(path)
    from assaymark.bom.signed import opened
    from assaymark.signing import public_key

    trusted = [public_key(key, obj["home"]) for key in keys]
    try:
        with click.open_file(path, "rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    if len(data) > _LARGEST:
        raise UsageError(f"{path} has more than {_LARGEST:,} bytes")
    return opened(data, trusted)


def _print_json(document: Mapping[str, Any]) -> None:
    click.echo(_json(document))


def _json(document: Mapping[str, Any]) -> str:
    """JSON for any terminal and file: a lone surrogate becomes an escape of JSON."""
    return json.dumps(document, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
