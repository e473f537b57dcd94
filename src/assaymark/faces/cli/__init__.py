"""The command line: `assay`. One file a command group, imported when it is asked for; see docs/adr/0002."""

import gc
import importlib
import sys

import click

from assaymark import __version__

OK, DENIED, USAGE, HOLD, AUTH, BUG = 0, 1, 2, 3, 4, 70

_COMMANDS = {
    "scan": "assaymark.faces.cli.scan",
    "explain": "assaymark.faces.cli.explain",
    "evidence": "assaymark.faces.cli.evidence",
    "key": "assaymark.faces.cli.key",
    "registry": "assaymark.faces.cli.registry",
    "model": "assaymark.faces.cli.model",
    "ledger": "assaymark.faces.cli.ledger",
    "trust": "assaymark.faces.cli.trust",
    "policy": "assaymark.faces.cli.policy",
    "verify": "assaymark.faces.cli.verify",
    "serve": "assaymark.faces.cli.serve",
    "user": "assaymark.faces.cli.user",
    "token": "assaymark.faces.cli.token",
    "admission": "assaymark.faces.cli.admission",
    "bom": "assaymark.faces.cli.bom",
    "impact": "assaymark.faces.cli.impact",
    "deps": "assaymark.faces.cli.deps",
    "feeds": "assaymark.faces.cli.feeds",
}


class Lazy(click.Group):
    """A group whose commands are modules, imported on use; each has a click command `command`."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Names in the order of use."""
        return list(_COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """Import one command."""
        if name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(_COMMANDS[name]).command
        return command


@click.command(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="assay")
@click.option("--home", metavar="DIR", envvar="ASSAY_HOME", help="Keys and caches [default: user data folder].")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def assay(ctx: click.Context, home: str | None, debug: bool) -> None:  # noqa: FBT001 - a flag of click
    """Assaymark secures the AI supply chain: it says, with evidence, whether a thing may enter."""
    ctx.obj = {"home": home, "debug": debug}


def main() -> None:
    """Entry point: errors in one or two lines, exit codes as documented in docs/exit-codes.md."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    debug = "--debug" in arguments
    gc.set_threshold(100_000, 50, 100)  # short-lived: a scan makes many small records and few cycles
    try:
        code = assay.main(arguments, prog_name="assay", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("interrupted; nothing was left behind", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output went away, as `| head` does
        return OK
    except Exception as error:  # noqa: BLE001 - the edge of the process
        return _failed(error, debug=debug)
    return code if isinstance(code, int) else OK


def _failed(error: Exception, *, debug: bool) -> int:
    """Say what, why and the next step."""
    from assaymark.core.errors import AssayError, Unauthorized, Untrusted, UsageError
    from assaymark.core.look import clean as safe  # what is wrong may be told in a stranger's words

    if debug:
        import traceback

        traceback.print_exc()
    if not isinstance(error, AssayError):
        click.echo(f"assay: a bug of ours: {type(error).__name__}: {safe(str(error))}", err=True)
        click.echo("  next: run again with --debug and report what it shows", err=True)
        return BUG
    click.echo(f"assay: {safe(error.message)}", err=True)
    if error.step:
        click.echo(f"  next: {safe(error.step)}", err=True)
    if isinstance(error, UsageError):
        return USAGE
    if isinstance(error, Unauthorized):
        return AUTH
    return DENIED if isinstance(error, Untrusted) else HOLD
