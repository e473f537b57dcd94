"""`assay deps`: libraries and what is known against them. One module a subcommand, imported on use."""

import click

from assaymark.faces.cli.lazy import Lazy

_COMMANDS = {
    "inventory": "assaymark.faces.cli.deps_lock:inventory",
    "lock-check": "assaymark.faces.cli.deps_lock:lock_check",
    "audit": "assaymark.faces.cli.deps_audit:audit",
    "vet": "assaymark.faces.cli.deps_vet:vet",
    "diff": "assaymark.faces.cli.deps_vet:diff",
    "names": "assaymark.faces.cli.deps_names:names",
    "monitor": "assaymark.faces.cli.deps_names:monitor",
}


@click.command(cls=Lazy, places=_COMMANDS)
def command() -> None:
    """Say what libraries are there, how they are locked, and what is known against them."""
