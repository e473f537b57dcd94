"""DVC: what `*.dvc` files and `dvc.lock` say of data and models that may not be here: md5, sizes, and stages."""

import hashlib
import re
from collections.abc import Iterator
from typing import Any

from assaymark.bom.build.data.named import by_path
from assaymark.bom.build.draft import Draft, Sight, Sketch
from assaymark.bom.build.models import weights as models_weights
from assaymark.bom.build.models.card import mappings, scalar, text
from assaymark.bom.build.models.folder import paths
from assaymark.bom.document import Place, Status
from assaymark.core.blob import chunks
from assaymark.core.errors import AssayError
from assaymark.core.graph import EdgeKind, NodeKind
from assaymark.core.source.yaml_tree import Node, documents

_LIMIT = 4 << 20
_STAGES = 1_000
_VERIFIED = 256 << 20
"""Bytes of a file whose md5 is computed to be held against the declared one."""
_CODE = (".py", ".sh", ".yaml", ".yml", ".toml", ".cfg", ".json", ".r", ".ipynb", ".lock", ".txt.in", ".md")


def gather(sight: Sight, draft: Draft) -> None:
    """Outputs of `*.dvc`, and the data and models of the stages of `dvc.lock`."""
    for path in sorted(sight.tree.files):
        base = path.rpartition("/")[2]
        if not (base.endswith(".dvc") or base == "dvc.lock") or f"/{path}".find("/.dvc/") >= 0:
            continue
        try:
            root = next(documents(sight.tree.read(path, _LIMIT).decode("utf-8", "replace")), None)
        except AssayError as error:
            draft.gap(draft.subject, base, f"{path} cannot be read: {error.message}", error.step)
            continue
        if root is None or root.kind != "mapping":
            continue
        folder = path[: path.rfind("/") + 1]
        if base == "dvc.lock":
            _lock(sight, draft, root, path, folder)
        else:
            for out in mappings(root.get("outs")):
                _tracked(sight, draft, out, path, folder)


def _tracked(sight: Sight, draft: Draft, out: Node, source: str, folder: str) -> Sketch | None:
    """One output or dependency: data, or a file of weights."""
    written = text(out.get("path"))
    where = _normal(folder + written) if "://" not in written else written
    if not written or where is None or written.lower().endswith(_CODE):
        return None
    place = Place(source, f"line {out.line}")
    sketch = _component(sight, draft, where)
    sketch.say("name", where.rpartition("/")[2], Status.DECLARED, place)
    declared = text(out.get("md5")).lower()
    known = sketch.facts.get("path")
    if known is None:
        sketch.say("size", _number(out.get("size")), Status.DECLARED, place)
        sketch.say("files", _number(out.get("nfiles")), Status.DECLARED, place)
        sketch.say("path", where, Status.DECLARED, place)
    if re.fullmatch(r"[0-9a-f]{32}", declared):
        sketch.say("md5", declared, Status.DECLARED, place)
        _verify(sight, draft, sketch, where, declared, place)
    elif re.fullmatch(r"[0-9a-f]{32}\.dir", declared):
        sketch.say("version", f"dvc:{declared}", Status.DECLARED, place, note="md5 of DVC's list of the folder's files")
    return sketch


def _component(sight: Sight, draft: Draft, where: str) -> Sketch:
    for ref in (f"file:{where}", f"data:{where}"):
        if ref in draft.sketches:
            return draft.sketches[ref]
    if where.lower().endswith(models_weights.SUFFIXES) and where not in sight.tree.files:
        return draft.component(NodeKind.MODEL, f"model:{where}")
    if where in sight.tree.files or paths(sight.tree).has_folder(where):
        return by_path(sight, draft, where)
    return draft.component(NodeKind.DATA, f"data:{where}")


def _verify(sight: Sight, draft: Draft, sketch: Sketch, where: str, declared: str, place: Place) -> None:
    file = sight.tree.files.get(where)
    if file is None or file.size > _VERIFIED:
        return
    total = hashlib.md5(usedforsecurity=False)
    with sight.tree.open(where) as blob:
        for piece in chunks(blob):
            sight.budget.tick()
            total.update(piece)
    actual = total.hexdigest()
    sketch.say("md5", actual, Status.OBSERVED, Place(where))
    if actual != declared:
        draft.gap(sketch, "md5", f"{place.path} says {declared}, the bytes are {actual}",
                  "run dvc checkout for the data of this commit, or dvc commit to note the new one")  # fmt: skip


def _number(node: Node | None) -> Any:
    value = scalar(text(node))
    return value if type(value) is int else None


def _normal(path: str) -> str | None:
    """A path below the folder that was looked at, or None."""
    import posixpath

    found = posixpath.normpath(path)
    return None if found.startswith(("..", "/")) or found == "." else found


def _lock(sight: Sight, draft: Draft, root: Node, source: str, folder: str) -> None:
    """Stages: a model that one of them wrote was trained on the data that it read."""
    stages = root.get("stages")
    for _, stage in list(stages.named())[:_STAGES] if stages is not None and stages.kind == "mapping" else ():
        if stage.kind != "mapping":
            continue
        read = [
            s for dep in mappings(stage.get("deps")) if (s := _tracked(sight, draft, dep, source, folder)) is not None
        ]
        written = [
            s for out in mappings(stage.get("outs")) if (s := _tracked(sight, draft, out, source, folder)) is not None
        ]
        place = Place(source, f"line {stage.line}")
        for made in written:
            for model in _models(draft, made):
                for data in read:
                    if data.kind is NodeKind.DATA:
                        draft.relate(model, EdgeKind.TRAINED_ON, data, Status.DECLARED, place)
            if made.kind is NodeKind.DATA:
                for data in read:
                    if data.kind is NodeKind.DATA:
                        draft.relate(made, EdgeKind.DESCENDANT_OF, data, Status.DECLARED, place)


def _models(draft: Draft, made: Sketch) -> Iterator[str]:
    """The models that an output is, or is a file of."""
    if made.kind is NodeKind.MODEL:
        yield made.ref
    for source, kind, target in list(draft.relations):
        if target == made.ref and kind is EdgeKind.CONTAINS and draft.sketches[source].kind is NodeKind.MODEL:
            yield source
