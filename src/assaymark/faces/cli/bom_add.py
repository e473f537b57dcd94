"""`assay bom add`: a bill of materials of what is no version of the registry, into its graph."""

from collections.abc import Mapping
from typing import Any

import click

from assaymark.faces.cli import HOLD, OK
from assaymark.faces.cli.registry import opened, place, tell

_LARGEST = 64 << 20


@click.command("add")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--series", default="", metavar="NAME", help="A later one of the series ends what it does not repeat.")
@click.option(
    "--key", "keys", multiple=True, metavar="PUB", help="Public key that signed it [default: the trust root's]."
)
@place
@click.pass_obj
def add(obj: Mapping[str, Any], /, file: str, series: str, keys: tuple[str, ...], **options: Any) -> int:
    """Take the bill of materials in FILE, of a dataset, a base or a vendor's model, into the registry's graph.

    FILE is a document, or an envelope that is verified. What nobody signed is taken, and marked so.
    """
    from assaymark.signing import public_key

    with open(file, "rb") as source:
        document = source.read(_LARGEST + 1)
    if len(document) > _LARGEST:
        raise click.BadParameter(f"more than {_LARGEST:,} bytes", param_hint="FILE")
    trusted = [public_key(key, obj["home"]) for key in keys]
    with opened(obj, options) as at:
        done = at.add_bom(document, series, trusted)
    tell(done)
    return HOLD if "gap" in done else OK
