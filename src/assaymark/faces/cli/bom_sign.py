"""`assay bom sign` and `assay bom verify`: a bill of materials that is bound to a model's bytes by a signature."""

from collections.abc import Mapping
from typing import Any

import click

from assaymark.core.look import clean
from assaymark.faces.cli import OK


@click.command("sign")
@click.argument("bom", type=click.Path(exists=True, dir_okay=False))
@click.option("--key", required=True, metavar="KEY", help="Private key.")
@click.option("--model", type=click.Path(exists=True), metavar="PATH", help="Folder or file that it is about.")
@click.option("--digest", metavar="DIGEST", help="Its digest, where the files are elsewhere and BOM names it itself.")
@click.option("--output", "-o", "out", metavar="FILE", help="Where to write it [default: BOM with .signed.json].")
@click.pass_obj
def sign(obj: Mapping[str, Any], /, bom: str, key: str, out: str | None, **options: Any) -> int:
    """Sign BOM (CycloneDX or SPDX in JSON) about a model. Refuses one that does not agree with the model's bytes.

    \b
    assay bom build MODEL/ -o cyclonedx:bom.json
    assay bom sign bom.json --model MODEL/ --key ann -o bom.signed.json
    assay registry attest fraud/scorer@7 bom.signed.json
    """  # noqa: D301 - click wants the character, not a backslash and a letter
    from assaymark import attesting

    out = out or f"{bom.removesuffix('.json')}.signed.json"
    made = attesting.sign(bom, key, obj["home"], model=options["model"], digest=options["digest"], out=out)
    first = made.subjects[0]
    click.echo(f"signed   {clean(first.name)}  {first.digest}")
    click.echo(f"as       {made.predicate_type}")
    click.echo(f"files    {len(made.subjects) - 1:,}")
    click.echo(f"to       {clean(out)}")
    return OK


@click.command("verify")
@click.argument("envelope", type=click.Path(exists=True, dir_okay=False))
@click.argument("path", required=False, type=click.Path(exists=True))
@click.option("--key", "keys", multiple=True, required=True, metavar="PUB", help="Public key you trust. Repeatable.")
@click.pass_obj
def verify(obj: Mapping[str, Any], /, envelope: str, path: str | None, keys: tuple[str, ...]) -> int:
    """Check who signed the bill of materials in ENVELOPE, its form, and that it is of the files at PATH.

    Exit 0, 1 and what does not hold, or 3 where something cannot be read. Without PATH nothing says of what it is.
    """
    from assaymark import attesting
    from assaymark.signing import public_key

    trusted = [public_key(key, obj["home"]) for key in keys]
    for step in attesting.verify(envelope, trusted, path):
        click.echo(f"{step.number}  {'ok ' if step.made else '-- '}  {clean(step.what)}")
    return OK
