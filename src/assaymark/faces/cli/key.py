"""`assay key`: make and show signing keys."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from assaymark.core.errors import UsageError

if TYPE_CHECKING:
    from assaymark.storage.keys import PrivateKey, PublicKey


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
    from assaymark.storage.keys import PrivateKey

    path = name if os.sep in name else os.path.join(_folder(obj["home"]), f"{name}.key")
    key = PrivateKey.generate(kind)
    key.save(path)
    click.echo(f"private key  {path}")
    click.echo(f"public key   {os.path.splitext(path)[0]}.pub")
    click.echo(f"key id       {key.keyid}")


@command.command("show")
@click.argument("name")
@click.pass_obj
def show(obj: Mapping[str, Any], name: str) -> None:
    """Print type, id and public half of a key: a file, or the name of one in the home."""
    key = public_key(name, obj["home"])
    click.echo(f"type    {key.kind}")
    click.echo(f"key id  {key.keyid}")
    click.echo(key.pem, nl=False)


def private_key(name: str, home: str | None) -> "PrivateKey":
    """The private key that a user means; raises UsageError."""
    from assaymark.storage.keys import find, load_private

    return load_private(find(name, _folder(home), ".key"))


def public_key(name: str, home: str | None) -> "PublicKey":
    """The public key that a user means; raises UsageError."""
    from assaymark.storage.keys import find, load_public

    return load_public(find(name, _folder(home), ".pub"))


def _folder(home: str | None) -> str:
    from assaymark.settings import home as home_folder

    folder = os.path.join(home_folder(home), "keys")
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise UsageError(f"{folder} is not a folder")
    return folder
