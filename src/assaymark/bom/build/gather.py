"""Runs the gatherers over what was found, one after the other, and closes with what is still unknown."""

import importlib
from types import ModuleType

from assaymark import __version__
from assaymark.bom.build.draft import Draft, Sight
from assaymark.bom.build.models import gaps as models_gaps
from assaymark.bom.document import Bom
from assaymark.core.errors import AssayError
from assaymark.core.graph import NodeKind

GATHERERS = tuple(
    f"assaymark.bom.build.{name}"
    for name in ("models.gather", "data.gather", "libraries", "infra.gather", "tooling.gather")
)
"""In the order in which they run: each may build on what those before it wrote."""


def build(sight: Sight, at: str = "", author: str = "") -> Bom:
    """The BOM of what is seen. What one gatherer cannot read becomes a Gap, and the rest go on."""
    draft = Draft()
    for name in GATHERERS:
        module = _module(name)
        if module is None:
            continue
        try:
            module.gather(sight, draft)
        except AssayError as error:
            _missed(draft, sight, name.rpartition(".")[2], error)
    models_gaps.close(draft)
    return draft.finished((("assaymark", __version__),), at, author)


def _module(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            return None
        raise


def _missed(draft: Draft, sight: Sight, what: str, error: AssayError) -> None:
    """Say what was not looked at, and why."""
    if not draft.subject:
        root = draft.component(NodeKind.FILE, "file:.")
        root.facts.clear()
        draft.subject = root.ref
        from assaymark.bom.document import Status

        root.say("name", sight.name, Status.OBSERVED)
    draft.gap(draft.subject, what, f"not all of it could be read: {error.message}", error.step)
