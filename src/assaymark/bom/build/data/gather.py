"""Data: folders and files of it, with the digest of each; what cards, Croissant and DVC say of them."""

from assaymark.bom.build.data import card as data_card
from assaymark.bom.build.data import croissant as data_croissant
from assaymark.bom.build.data import dvc as data_dvc
from assaymark.bom.build.data import files as data_files
from assaymark.bom.build.draft import Draft, Sight
from assaymark.bom.document import Place, Status
from assaymark.core.graph import EdgeKind, NodeKind


def gather(sight: Sight, draft: Draft) -> None:
    """Components `data:<path>` of what is here; nothing is said of who was trained on it but by DVC's stages."""
    data_files.gather(sight, draft)
    data_card.gather(sight, draft)
    data_croissant.gather(sight, draft)
    data_dvc.gather(sight, draft)
    _within(draft)


def _within(draft: Draft) -> None:
    """What lies in the folder is a part of it, unless it is a part of other data already."""
    parts = {
        target for source, kind, target in draft.relations if kind is EdgeKind.CONTAINS and source.startswith("data:")
    }
    for ref, sketch in sorted(draft.sketches.items()):
        path = sketch.facts.get("path")
        if sketch.kind is NodeKind.DATA and ref not in parts and path is not None and path.status is Status.OBSERVED:
            draft.relate(draft.subject, EdgeKind.CONTAINS, ref, Status.OBSERVED, Place(str(path.value)))
