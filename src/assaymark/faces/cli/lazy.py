"""Groups of commands that are imported when one of them is asked for."""

import importlib
from collections.abc import Mapping

import click


class Lazy(click.Group):
    """A group of `module:attribute` by name, in the order of use."""

    def __init__(self, *arguments: object, places: Mapping[str, str], **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type] # click's own
        self.places = places

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Names."""
        return list(self.places)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """Import one command."""
        if name not in self.places:
            return None
        module, attribute = self.places[name].split(":")
        found: click.Command = getattr(importlib.import_module(module), attribute)
        return found
