"""What `python` says of a Python file: its calls, classes, imports, and the ways that data takes through it."""

from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.source.python_bindings import Import
from assaymark.core.source.python_deeds import HIDING, UNKNOWN, Deed


@dataclass(frozen=True, slots=True)
class Call:
    """One call, or one mention of a function that does something (`called` false)."""

    name: str
    """Dotted, resolved and canonical: `os.system`, `requests.Session().get`; `os.?` where the name is computed."""
    line: int
    scope: str
    """module, class, function, or main (below `if __name__ == "__main__"`)."""
    within: str
    """The function and class it stands in, `Model.forward`; empty at module level."""
    on_import: bool
    """Runs when the file is imported: at module or class level, or in a function that such code reaches."""
    excerpt: str
    deed: Deed | None = None
    strings: tuple[str, ...] = ()
    """Arguments that are, or can be worked out to be, texts; each cut to 300 characters."""
    keywords: tuple[tuple[str, str | int | None], ...] = ()
    """Keyword arguments with a constant value."""
    called: bool = True

    @property
    def hidden(self) -> bool:
        """What is called, or the way to it, is computed: `getattr(os, x)`, `__import__(x)`, `f.__globals__`."""
        parts = self.name.split(".")
        return self.deed is Deed.DYNAMIC and (UNKNOWN in parts or self.name in HIDING)


@dataclass(frozen=True, slots=True)
class Class:
    """A class and its bases, resolved where they are imported, else as written."""

    name: str
    bases: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Flow:
    """Data of one kind that reaches a place where it does something."""

    source: str
    """What the data is, as a noun: `data from the network`."""
    origin: str
    """The call or name that it comes from, and its line."""
    sink: str
    """`runs`, `sends`, `writes`, `names` or `sets`: what happens to it."""
    name: str
    """The function that it reaches."""
    line: int
    within: str
    on_import: bool
    excerpt: str


@dataclass(frozen=True, slots=True)
class PySource:
    """All that was worked out of one file, in source order."""

    calls: tuple[Call, ...]
    imports: tuple[Import, ...]
    classes: tuple[Class, ...]
    urls: tuple[tuple[int, str], ...]
    """Line and text of every constant that holds `://`."""
    flows: tuple[Flow, ...] = ()
    """Only where the file was read together with those that it imports."""

    def deeds(self, *deeds: Deed) -> Iterator[Call]:
        """Select the calls that do one of these things."""
        return (call for call in self.calls if call.deed in deeds)
