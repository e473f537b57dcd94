"""`assay trust`: the trust root, made and signed offline by several people."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from assaymark.core.errors import UsageError
from assaymark.faces.cli import HOLD, OK

if TYPE_CHECKING:
    from assaymark.trusting import RootFile

_OUT = click.option("--out", metavar="FILE", help="Where the next version goes, when FILE is signed.")
_KEY = click.option("--key", required=True, metavar="PUB", help="Public key: a file, or the name of one in the home.")
_DAYS = click.option("--expires-days", type=click.IntRange(1, 3650), default=365, show_default=True)


@click.group("trust")
def command() -> None:
    """Say whose keys count: make, change and sign a trust root.

    A change of a signed root makes the draft of its next version, which the holders of root keys sign one after the other,
    each on his own machine, with those of the version before.
    """


@command.command("init")
@click.argument("file")
@click.option("--name", required=True, help="Of the organisation: a-z, 0-9, '.', '_' and '-'.")
@click.option("--root-key", "root_keys", multiple=True, required=True, metavar="PUB", help="Repeatable.")
@click.option("--threshold", type=click.IntRange(1), required=True, help="How many root keys must sign.")
@_DAYS
@click.pass_obj
def init(obj: Mapping[str, Any], /, file: str, **options: Any) -> int:
    """Draft version 1."""
    from assaymark.trusting import create, in_days

    expires = in_days(_now(), options["expires_days"])
    _show(create(file, options["name"], options["root_keys"], options["threshold"], expires, obj["home"]))
    return OK


@command.group("add")
def add() -> None:
    """Give a key: to a person or service, a server, a log or a witness."""


@add.command("person")
@click.argument("file")
@click.argument("person")
@click.option(
    "--role", "roles", multiple=True, required=True, help="Such as publisher, approver, security. Repeatable."
)
@click.option("--project", "projects", multiple=True, help="Repeatable [default: all, for somebody new].")
@_KEY
@_OUT
@click.pass_obj
def person(obj: Mapping[str, Any], /, file: str, person: str, key: str, out: str | None, **options: Any) -> int:
    """A person, or a service such as a scanner; also a further key of one who is there."""
    from assaymark.trusting import add_person

    return _change(file, out, add_person(person, options["roles"], options["projects"], key, _now(), obj["home"]))


@add.command("server")
@click.argument("file")
@_KEY
@_OUT
@click.pass_obj
def server(obj: Mapping[str, Any], /, file: str, key: str, out: str | None) -> int:
    """A server, which signs activations and timestamps. It can approve nothing."""
    from assaymark.trusting import add_server

    return _change(file, out, add_server(key, obj["home"]))


@add.command("log")
@click.argument("file")
@click.option("--origin", required=True, help="The log's name, first line of its checkpoints.")
@_KEY
@_OUT
@click.pass_obj
def log(obj: Mapping[str, Any], /, file: str, origin: str, key: str, out: str | None) -> int:
    """A log, whose key signs its checkpoints."""
    from assaymark.trusting import add_log

    return _change(file, out, add_log(origin, key, obj["home"]))


@add.command("witness")
@click.argument("file")
@click.option("--name", required=True, help="The witness's name in its cosignatures.")
@click.option("--quorum", type=click.IntRange(0), help="How many witnesses must have seen an activation.")
@_KEY
@_OUT
@click.pass_obj
def witness(obj: Mapping[str, Any], /, file: str, key: str, out: str | None, **options: Any) -> int:
    """A witness, which sees that the log only grows, and when."""
    from assaymark.trusting import add_witness

    return _change(file, out, add_witness(options["name"], key, options["quorum"], obj["home"]))


@command.command("revoke")
@click.argument("file")
@click.argument("keyid")
@click.option("--until", metavar="TIME", help="What was signed before counts: 2026-11-24T10:00:00Z [default: now].")
@_OUT
def revoke(file: str, keyid: str, until: str | None, out: str | None) -> int:
    """End a key, by its id or at least its first 12 digits."""
    from assaymark.trusting import revoke as revoked

    if not re.fullmatch(r"[0-9a-f]{12,64}", keyid):
        raise UsageError(f"{keyid[:80]!r} is no key id", step="see them with: assay trust show FILE")
    code = _change(file, out, revoked(keyid, _moment(until)))
    _warn_of_root_key(out or file, keyid)
    return code


@command.command("rotate")
@click.argument("file")
@click.option("--root-key", "root_keys", multiple=True, metavar="PUB", help="Instead of those before. Repeatable.")
@click.option("--threshold", type=click.IntRange(1), help="How many root keys must sign.")
@_DAYS
@_OUT
@click.pass_obj
def rotate(obj: Mapping[str, Any], /, file: str, out: str | None, **options: Any) -> int:
    """Give the next version a later expiry, and other root keys."""
    from assaymark.trusting import in_days
    from assaymark.trusting import rotate as rotated

    expires = in_days(_now(), options["expires_days"])
    return _change(file, out, rotated(options["root_keys"], options["threshold"], expires, obj["home"]))


@command.command("policy")
@click.argument("file")
@click.argument("channel")
@click.argument("policy")
@_OUT
def policy(file: str, channel: str, policy: str, out: str | None) -> int:
    """Set what a channel asks for: POLICY is a file, or the name of one that ships."""
    from assaymark.policies import read_policy
    from assaymark.trusting import set_policy

    return _change(file, out, set_policy(channel, read_policy(policy)))


@command.command("sign")
@click.argument("file")
@click.option("--key", required=True, metavar="KEY", help="Root key: a file, or the name of one in the home.")
@click.option("--previous", metavar="FILE", help="The version before, whose keys must sign as well.")
@click.pass_obj
def sign(obj: Mapping[str, Any], /, file: str, key: str, previous: str | None) -> int:
    """Sign a draft with one root key. Read what you sign: assay trust show FILE."""
    from assaymark.trusting import sign as signed

    _show(signed(file, key, previous, obj["home"]), previous)
    return OK


@command.command("show")
@click.argument("file")
@click.option("--previous", metavar="FILE", help="The version before: whether its keys signed too.")
def show(file: str, previous: str | None) -> int:
    """Print who has which keys, and whether enough signed. Exit 3 for a draft that lacks signatures."""
    from assaymark.trusting import read

    shown = read(file)
    code = _show(shown, previous)
    root = shown.root
    for keyid in root.root_keys:
        click.echo(f"root       {keyid[:16]}  {'signed' if keyid in shown.signers else 'did not sign'}")
    for name, one in sorted(root.people.items()):
        click.echo(f"person     {name}  {', '.join(one.roles)}  in {', '.join(one.projects)}")
        for grant in one.keys:
            click.echo(
                f"             {grant.key[:16]}  from {grant.since}" + (f" until {grant.until}" if grant.until else "")
            )
    for keyid in root.server:
        click.echo(f"server     {keyid[:16]}")
    for entry in root.log:
        click.echo(f"log        {entry.key[:16]}  {entry.name}")
    for entry in root.witnesses:
        click.echo(f"witness    {entry.key[:16]}  {entry.name}")
    click.echo(f"quorum     {root.quorum} of {len(root.witnesses)} witnesses")
    for channel, digest in sorted(root.policies.items()):
        click.echo(f"policy     {channel}  {digest}")
    return code


def _warn_of_root_key(file: str, keyid: str) -> None:
    """A stolen key that signs trust roots as well is not dealt with yet."""
    from assaymark.trusting import read

    if any(key.startswith(keyid) for key in read(file).root.root_keys):
        click.echo(f"assay: warning: {keyid[:16]} is a root key still", err=True)
        click.echo("  next: take it out as well: assay trust rotate", err=True)


def _change(file: str, out: str | None, edit: Callable[[dict[str, Any]], None]) -> int:
    from assaymark.trusting import change

    _show(change(file, out, edit))
    return OK


def _show(file: "RootFile", previous: str | None = None) -> int:
    """Where it stands; what is left to do goes to stderr."""
    root, count = file.root, len(file.signers)
    click.echo(f"{file.path}: trust root {root.name!r}, version {root.version}, expires {root.expires}")
    click.echo(f"signed     {count} of the {root.threshold} root keys that it takes")
    missing = root.threshold - count
    if previous is not None:
        from assaymark.trusting import read

        before = read(previous)
        signed = file.signed_for(before)
        click.echo(f"signed     {signed} of the {before.root.threshold} that version {before.root.version} takes")
        missing = max(missing, before.root.threshold - signed)
    if missing > 0:
        more = " --previous FILE" if root.version > 1 else ""
        click.echo(
            f"  next: {missing} more {'signature' if missing == 1 else 'signatures'}: assay trust sign {file.path} --key KEY{more}",
            err=True,
        )
    return HOLD if missing > 0 else OK


def _now() -> Any:
    from assaymark.core.clock import SystemClock

    return SystemClock().now()


def _moment(text: str | None) -> Any:
    from assaymark.core.clock import parse_timestamp

    if text is None:
        return _now()
    try:
        return parse_timestamp(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no time", step="write it as 2026-11-24T10:00:00Z") from error
