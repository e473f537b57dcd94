"""What the release gate is made of: one hostile or one honest thing as a person would get it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """`name` begins with its class. `files` is a folder; the first is the one that a loader is pointed at."""

    name: str
    files: dict[str, bytes]
    loader: str = ""
    """Who shows that it runs something (loaders.py); empty where no loader is at hand."""
    outcome: str = "deny"
    """What the verdict has to be at default: `deny`; or `hold` where what it would do cannot be known."""

    @property
    def content(self) -> bytes:
        return next(iter(self.files.values()))


def one(name: str, file: str, content: bytes, loader: str = "", outcome: str = "deny") -> Case:
    """A case of a single file."""
    return Case(name, {file: content}, loader, outcome)
