"""`assay model sign` and `assay model verify-oms`: signatures of the OpenSSF Model Signing standard."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from assaymark.core.errors import UsageError
from assaymark.core.look import clean
from assaymark.faces.cli import OK

if TYPE_CHECKING:
    from assaymark.oms import Verified


@click.command("sign")
@click.argument("path")
@click.option("--oms", "out", metavar="OUT", required=True, help="Where to write the signature (a sigstore bundle).")
@click.option("--key", required=True, metavar="KEY", help="Private ECDSA P-256 key: a file, or a name in the home.")
@click.pass_obj
def sign(obj: Mapping[str, Any], /, path: str, out: str, key: str) -> int:
    """Sign the folder PATH so that model_signing, and assay model verify-oms, can verify it.

    \b
    assay key create oms --type ecdsa-p256
    assay model sign MODEL --oms MODEL.sig --key oms
    model_signing verify key MODEL --signature MODEL.sig --public_key oms.pub
    """  # noqa: D301 - click wants the character, not a backslash and a letter
    from assaymark.oms import sign as run

    digest = run(path, out, key, obj["home"])
    click.echo(f"signed  {clean(path)}  {digest}")
    click.echo(f"  to    {clean(out)}")
    return OK


@click.command("verify-oms")
@click.argument("path")
@click.option("--bundle", required=True, metavar="FILE", help="The signature.")
@click.option("--key", metavar="PUB", help="Public key that you trust: a file, or a name in the home.")
@click.option(
    "--certificate-chain", "chain", multiple=True, metavar="CA", help="PEM of authorities that you trust. Repeatable."
)
@click.option(
    "--identity", metavar="WHO", help="To whom the certificate has to be given: mail address, URI, name or subject."
)
@click.option("--subject", metavar="NAME", help="The model's name when it was signed [default: the folder's name].")
@click.pass_obj
def verify(obj: Mapping[str, Any], /, path: str, bundle: str, **options: Any) -> int:
    """Check that the folder PATH is what FILE signs: these files, no others, by a signer whom you name.

    Exit code: 0 verified, 1 refused, 2 wrong usage, 3 not to be judged.
    """
    from assaymark.oms import verify_certificate, verify_key

    if (options["key"] is None) == (not options["chain"]):
        raise UsageError(
            "trust has to come from you, in one way", step="--key PUB, or --certificate-chain CA --identity WHO"
        )
    if options["key"] is not None:
        if options["identity"] is not None:
            raise UsageError("--identity goes with --certificate-chain: a key says who signed")
        _print(verify_key(path, bundle, options["key"], obj["home"], options["subject"]))
        return OK
    if options["identity"] is None:
        step = "--identity WHO: an authority gives certificates to many"
        raise UsageError("--certificate-chain needs --identity", step=step)
    _print(verify_certificate(path, bundle, options["chain"], options["identity"], options["subject"]))
    return OK


def _print(verified: "Verified") -> None:
    click.echo(f"verified   {clean(verified.name)}, {verified.files:,} files")
    click.echo(f"digest     {verified.digest}")
    click.echo(f"signed by  {clean(verified.signer)}")
    for path in verified.ignored[:10]:
        click.echo(f"not ignored, though the signer had it so: {clean(path, 200)}")
