"""What the checks of `assaymark.model.checks.huggingface` read."""

from dataclasses import dataclass
from enum import Enum

from assaymark.core.source.python import Deed, Flow


@dataclass(frozen=True, slots=True)
class CodeReference:
    """A configuration, or the mere name of a file, that makes a loader import Python code."""

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
    """Why the file, or one that it imports, could not be read; or empty."""
    line: int = 1
    flag: str = ""
    """When the loader runs it: `with trust_remote_code=True`, `always`."""
    files: int = 0
    """How many files were read for it."""


@dataclass(frozen=True, slots=True)
class CodeThatRuns:
    """The answer for one model folder: whose code a loader runs, from where, under which flag. One line each."""

    lines: tuple[str, ...]


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
    mild: bool = False
    """Reads with a loader that is safe by default, or deletes what it is told to: worth a line, no alarm."""

    @property
    def when(self) -> str:
        """When it runs, in words."""
        return when(self.within, on_import=self.on_import)


@dataclass(frozen=True, slots=True)
class RepositoryFlow:
    """Data that reaches a place where it does something, in code that a loader imports."""

    flow: Flow

    @property
    def when(self) -> str:
        """When it runs, in words."""
        return when(self.flow.within, on_import=self.flow.on_import)


@dataclass(frozen=True, slots=True)
class UnseenCode:
    """Code that is loaded from where it cannot be looked at. `pinned` where a full commit says which."""

    what: str
    where: str
    revision: str
    pinned: bool
    line: int = 1


class Kind(Enum):
    """What is the matter with a setting."""

    TRUST = "trust"
    KERNEL = "kernel"
    ESCAPING = "escaping path"
    FOREIGN = "foreign class"
    ACTING = "acting name"
    DTYPE = "odd dtype"
    BASE = "local base model"
    STRAY_BASE = "base model at a place of others"
    FUNCTION = "registered function"
    PICKLE = "pickle in an index of safetensors"


@dataclass(frozen=True, slots=True)
class Setting:
    """One value of a configuration that makes a loader import, fetch, trust or open something."""

    kind: Kind
    key: str
    value: str
    line: int = 1


@dataclass(frozen=True, slots=True)
class PickleBeside:
    """Weights as a pickle where the same folder has them as safetensors."""

    pickle: str
    safe: str


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


_MAKING = ("__init__", "__new__", "__post_init__", "post_init", "_init_weights", "from_pretrained", "_from_config")


def when(within: str, *, on_import: bool) -> str:
    """`when the file is imported`, `when the model is made (Model.__init__)`, `in use (Model.forward)`."""
    if on_import:
        return "when the file is imported"
    made = within.rpartition(".")[2] in _MAKING
    return f"when the model is made ({within})" if made else f"in use ({within or 'in the file'})"
