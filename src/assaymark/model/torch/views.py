"""What the checks of `assaymark.model.checks.torch` read."""

from assaymark.core.record import dataclass
from assaymark.core.source.python_deeds import Deed


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator, or a native class, that a compiled program uses and that is not known to compute only."""

    name: str
    """As torch spells it: `aten::save`; `class ns::Name` for a class."""
    does: str
    """What it does to the machine, completing "this operator ..."; empty where nobody here knows."""
    place: str
    """Function or graph that it stands in; empty where there is none."""
    line: int | None = None
    excerpt: str = ""


@dataclass(frozen=True, slots=True)
class UnreadProgram:
    """Code of a compiled program that could not be read as its compiler reads it."""

    what: str
    reason: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class NativeCode:
    """Machine code, or source that is compiled, in an exported program."""

    what: str
    when: str
    """Completes "it runs ..."."""


@dataclass(frozen=True, slots=True)
class RunText:
    """A text of an exported program that torch evaluates as Python, or names a module that it imports.

    `does` is empty where the text is only not of the form that torch writes.
    """

    key: str
    text: str
    does: str


@dataclass(frozen=True, slots=True)
class BundledAct:
    """One call in Python that an archive brings. `bundle` is the kind of archive."""

    bundle: str
    deed: Deed
    name: str
    line: int
    on_import: bool
    within: str
    excerpt: str
    hidden: bool


@dataclass(frozen=True, slots=True)
class BundledCode:
    """Python that an archive brings and its loader imports. `does` and `fault` as in the source reader."""

    bundle: str
    file: str
    does: tuple[str, ...]
    fault: str


@dataclass(frozen=True, slots=True)
class ForeignHandler:
    """A handler that is neither in the archive nor one of the server's own."""

    handler: str
    line: int


@dataclass(frozen=True, slots=True)
class Installs:
    """Packages that the server installs for the model."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Delegate:
    """A part of an ExecuTorch program that is handed to a backend as bytes."""

    backend: str
    size: int
    place: str
