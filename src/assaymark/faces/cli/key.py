"""`assay key`: make and show signing keys."""

import os
from collections.abc import Mapping
from typing import Any

import click


@click.group("key")
def command() -> None:
    """Make and show signing keys."""


@command.command("create")
@click.argument("name")
@click.option("--type", "kind", type=click.Choice(("ed25519", "ecdsa-p256")), default="ed25519", show_default=True)
@click.pass_obj
def create(obj: Mapping[str, Any], name: str, kind: str) -> None:
    """Make a key pair: NAME in the home, or a path such as ./release.key.

    Set ASSAY_KEY_PASSWORD to encrypt the private key.
    """
    from assaymark.signing import create_key

    path, key = create_key(name, kind, obj["home"])
    click.echo(f"private key  {path}")
    click.echo(f"public key   {os.path.splitext(path)[0]}.pub")
    click.echo(f"key id       {key.keyid}")


@command.command("show")
@click.argument("name")
@click.pass_obj
def show(obj: Mapping[str, Any], name: str) -> None:
    """Print type, id and public half of a key: a file, or the name of one in the home."""
    from assaymark.signing import public_key

    key = public_key(name, obj["home"])
    click.echo(f"type    {key.kind}")
    click.echo(f"key id  {key.keyid}")
    click.echo(key.pem, nl=False)
