"""`assay model origin`: is a model what it is said to be, who made it, and what changed of it."""

import sys
from collections.abc import Mapping
from typing import Any

import click

from assaymark.core.errors import UsageError
from assaymark.core.look import clean
from assaymark.faces.cli import DENIED, HOLD, OK

_FORMATS = ("text", "json", "markdown", "html", "sarif", "junit")


class _Group(click.Group):
    """`origin PATH` examines; `origin snapshot` and `origin diff` are commands. A folder of that name is `./diff`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Whatever names no command is for `verify`."""
        if args and args[0] not in self.commands and args[0] not in {"-h", "--help"}:
            args = ["verify", *args]
        return super().parse_args(ctx, args)


@click.group("origin", cls=_Group)
def origin() -> None:
    """Hold what is said of a model against its bytes: assay model origin PATH.

    \b
    assay model origin PATH|hf://… [--base PATH] [--claims FILE] [--snapshot DIR] [--advisories DIR]
    assay model origin snapshot hf://org/name -o FILE
    assay model origin diff OLD NEW
    """  # noqa: D301 - click wants the character, not a backslash and a letter


@origin.command("verify")
@click.argument("path")
@click.option("--base", metavar="PATH", help="The model that it was made from: every tensor is compared.")
@click.option("--claims", metavar="FILE", help="What it has to be, as JSON; what cannot be told of it holds.")
@click.option("--snapshot", "snapshots", multiple=True, metavar="FILE|DIR", help="What the hub said of it. Repeatable.")
@click.option(
    "--advisories", multiple=True, metavar="FILE|DIR", help="OSV records or short ones of incidents. Repeatable."
)
@click.option(
    "--expect", "expected", multiple=True, metavar="ORG/NAME", help="A name you mean; lookalikes are told. Repeatable."
)
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True)
@click.option(
    "-o", "--output", "outputs", multiple=True, metavar="FORMAT:FILE", help="Also write a report. Repeatable."
)
@click.option("--evidence", metavar="FILE", help="Write signed evidence of this examination; needs --key.")
@click.option("--key", metavar="KEY", help="Private key: a file, or the name of one in the home.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave these paths out. Repeatable.")
@click.option("--follow-links", is_flag=True, help="Read files that links lead to, as in the hub client's cache.")
@click.option("--full", is_flag=True, help="Fetch remote files whole and take their digests.")
@click.option("--fail-on", metavar="SEVERITY", help="Deny from this severity on [default: high].")
@click.option("--no-config", is_flag=True, help="Use no settings file.")
@click.option(
    "--timeout", type=click.FloatRange(1), default=86_400.0, metavar="SECONDS", help="For all of it [default: a day]."
)
@click.option("-v", "--verbose", is_flag=True, help="Print every claim and every layer.")
@click.pass_obj
def verify(obj: Mapping[str, Any], /, path: str, **options: Any) -> int:
    """Check claims, base, publisher, documentation and incidents of a model.

    Exit code: 0 allowed, 1 denied, 2 wrong usage, 3 held (not everything could be vouched for).
    """
    from assaymark import origins
    from assaymark.faces.cli.progress import bar

    outputs = [text.partition(":")[::2] for text in options["outputs"]]
    for form, file in outputs:
        if form not in _FORMATS or not file:
            raise UsageError(f"--output {form}:{file} is not FORMAT:FILE", step=f"formats are {', '.join(_FORMATS)}")
    if bool(options["evidence"]) != bool(options["key"]):
        raise UsageError("--evidence and --key go together", step="make a key with: assay key create NAME")
    with bar(enabled=sys.stderr.isatty()) as progress:
        found = origins.verify(
            path,
            base=options["base"], claims=options["claims"], snapshots=options["snapshots"], advisories=options["advisories"],
            expected=options["expected"], fail_on=options["fail_on"], exclude=options["exclude"],
            config="" if options["no_config"] else None, follow_links=options["follow_links"], full=options["full"],
            seconds=options["timeout"], progress=progress,
        )  # fmt: skip
    click.echo(origins.render(found, options["form"], verbose=options["verbose"]), nl=False)
    for form, file in outputs:
        origins.write(found, form, file)
    if options["evidence"]:
        from assaymark.signing import private_key

        origins.write_evidence(found, private_key(options["key"], obj["home"]), options["evidence"])
        click.echo(f"wrote evidence {options['evidence']}", err=True)
    return {"allow": OK, "deny": DENIED}.get(found.report.verdict.outcome.value, HOLD)


@origin.command("snapshot")
@click.argument("url", metavar="hf://ORG/NAME[@REVISION]")
@click.option("-o", "--output", "output", required=True, metavar="FILE", help="Where to write it.")
def snapshot(url: str, output: str) -> int:
    """Keep what the hub says of a model and its owner now."""
    from assaymark import origins

    taken = origins.take_snapshot(url)
    origins.write_snapshot(taken, output)
    click.echo(f"{clean(taken.of)}  {taken.digest}", err=True)
    click.echo(
        f"  commit {clean(taken.content['commit'])}, {len(taken.content['files']):,} files, {len(taken.content['commits']):,} commits",
        err=True,
    )
    return OK


@origin.command("diff")
@click.argument("old")
@click.argument("new")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.option("--fail-on", metavar="SEVERITY", help="Exit 1 from this severity on [default: high].")
def diff(old: str, new: str, form: str, fail_on: str | None) -> int:
    """Say what changed between two snapshots, worst first.

    Exit code: 0 nothing at the threshold, 1 something, 2 wrong usage.
    """
    import json

    from assaymark import origins

    found = origins.compare_snapshots(old, new)
    click.echo(json.dumps(found, indent=2) + "\n" if form == "json" else origins.diff_text(found), nl=False)
    return DENIED if origins.denies(found["findings"], fail_on) else OK
