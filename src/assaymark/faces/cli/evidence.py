"""`assay evidence`: check what was signed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from assaymark.core.look import clean
from assaymark.faces.cli import DENIED, HOLD, OK

if TYPE_CHECKING:
    from assaymark.signing import Verified

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
def verify(obj: Mapping[str, Any], /, file: str, path: str | None, **options: Any) -> int:
    """Check the signature and form of FILE, and that PATH still is what it speaks of."""
    from assaymark.signing import public_key, verify_evidence

    trusted = [public_key(key, obj["home"]) for key in options["keys"]]
    verified = verify_evidence(file, trusted, path, options["exclude"])
    _print(verified)
    result = str(verified.statement.predicate["result"])
    return _EXIT.get(result, HOLD) if options["require_pass"] else OK


def _print(verified: "Verified") -> None:
    for signer in sorted(verified.signers):
        click.echo(f"signed by    {signer}")
    for subject in verified.statement.subjects:
        matches = "  (matches)" if verified.compared else ""
        click.echo(f"subject      {clean(subject.name)} {subject.digest}{matches}")
    for gap in verified.detail["coverage"]["excluded"]:
        click.echo(f"not covered  {clean(gap['what'])} ({clean(gap['why'])})")
    click.echo(f"says         {verified.statement.predicate['result']}, {verified.detail['at']}")
