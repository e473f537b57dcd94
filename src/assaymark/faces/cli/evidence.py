"""`assay evidence`: check what was signed."""

import json
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from assaymark.core.errors import Malformed, Untrusted, UsageError
from assaymark.core.look import clean
from assaymark.faces.cli import DENIED, HOLD, OK

if TYPE_CHECKING:
    from assaymark.core.evidence import Statement
    from assaymark.core.manifest import Manifest

_MAX_BYTES = 256 << 20
_EXIT = {"PASSED": OK, "FAILED": DENIED}


@click.group("evidence")
def command() -> None:
    """Check signed evidence."""


@command.command("verify")
@click.argument("file")
@click.argument("path", required=False)
@click.option("--key", "keys", multiple=True, required=True, metavar="PUB", help="Public key you trust. Repeatable.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="As it was given to the scan. Repeatable.")
@click.option("--require-pass", is_flag=True, help="Exit 1 or 3 when the evidence itself does not say PASSED.")
@click.pass_obj
def verify(  # noqa: PLR0913 - options of click
    obj: Mapping[str, Any], file: str, path: str | None, keys: tuple[str, ...], exclude: tuple[str, ...],
    require_pass: bool,  # noqa: FBT001 - a flag of click
) -> int:  # fmt: skip
    """Check the signature and form of FILE, and that PATH still is what it speaks of."""
    from assaymark.core.envelope import Envelope
    from assaymark.core.evidence import read_statement
    from assaymark.faces.cli.key import public_key
    from assaymark.report.schemas import check_evidence

    # 1. The envelope is read; nothing in it is believed yet.
    envelope = Envelope.from_json(_read(file))
    # 2. A key that the caller trusts signed exactly these bytes.
    signers = envelope.verify([public_key(key, obj["home"]) for key in keys])
    # 3. The bytes are a statement, and its predicate has the published form.
    statement = read_statement(envelope)
    check_evidence(statement.predicate_type, statement.predicate)
    # 4. The subject on disk has the digest that was signed.
    if path is not None:
        _compare(statement, path, exclude)
    # What the caller still owes: to decide whether this signer and this result are enough (see `policy`).
    _print(statement, signers, compared=path is not None)
    return _EXIT.get(str(statement.predicate.get("result")), HOLD) if require_pass else OK


def _read(path: str) -> bytes:
    try:
        if os.path.getsize(path) > _MAX_BYTES:
            raise UsageError(f"{path} is larger than {_MAX_BYTES >> 20} MiB")
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def _print(statement: "Statement", signers: Iterable[str], *, compared: bool) -> None:
    for signer in sorted(signers):
        click.echo(f"signed by    {signer}")
    for subject in statement.subjects:
        click.echo(f"subject      {clean(subject.name)} {subject.digest}" + ("  (matches)" if compared else ""))
    detail = statement.predicate.get("assaymark")
    for gap in detail["coverage"]["excluded"] if isinstance(detail, Mapping) else ():
        click.echo(f"not covered  {clean(gap['what'])} ({clean(gap['why'])})")
    click.echo(f"says         {clean(str(statement.predicate.get('result')))}, {statement.made_at or 'no time given'}")


def _compare(statement: "Statement", path: str, exclude: tuple[str, ...]) -> None:
    from assaymark.app import identify

    digest, manifest = identify(path, exclude=exclude)
    if any(subject.digest == digest for subject in statement.subjects):
        return
    step = "; ".join(_differences(statement, manifest)) or "the evidence is about something else"
    raise Untrusted(f"{path} is not what was signed: it has digest {digest}", step=step)


def _differences(statement: "Statement", manifest: "Manifest | None") -> list[str]:
    """Which files were added, removed or changed, at most ten of them."""
    detail = statement.predicate.get("assaymark")
    if manifest is None or not isinstance(detail, Mapping) or len(detail["manifests"]) != 1:
        return []
    (signed,) = detail["manifests"].values()
    try:
        before = {entry["path"]: entry["sha256"] for entry in signed["files"]}
    except (KeyError, TypeError) as error:
        raise Malformed("the manifest in the evidence cannot be read") from error
    after = {file.path: file.sha256 for file in manifest.files}
    changes = [
        f"{'added' if name not in before else 'removed' if name not in after else 'changed'} {json.dumps(name)}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
    return changes[:10] + ([f"and {len(changes) - 10} more"] if len(changes) > 10 else [])
