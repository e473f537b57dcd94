"""Which command writes a lock anew. Planning only; nothing is run or written here."""

import posixpath
from collections.abc import Collection, Iterator

from assaymark.core.record import dataclass
from assaymark.library.inventory.model import Source

_BY_HAND = {
    "poetry": "poetry lock", "pdm": "pdm lock", "pipenv": "pipenv lock", "npm": "npm install --package-lock-only",
    "conda-lock": "conda-lock -f environment.yml", "pixi": "pixi lock", "conda": "conda-lock -f environment.yml",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One lock, and the command that writes it, to be run in its folder. `by_hand`: it is not ours to run."""

    path: str
    command: tuple[str, ...]
    by_hand: bool = False

    @property
    def folder(self) -> str:
        """Where the command is run."""
        return posixpath.dirname(self.path)


def steps(sources: Collection[Source], faulty: Collection[str], files: Collection[str]) -> Iterator[Step]:
    """A step for each lock that something was said of, or whose manifest was; `files` are all that are there."""
    folders = {posixpath.dirname(path) for path in faulty}
    for source in sources:
        folder, base = posixpath.split(source.path)
        manifest = posixpath.join(folder, "pyproject.toml")
        if source.path not in faulty and not (folder in folders and manifest in faulty and manifest in files):
            continue
        if source.kind == "uv":
            yield Step(source.path, ("uv", "lock"))
        elif source.kind == "pip" and manifest in files:
            yield Step(source.path, _compile("pyproject.toml", base))
        elif source.kind == "requirements" and base.endswith((".txt", ".pip")):
            wanted = f"{base.rpartition('.')[0]}.in"
            given = wanted if posixpath.join(folder, wanted) in files else base
            yield Step(source.path, _compile(given, base))
        elif source.kind in _BY_HAND:
            yield Step(source.path, tuple(_BY_HAND[source.kind].split()), by_hand=True)


def _compile(given: str, made: str) -> tuple[str, ...]:
    return ("uv", "pip", "compile", "--generate-hashes", "--universal", "-o", f"./{made}", f"./{given}")
