"""`assay deps`: libraries and what is known against them. One module a subcommand, imported on use."""

import importlib

import click

_COMMANDS = {
    "inventory": "assaymark.faces.cli.deps_lock:inventory",
    "lock-check": "assaymark.faces.cli.deps_lock:lock_check",
    "audit": "assaymark.faces.cli.deps_audit:audit",
    "vet": "assaymark.faces.cli.deps_vet:vet",
    "diff": "assaymark.faces.cli.deps_vet:diff",
    "names": "assaymark.faces.cli.deps_names:names",
    "monitor": "assaymark.faces.cli.deps_names:monitor",
}


class _Lazy(click.Group):
    """A group whose commands are `module:attribute`, imported on use."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Names in the order of use."""
        return list(_COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """Import one command."""
        if name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[name].split(":")
        found: click.Command = getattr(importlib.import_module(module), attribute)
        return found


@click.command(cls=_Lazy)
def command() -> None:
    """Say what libraries are there, how they are locked, and what is known against them."""
