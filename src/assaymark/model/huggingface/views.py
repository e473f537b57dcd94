"""What the checks of `assaymark.model.checks.huggingface` read."""

from dataclasses import dataclass

from assaymark.core.source.python import Deed


@dataclass(frozen=True, slots=True)
class CodeReference:
    """A configuration that names Python code to be imported by the loader."""

    key: str
    """`auto_map.AutoModel`, `type`, the file itself where its mere presence is enough."""
    named: str
    repository: str
    """Of somebody else, `owner/name`; empty for this folder."""
    file: str
    """Path of the Python file in the folder that was looked at; empty where it is not there."""
    does: tuple[str, ...]
    """What the file and those it imports do, in words."""
    fault: str
    """Why the file could not be read, or empty."""
    line: int = 1


@dataclass(frozen=True, slots=True)
class RepositoryAct:
    """One call in code that a loader imports."""

    deed: Deed
    name: str
    line: int
    on_import: bool
    within: str
    excerpt: str
    hidden: bool = False
    """What is called is computed."""


@dataclass(frozen=True, slots=True)
class RiskySetting:
    """A setting that makes the loader run code of others. `kind` is `trust` or `kernel`."""

    kind: str
    key: str
    value: str
    line: int = 1


@dataclass(frozen=True, slots=True)
class EscapingPath:
    """A file name in an index that leads out of the folder."""

    key: str
    path: str
    line: int = 1


@dataclass(frozen=True, slots=True)
class PickleBeside:
    """Weights as a pickle where the same folder has them as safetensors."""

    pickle: str
    safe: str


@dataclass(frozen=True, slots=True)
class ForeignClass:
    """A component whose class comes from a package that these libraries do not bring."""

    key: str
    named: str
    line: int = 1


@dataclass(frozen=True, slots=True)
class UnreadableConfig:
    """A configuration that could not be read."""

    reason: str


@dataclass(frozen=True, slots=True)
class DuplicateKey:
    """A key that stands twice with different values."""

    key: str
    first: str
    last: str
    line: int = 1
