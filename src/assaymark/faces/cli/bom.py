"""`assay bom`: make, read, compare, score and sign bills of materials. One module a subcommand, imported on use."""

import click

from assaymark.faces.cli.lazy import Lazy

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


@click.command(cls=Lazy, places=_COMMANDS)
def command() -> None:
    """Make, check, compare and sign bills of materials."""
