"""What a BOM ought to say and does not: asked of every component once all gatherers have run."""

import re

from assaymark.bom.build.draft import Draft, Sketch
from assaymark.bom.document import HASHES, MANIFEST
from assaymark.core.graph import EdgeKind, NodeKind

_CARD = "to the front matter of README.md"
_MODEL = (
    ("version", "nothing here says which version this is", "fetch it at a commit (hf download NAME --revision COMMIT), or register it: assay registry publish"),
    ("license", "no card, metadata or licence file names a licence", f"write `license:` {_CARD}, or add the LICENSE file"),
    ("supplier", "nothing here says who supplies it", f"write `organization:` {_CARD}"),
    ("architecture", "no configuration or header says what it is", "keep config.json beside the weights"),
    ("task", "nothing here says what it is for", f"write `pipeline_tag:` {_CARD}"),
    ("intended_use", "the card has no section on its use", "write a section `## Intended use` in README.md"),
    ("limitations", "the card has no section on its limits", "write a section `## Limitations` in README.md"),
)  # fmt: skip
_BASE = (
    ("version", "the base is named without a commit", "pin it: write `revision` beside the name, or keep the base in a folder beside the model"),
    ("license", "what is here does not say the licence of the base", "run assay bom build on the base and merge: assay bom merge"),
    ("supplier", "what is here does not say who supplies the base", "run assay bom build on the base and merge: assay bom merge"),
)  # fmt: skip
_DATA = (
    ("version", "nothing here says which version of the data", "pin the revision where it is named, or keep it under DVC"),
    ("license", "nothing here names the licence of the data", "write `license:` to the dataset's card, or describe it by Croissant"),
    ("supplier", "nothing here says who supplies the data", "describe it by Croissant (`creator`), or in the dataset's card"),
)  # fmt: skip
_SCRATCH = re.compile(
    r"(?<!not )(?<!n't )\b(?:(?:pre)?trained|training|initiali[sz]ed) (?:\w+ )?from scratch\b", re.IGNORECASE
)
"""What a card says of a model that has no base."""
_INSTEAD = {"architecture": "family", "version": "revision"}
"""Facts that say as much."""


def close(draft: Draft) -> None:
    """Write a Gap and an UNKNOWN fact for each element that ought to be there."""
    models = [sketch for _, sketch in sorted(draft.sketches.items()) if sketch.kind is NodeKind.MODEL]
    parts = [(source, target) for source, kind, target in draft.relations if kind is EdgeKind.CONTAINS]
    with_files = {source for source, target in parts if target.startswith("file:")}
    around = {source for source, target in parts if target.startswith("model:")} - with_files
    bases = {target for _, kind, target in draft.relations if kind is EdgeKind.DESCENDANT_OF}
    kinds: dict[str, set[EdgeKind]] = {}
    for source, kind, _ in draft.relations:
        kinds.setdefault(source, set()).add(kind)
    if not models:
        draft.gap(draft.subject, "models", "no weights, configuration or card of a model is here",
                  "run assay bom build on the folder that has the weights")  # fmt: skip
    for sketch in models:
        if sketch.ref in around:
            continue  # the folder that holds several models
        here = sketch.ref in with_files or "format" in sketch.facts or sketch.ref == draft.subject
        _ask(draft, sketch, _MODEL if here else _BASE)
        if sketch.ref not in with_files:
            _digest(draft, sketch, base=sketch.ref in bases and not here)
        if here:
            _origins(draft, sketch, kinds.get(sketch.ref, set()))
    inner = {target for source, target in parts if source.startswith("data:")}
    for _, sketch in sorted(draft.sketches.items()):
        if sketch.kind is NodeKind.DATA and sketch.ref not in inner:
            _ask(draft, sketch, _DATA)
            _digest(draft, sketch, base=False)


def _ask(draft: Draft, sketch: Sketch, asked: tuple[tuple[str, str, str], ...]) -> None:
    for fact, why, step in asked:
        if fact not in sketch.facts and _INSTEAD.get(fact) not in sketch.facts:
            sketch.unknown(fact, why)
            draft.gap(sketch, fact, why, step)


def _digest(draft: Draft, sketch: Sketch, *, base: bool) -> None:
    if any(name in sketch.facts for name in (*HASHES, MANIFEST)) or (sketch.ref, "digest") in draft.gaps:
        return
    what = "the base is only named" if base else "it is only named"
    step = (
        "keep the base in a folder beside the model, or merge its own BOM: assay bom merge" if base
        else "keep it below the folder (or its .dvc file, or Croissant with sha256), or merge its own BOM: assay bom merge"
    )  # fmt: skip
    draft.gap(sketch, "digest", f"{what}, its bytes are not here", step)


def _origins(draft: Draft, sketch: Sketch, kinds: set[EdgeKind]) -> None:
    """Training data, or a base that was trained elsewhere; and weights at all."""
    if EdgeKind.TRAINED_ON not in kinds:
        draft.gap(sketch, "trainedOn", "nothing here says what it was trained on",
                  f"write `datasets:` {_CARD}, or keep the training script beside it")  # fmt: skip
    if EdgeKind.CONTAINS not in kinds:
        draft.gap(sketch, "weights", "its weights are not here", "run assay bom build on the folder that has them")
    told = sketch.facts.get("training")
    scratch = told is not None and _SCRATCH.search(str(told.value)) is not None
    if EdgeKind.DESCENDANT_OF not in kinds and (sketch.ref, "base") not in draft.gaps and not scratch:
        draft.gap(sketch, "descendantOf", "nothing here says whether it was made from another model",
                  f"write `base_model:` {_CARD}; where there is none, write `trained from scratch` in a section `## Training`")  # fmt: skip
