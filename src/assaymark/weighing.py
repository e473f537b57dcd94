"""`assay model weights` on disk: every tensor is read once, hashed on the way, and judged by the same verdict as a scan."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

from assaymark.app import agree, conclude, rules_of, with_projects
from assaymark.catalog import catalog
from assaymark.core.blob import Blob
from assaymark.core.budget import Budget, Limits
from assaymark.core.clock import Clock
from assaymark.core.errors import AssayError, Unreadable, UsageError
from assaymark.core.format import Context, Project
from assaymark.core.look import UNREADABLE, Catalog, look, unseen
from assaymark.core.scan import FileReport, Root, ScanReport
from assaymark.model.catalog import FORMATS
from assaymark.model.weights.base import FALSE_ALARM
from assaymark.model.weights.session import Session, during
from assaymark.model.weights.source import Weights, weights
from assaymark.model.weights.views import TensorStats
from assaymark.storage import output
from assaymark.storage.files import open_blob
from assaymark.storage.spool import FileSpool
from assaymark.survey import Found, Progress, find, hang_up, open_item

SCHEMA = "assaymark/weights-report/v1"
_CHECKS = ("assaymark.model.checks.weights",)
_PARSER = "assaymark.model.weights.parse"
_UNREAD = "assaymark.model.weights.unread"
_TEXTS = frozenset({"keras", "hydra", "torch", "native", "sealed"})
"""Formats of the model layer that have no values of tensors."""
_READ = frozenset({"safetensors", "gguf", "onnx", "hdf5", "zip", "npy", "pickle", "compressed"})
_SUFFIXES = (
    ".safetensors",
    ".gguf",
    ".onnx",
    ".h5",
    ".hdf5",
    ".keras",
    ".npz",
    ".npy",
    ".pt",
    ".pth",
    ".bin",
    ".ckpt",
    ".pkl",
)
"""Files of a base that are opened."""


@dataclass(frozen=True)
class Weighed:
    """The findings and the verdict, and what was counted: statistics and tied tensors by path."""

    report: ScanReport
    stats: dict[str, list[TensorStats]]
    tied: dict[str, list[tuple[str, str]]]
    base: str | None
    compared: int
    """Tensors that the base has, too."""

    def total(self) -> dict[str, int]:
        """Sums over all tensors."""
        every = [one for file in self.stats.values() for one in file]
        return {
            "tensors": len(every),
            "parameters": sum(one.count for one in every),
            "bytes": sum(one.size for one in every),
            "unread": sum(not one.valued for one in every),
            "nan": sum(one.nan for one in every),
            "inf": sum(one.inf for one in every),
            "denormal": sum(one.denormal for one in every),
            "zeros": sum(one.zeros for one in every),
            "constant": sum(one.constant for one in every),
            "tied": sum(map(len, self.tied.values())),
            "compared": self.compared,
        }

    def to_json(self) -> dict[str, Any]:
        """The json report: the sums, each tensor, and the report of the scan with its verdict."""
        from assaymark.report.json import to_dict

        return {
            "schema": SCHEMA,
            "base": self.base,
            "false_alarm": {"base": FALSE_ALARM},
            "sum": self.total(),
            "files": [
                {"path": path, "tensors": [_tensor(one) for one in found], "tied": self._tied(path)}
                for path, found in self.stats.items()
            ],
            "scan": to_dict(self.report, rules_of(self.report)),
        }

    def _tied(self, path: str) -> list[list[str]]:
        return [[_valid(name) for name in pair] for pair in self.tied.get(path, ())]


def _tensor(one: TensorStats) -> dict[str, Any]:
    return asdict(one) | {"name": _valid(one.name), "dtype": _valid(one.dtype)}


def _valid(text: str) -> str:
    """Valid Unicode: surrogates are escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def weigh(
    *paths: str | os.PathLike[str],
    base: str | None = None,
    fail_on: str | None = None,
    exclude: Sequence[str] = (),
    config: str | None = None,
    seconds: float = 86_400.0,
    progress: Progress | None = None,
    clock: Clock | None = None,
) -> Weighed:
    """Read the values of all tensors below the paths, and compare them with those of `base` (a file or folder).

    `seconds`: limit for one file. Raises UsageError when the request makes no sense; what files hold never raises.
    """
    terms = agree(fail_on, None, config, None, clock)
    given = [os.fspath(path) for path in paths]
    roots, found, excluded = find(given, (*exclude, *terms.settings.exclude), follow_links=False)
    with ExitStack() as stack:
        stack.callback(hang_up, found)
        session = Session(base=_base(base, stack) if base else {})
        stack.enter_context(during(session))
        reports = []
        total = sum(item.entry.size for item in found)
        for done, item in enumerate(found, 1):
            session.alone = not _root_of(item, roots).is_folder
            reports.append(_look(item, session, seconds))
            if progress is not None:
                progress(done, len(found), sum(report.size for report in reports), total)
        session.leads += [f"{root.prefix}/" if root.prefix else "" for root in roots if root.is_folder]
        reports = with_projects(reports, found, roots, weights_catalog())
    if base and not session.compared:
        raise UsageError(f"no tensor has the name of one in {base}", step="give the model that this one was tuned from")
    report = conclude(terms, roots, reports, excluded)
    return Weighed(report, session.stats, session.tied, base, session.compared)


def render(weighed: Weighed) -> str:
    """The json report."""
    return json.dumps(weighed.to_json(), indent=2) + "\n"


def write(weighed: Weighed, path: str) -> None:
    """Write the json report, whole or not at all; raises UsageError."""
    output.write(path, render(weighed))


@cache
def weights_catalog() -> Catalog:
    """The formats with values are read by one parser; all others are only recognised."""
    own = {id(f) for f in FORMATS if f.module is not None and f.name not in _TEXTS}
    formats = (
        replace(f, module=_PARSER if f.name in _READ else _UNREAD, checks=_CHECKS)
        if id(f) in own
        else replace(f, module=None, checks=())
        for f in catalog().formats
    )
    projects = (
        Project("weights", "assaymark.model.weights.declared", _CHECKS),
        Project("layers", "assaymark.model.weights.across", _CHECKS),
    )
    return Catalog(tuple(formats), projects, ())


def _root_of(item: Found, roots: Sequence[Root]) -> Root:
    named = (root for root in roots if item.path == root.prefix or item.path.startswith(f"{root.prefix}/"))
    return next(named, roots[0]) if len(roots) > 1 else roots[0]


def _look(item: Found, session: Session, seconds: float) -> FileReport:
    """Open, read, hash. Whatever goes wrong is in the report."""
    if item.entry.problem:
        return unseen(item.path, item.entry.size, UNREADABLE, item.entry.problem)
    session.path = item.path
    try:
        with open_item(item, digest=True) as blob, ExitStack() as beside:
            session.sibling = _Beside(os.path.dirname(item.entry.real), beside) if item.remote is None else _nothing
            budget = _budget(seconds)
            return replace(look(blob, item.path, weights_catalog(), budget), sha256=blob.sha256())
    except Unreadable as error:
        return unseen(item.path, item.entry.size, UNREADABLE, error.message)


class _Beside:
    """Opens files below the folder of the one that is looked at, and no others."""

    def __init__(self, folder: str, stack: ExitStack) -> None:
        self._folder = os.path.realpath(folder) + os.sep
        self._stack = stack
        self._open: dict[str, Blob] = {}

    def __call__(self, name: str) -> Blob | None:
        """The content of a regular file, or None."""
        real = os.path.realpath(os.path.join(self._folder, name)) if "\0" not in name else ""
        if not real.startswith(self._folder):
            return None
        if real not in self._open:
            try:
                self._open[real] = self._stack.enter_context(open_blob(real, digest=False))
            except Unreadable:
                return None
        return self._open[real]


def _nothing(_name: str) -> Blob | None:
    return None


def _budget(seconds: float) -> Budget:
    return Budget(Limits(seconds=seconds), monotonic=time.monotonic, spool=FileSpool)


def _base(path: str, stack: ExitStack) -> dict[str, Weights]:
    """The tensors of the base by name. Its files stay open as long as the run."""
    _, found, _ = find([path], (), follow_links=True)
    tensors: dict[str, Weights] = {}
    for item in found:
        if item.entry.problem or not (len(found) == 1 or item.path.lower().endswith(_SUFFIXES)):
            continue
        blob = stack.enter_context(open_item(item, digest=False))
        try:
            tensors.update((one.name, one) for one in _tensors(blob, item))
        except AssayError as error:
            raise UsageError(f"the base {item.path} cannot be read: {error.message}", step=error.step) from error
    if not tensors:
        raise UsageError(f"the base {path} has no tensors")
    return tensors


def _tensors(blob: Blob, item: Found) -> Iterator[Weights]:
    context = Context(_budget(3_600.0), os.path.basename(item.path))
    yield from (one for one in weights(blob, context, _nothing) if isinstance(one, Weights))
