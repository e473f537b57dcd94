"""`assay bom`: make, read, compare, score and sign bills of materials. One module a subcommand, imported on use."""

import importlib

import click

_COMMANDS = {
    "build": "assaymark.faces.cli.bom_build:command",
    "snapshot": "assaymark.faces.cli.bom_environment:snapshot",
    "drift": "assaymark.faces.cli.bom_environment:drift",
    "validate": "assaymark.faces.cli.bom_validate:validate",
    "convert": "assaymark.faces.cli.bom_validate:convert",
    "diff": "assaymark.faces.cli.bom_compare:diff",
    "merge": "assaymark.faces.cli.bom_compare:merge",
    "score": "assaymark.faces.cli.bom_compare:score",
    "sign": "assaymark.faces.cli.bom_sign:sign",
    "verify": "assaymark.faces.cli.bom_sign:verify",
    "vex": "assaymark.faces.cli.bom_vex:vex",
    "add": "assaymark.faces.cli.bom_add:add",
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
    """Make, check, compare and sign bills of materials."""
