"""Datasets that something names: a folder or file that is here, or a name of which nothing else is known."""

import posixpath
import re

from assaymark.bom.build.draft import Draft, Sight, Sketch
from assaymark.bom.build.models.folder import fill, paths
from assaymark.bom.document import Place, Status
from assaymark.core.graph import NodeKind

_COMMIT = re.compile(r"[0-9a-f]{40}")


def named(sight: Sight, draft: Draft, name: str, place: Place, folder: str = "", revision: str = "") -> Sketch | None:
    """The component of a dataset as `folder`'s files call it; None where the text names nothing."""
    name, _, after = name.partition("@") if "@" in name and not revision else (name, "", revision)
    name, revision = name.strip()[:300], (after or revision).strip()[:100]
    if not name or name in {".", "/"}:
        return None
    here = local(sight, name, folder)
    if here is not None:
        return by_path(sight, draft, here)
    name = re.sub(r"^https?://(?:www\.)?huggingface\.co/datasets/([\w.-]+(?:/[\w.-]+)?)/?$", r"\1", name)
    sketch = draft.component(NodeKind.DATA, f"data:{name}")
    sketch.say("name", name, Status.DECLARED, place)
    if revision:
        sketch.say("version", revision, Status.DECLARED, place)
        if _COMMIT.fullmatch(revision):
            sketch.say("revision", revision, Status.DECLARED, place)
    if name.startswith(("http://", "https://", "s3://", "gs://", "hf://")):
        sketch.say("download", name, Status.DECLARED, place)
    return sketch


def local(sight: Sight, name: str, folder: str = "") -> str | None:
    """The path of a file or folder (without a slash at its end) of the tree that is meant, or None."""
    if "://" in name or name.startswith(("/", "~")) or "\\" in name:
        return None
    for lead in dict.fromkeys((folder, "")):
        path = posixpath.normpath(posixpath.join(lead, name))
        if path.startswith("..") or path == ".":
            continue
        if path in sight.tree.files or paths(sight.tree).has_folder(path):
            return path
    return None


def by_path(sight: Sight, draft: Draft, path: str) -> Sketch:
    """The component `data:<path>` of a file or folder of the tree, with its digest."""
    sketch = draft.component(NodeKind.DATA, f"data:{path}")
    sketch.say("name", path.rpartition("/")[2], Status.OBSERVED, Place(path))
    if "path" not in sketch.facts:
        fill(sight, sketch, path)
    return sketch
