"""`assay ledger`: audit a transparency log, prove an entry, be a witness."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from assaymark.core.look import clean
from assaymark.faces.cli import DENIED, OK

if TYPE_CHECKING:
    from assaymark.core.tlog import Head
    from assaymark.ledgers import Trust

_F = TypeVar("_F", bound=Callable[..., Any])


def _trusting(decorated: _F) -> _F:
    """Options that say whom to trust."""
    options = (
        click.option("--root", metavar="FILE", help="Trust root that names log, witnesses and quorum."),
        click.option("--key", metavar="PUB", help="The log's public key: a file, a name, or NAME+ID+BASE64."),
        click.option("--origin", metavar="NAME", help="Name of the log [default: what its checkpoint says]."),
        click.option(
            "--witness", "witnesses", multiple=True, metavar="NAME=PUB", help="Who must have seen it. Repeatable."
        ),
        click.option("--quorum", type=click.IntRange(min=0), help="How many of the witnesses [default: all]."),
    )
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


def _trust(folder: str, options: Mapping[str, Any], home: str | None) -> "Trust":
    from assaymark.ledgers import trust

    names = ("root", "key", "origin", "witnesses", "quorum")
    return trust(folder, home=home, **{name: options[name] for name in names})


@click.group("ledger")
def command() -> None:
    """Audit the ledger, prove an entry, be a witness."""


@command.command("verify")
@click.argument("folder", required=False)
@click.option("--since", metavar="FILE", help="An older checkpoint: this log must have grown from it.")
@_trusting
@click.pass_obj
def verify(obj: Mapping[str, Any], /, folder: str | None, since: str | None, **options: Any) -> int:
    """Hold every file of the log in FOLDER against its signed checkpoint, offline.

    Every entry is hashed again. Keep the checkpoint and give it as --since next time.
    """
    from assaymark.ledgers import audit, ledger_folder

    place = ledger_folder(folder, obj["home"])
    result = audit(place, _trust(place, options, obj["home"]), since)
    if result.head is not None:
        _head(result.head)
    click.echo(f"looked at  {result.files:,} files")
    for path in result.unexplained[:10]:
        click.echo(f"not of it  {clean(path)}", err=True)
    for problem in result.problems:
        click.echo(f"wrong      {clean(problem.path)}: {clean(problem.what)}")
    if result.more:
        click.echo(f"wrong      and {result.more:,} more")
    click.echo("result     " + ("does not hold" if result.problems else "holds"))
    return DENIED if result.problems else OK


@command.command("proof")
@click.argument("index", type=click.IntRange(min=0))
@click.option("--folder", metavar="DIR", help="The log's files [default: ledger in the home].")
@click.option("--entry", is_flag=True, help="Print the entry itself instead.")
@_trusting
@click.pass_obj
def proof(obj: Mapping[str, Any], /, index: int, folder: str | None, entry: bool, **options: Any) -> None:  # noqa: FBT001 - a flag of click
    """Print the proof (c2sp.org/tlog-proof) that entry INDEX is in the log."""
    from assaymark.ledgers import ledger_folder, prove

    place = ledger_folder(folder, obj["home"])
    leaf, text = prove(place, index, _trust(place, options, obj["home"]))
    click.echo(leaf if entry else text.encode(), nl=entry)


@command.command("checkpoint")
@click.option("--folder", metavar="DIR", help="The log's files [default: ledger in the home].")
@_trusting
@click.pass_obj
def checkpoint(obj: Mapping[str, Any], /, folder: str | None, **options: Any) -> None:
    """Print the log's checkpoint, verified. Keep it: `assay ledger verify --since` takes it."""
    from assaymark.ledgers import checkpoint as read
    from assaymark.ledgers import ledger_folder

    place = ledger_folder(folder, obj["home"])
    note, head = read(place, _trust(place, options, obj["home"]))
    click.echo(note, nl=False)
    _head(head, err=True)


@command.command("repair")
@click.option("--folder", metavar="DIR", help="The log's files [default: ledger in the home].")
@click.option("--database", required=True, metavar="URL", envvar="ASSAY_DATABASE", help="The ledger's database.")
@click.option("--key", required=True, metavar="KEY", help="The log's private key: a file, or a name in the home.")
@click.pass_obj
def repair(obj: Mapping[str, Any], folder: str | None, database: str, key: str) -> None:
    """Write files of the log again from its database where they are missing or different.

    Refused where the database's leaves are not those of the last signed checkpoint.
    """
    from assaymark.ledgers import ledger_folder
    from assaymark.ledgers import repair as mend

    mended = mend(database, ledger_folder(folder, obj["home"]), key, obj["home"])
    for line in mended:
        click.echo(line)
    click.echo(f"{len(mended)} files were written again" if mended else "every file is as it should be")


@command.command("witness")
@click.option("--listen", default="127.0.0.1:8480", show_default=True, metavar="HOST:PORT")
@click.option("--key", required=True, metavar="KEY", help="The witness's private key: a file, or a name in the home.")
@click.option("--name", required=True, metavar="NAME", help="The witness's name, such as witness.example/w1.")
@click.option("--state", required=True, metavar="DIR", help="What was seen. Never lose it, never restore an old one.")
@click.option("--log", "logs", multiple=True, required=True, metavar="ORIGIN=PUB", help="A log to watch. Repeatable.")
@click.pass_obj
def witness(obj: Mapping[str, Any], /, listen: str, **options: Any) -> None:
    """Watch that logs only grow, and cosign their checkpoints (c2sp.org/tlog-witness).

    Run it on a machine that those who run the log do not control.
    """
    from assaymark.faces.http.witness import serve
    from assaymark.ledgers import watch

    watching, verifier_key = watch(options["key"], options["name"], options["state"], options["logs"], obj["home"])
    click.echo(f"witness  {verifier_key}", err=True)
    click.echo(f"listens  http://{listen}", err=True)
    serve(watching, listen)


def _head(head: "Head", *, err: bool = False) -> None:
    tree = head.checkpoint
    click.echo(f"log        {clean(tree.origin)}", err=err)
    click.echo(f"entries    {tree.size:,}", err=err)
    click.echo(f"root       {tree.root.hex()}", err=err)
    for signed in head.cosigned:
        at = datetime.fromtimestamp(min(signed.time, 253_402_300_799), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        click.echo(f"seen by    {clean(signed.key.name)} at {at}", err=err)
