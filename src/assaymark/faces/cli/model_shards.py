"""`assay model shards`: digests of the parts of large files, by which they are loaded lazily."""

from collections.abc import Mapping
from typing import Any

import click

from assaymark.core.look import clean
from assaymark.faces.cli import OK


@click.command("shards")
@click.argument("path", type=click.Path(exists=True))
@click.option("--key", required=True, metavar="KEY", help="Private key of a scanner of the trust root.")
@click.option("--version", required=True, metavar="VERSION", help="PROJECT/MODEL@VERSION of the registry.")
@click.option("--output", "-o", "out", required=True, metavar="FILE", help="Where to write the signed digests.")
@click.pass_obj
def shards(obj: Mapping[str, Any], /, path: str, key: str, version: str, out: str) -> int:
    """Sign the digests of the shards (64 MiB) of the large files in the folder PATH, where the registry does not scan itself.

    \b
    assay model shards MODEL/ --key scanner --version fraud/scorer@7 -o shards.json
    assay registry attest fraud/scorer@7 shards.json
    """  # noqa: D301 - click wants the character, not a backslash and a letter
    from assaymark.sharding import write

    said = write(path, version, key, out, obj["home"])
    files = said.predicate["files"]
    click.echo(f"signed  {sum(len(file['shards']) for file in files):,} shards of {len(files):,} files")
    click.echo(f"  of    {clean(version)}  {said.subjects[0].digest}")
    click.echo(f"  to    {clean(out)}")
    return OK
