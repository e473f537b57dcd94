"""Names in the registry: `project/model@version` and channels. One linear grammar, so that no two spellings mean one thing."""

from dataclasses import dataclass

from assaymark.core.errors import UsageError
from assaymark.core.statements import is_name


def check_name(name: str, what: str) -> str:
    """Return `name` when it is one (core.statements); raises UsageError."""
    if not is_name(name):
        step = f"a {what} is a-z, 0-9, '.', '_' and '-', at most 63 characters, a letter or digit first"
        raise UsageError(f"{name[:64]!r} is no name of a {what}", step=step)
    return name


@dataclass(frozen=True, slots=True)
class ModelName:
    """`project/model`."""

    project: str
    model: str

    def __str__(self) -> str:
        return f"{self.project}/{self.model}"

    @classmethod
    def parse(cls, text: str) -> "ModelName":
        """Read `project/model`; raises UsageError."""
        project, slash, model = text.partition("/")
        if not slash:
            raise UsageError(f"{text!r} is no model", step="write PROJECT/MODEL")
        return cls(check_name(project, "project"), check_name(model, "model"))


@dataclass(frozen=True, slots=True)
class VersionName:
    """`project/model@version`."""

    model: ModelName
    version: str

    def __str__(self) -> str:
        return f"{self.model}@{self.version}"

    @classmethod
    def parse(cls, text: str) -> "VersionName":
        """Read `project/model@version`; raises UsageError."""
        model, at, version = text.rpartition("@")
        if not at:
            raise UsageError(f"{text!r} is no version", step="write PROJECT/MODEL@VERSION")
        return cls(ModelName.parse(model), check_name(version, "version"))
