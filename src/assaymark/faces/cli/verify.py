"""`assay verify`: prove that a folder is what was approved, before anything loads it."""

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from assaymark.core.errors import UsageError
from assaymark.core.look import clean

if TYPE_CHECKING:
    from assaymark.verifying import Verified


@click.command("verify")
@click.argument("path")
@click.option("--bundle", required=True, metavar="FILE", help="What the registry gave for the channel.")
@click.option("--root", required=True, metavar="FILE", help="Trust root that this host was given, by another way.")
@click.option("--channel", required=True, metavar="PROJECT/MODEL:CHANNEL", help="What this host means to load.")
@click.option("--into", metavar="DIR", help="Make a private copy of what was hashed, and use that.")
@click.option("--state", metavar="FILE", help="What this host has seen [default: verified.json in the home].")
@click.option("--no-state", is_flag=True, help="Keep nothing: an older bundle that is still fresh is not noticed.")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
@click.option(
    "--exec", "run", is_flag=True, help="Then become the command after --, with ASSAY_MODEL set. Needs --into."
)
@click.argument("arguments", nargs=-1, metavar="[-- CMD ARG...]")
@click.pass_obj
def command(obj: Mapping[str, Any], /, path: str, arguments: tuple[str, ...], **options: Any) -> None:
    """Prove, without a network, that PATH is what the approvers approved. Exit 0, or 1 and the step that refused.

    Example: assay verify model/ --bundle model.bundle --root root.json --channel fraud/scorer:production --into /run/model --exec -- serve
    """
    from assaymark.verifying import state_in, verify_folder

    _check(arguments, options)
    state = False if options["no_state"] else options["state"] or state_in(obj["home"])
    verified = verify_folder(
        path, options["bundle"], options["root"], options["channel"], state=state, into=options["into"]
    )
    _print(verified, options["form"], quiet=options["run"])
    for warning in verified.warnings:
        click.echo(f"assay: warning: {clean(warning)}", err=True)
    if options["run"]:
        _become(arguments, verified.path)


def _check(arguments: tuple[str, ...], options: Mapping[str, Any]) -> None:
    if bool(arguments) != options["run"]:
        raise UsageError("a command and --exec go together", step="assay verify … --into DIR --exec -- CMD ARG…")
    if options["run"] and not options["into"]:
        step = "add --into DIR: files that others can write could be swapped before the command reads them"
        raise UsageError("--exec loads from a private copy only", step=step)
    if options["no_state"] and options["state"]:
        raise UsageError("--state and --no-state exclude each other", step="leave out one")


def _print(verified: "Verified", form: str, *, quiet: bool) -> None:
    if form == "json":
        click.echo(json.dumps(_document(verified), indent=2), err=quiet)
        return
    click.echo(f"verified     {verified.subject.name} {verified.subject.digest}", err=quiet)
    click.echo(f"channel      {verified.channel}, counter {verified.counter}", err=quiet)
    click.echo(f"approved by  {', '.join(verified.people)}", err=quiet)
    click.echo(f"holds until  {verified.until}", err=quiet)
    click.echo(f"load from    {clean(verified.path)}", err=quiet)


def _document(verified: "Verified") -> dict[str, Any]:
    return {
        "schema": "assaymark/verified/v1",
        "version": verified.subject.name,
        "digest": str(verified.subject.digest),
        "channel": str(verified.channel),
        "counter": verified.counter,
        "activation": verified.activation,
        "approved_by": list(verified.people),
        "root_version": verified.root.version,
        "until": verified.until,
        "warnings": list(verified.warnings),
        "path": verified.path,
    }


def _become(arguments: tuple[str, ...], path: str) -> None:
    """The command gets the signals as they were before Python ignored them; open files are closed by the system."""
    import signal

    os.environ["ASSAY_MODEL"] = path
    for name in ("SIGPIPE", "SIGXFSZ"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        os.execvp(arguments[0], arguments)  # noqa: S606 - the user's own command line, and no shell
    except OSError as error:
        raise UsageError(f"{arguments[0]}: {error.strerror}", step="name a command after --") from error
