"""Runs the gatherers over what was found, one after the other, and closes with what is still unknown."""

from collections.abc import Callable, Sequence

from assaymark import __version__
from assaymark.bom.build import libraries
from assaymark.bom.build.data import gather as data
from assaymark.bom.build.draft import Draft, Sight
from assaymark.bom.build.infra import gather as infra
from assaymark.bom.build.models import gaps
from assaymark.bom.build.models import gather as models
from assaymark.bom.build.tooling import gather as tooling
from assaymark.bom.document import Bom, Status
from assaymark.core.errors import AssayError
from assaymark.core.graph import NodeKind

GATHERERS: tuple[tuple[str, Callable[[Sight, Draft], None]], ...] = (
    ("models", models.gather),
    ("data", data.gather),
    ("libraries", libraries.gather),
    ("infrastructure", infra.gather),
    ("tooling", tooling.gather),
)
"""In the order in which they run: each may build on what those before it wrote."""


def build(sight: Sight, at: str = "", author: str = "", passed: Sequence[str] = ()) -> Bom:
    """The BOM of what is seen. What one gatherer cannot read becomes a Gap, and the rest go on.

    `passed`: links to folders that are entered by their own names.
    """
    draft = Draft()
    for layer, gather in GATHERERS:
        try:
            gather(sight, draft)
        except AssayError as error:
            _missed(draft, sight, layer, error)
    for path in passed:
        if draft.subject:
            why = f"{path} is a link to a folder of the subject: its files are listed where that folder is, not again here"
            draft.gap(draft.subject, "links", why, "")
    gaps.close(draft)
    return draft.finished((("assaymark", __version__),), at, author)


def _missed(draft: Draft, sight: Sight, what: str, error: AssayError) -> None:
    """Say what was not looked at, and why."""
    if not draft.subject:
        root = draft.component(NodeKind.FILE, "file:.")
        root.facts.clear()
        draft.subject = root.ref
        root.say("name", sight.name, Status.OBSERVED)
    draft.gap(draft.subject, what, f"not all of it could be read: {error.message}", error.step)
