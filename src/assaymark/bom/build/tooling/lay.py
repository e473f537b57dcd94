"""How what scripts, pipelines and runs name is found among what is known, or laid anew."""

import posixpath
import re

from assaymark.bom.build.draft import Draft, Sight, Sketch
from assaymark.bom.build.libraries_lay import folder_digest
from assaymark.bom.document import Place, Status
from assaymark.core.graph import EdgeKind, NodeKind

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(?:/[\w.-]{1,95})?")
_NAMED = ("name", "repository", "path")
_KINDS = (NodeKind.MODEL, NodeKind.DATA)


class Bench:
    """A draft with an index of its models and data by name, and the folder they were seen in by path."""

    def __init__(self, sight: Sight, draft: Draft) -> None:
        self.sight = sight
        self.draft = draft
        self._names: dict[tuple[NodeKind, str], str] = {}
        self._homes: list[tuple[str, str]] = []
        self._folders: set[str] = set()
        for sketch in draft.sketches.values():
            if sketch.kind in _KINDS:
                self._index(sketch)
        for path in sight.tree.files:
            folder = posixpath.dirname(path)
            while folder and folder not in self._folders:
                self._folders.add(folder)
                folder = posixpath.dirname(folder)

    def _index(self, sketch: Sketch) -> None:
        for fact in _NAMED:
            value = sketch.facts[fact].value if fact in sketch.facts else None
            if isinstance(value, str) and value:
                self._names.setdefault((sketch.kind, value.lower().rstrip("/")), sketch.ref)
                if fact == "path" and sketch.kind is NodeKind.MODEL and sketch.ref != self.draft.subject:
                    self._homes.append((value.rstrip("/"), sketch.ref))

    def _known(self, kind: NodeKind, name: str) -> Sketch | None:
        ref = self._names.get((kind, name.lower().rstrip("/")))
        return self.draft.sketches.get(ref or f"{kind}:{name}")

    def owner(self, path: str) -> str:
        """The ref of the model in whose folder a file stands: the innermost one, else the subject."""
        best, depth = self.draft.subject, 0
        for folder, ref in self._homes:
            if len(folder) > depth and path.startswith(f"{folder}/"):
                best, depth = ref, len(folder)
        return best

    def is_model(self, ref: str) -> bool:
        """The component is a model."""
        sketch = self.draft.sketches.get(ref)
        return sketch is not None and sketch.kind is NodeKind.MODEL

    def file_facts(self, made: Sketch, path: str) -> None:
        """Name, path, digest and size of a file."""
        place = Place(path)
        made.say("name", path, Status.OBSERVED, place)
        made.say("path", path, Status.OBSERVED, place)
        made.say("sha256", self.sight.sha256.get(path), Status.OBSERVED, place)
        if path in self.sight.tree.files:
            made.say("size", self.sight.tree.files[path].size, Status.OBSERVED, place)

    def has(self, path: str) -> bool:
        """A file or a folder of this path is there."""
        return path in self.sight.tree.files or path in self._folders

    def dataset(self, name: str, place: Place) -> Sketch:
        """A dataset by the name that a script gives it; a path in the folder is the data that lies there."""
        found = self.data_file([posixpath.normpath(name)], place) or self._known(NodeKind.DATA, name)
        if found is None:
            found = self.draft.component(NodeKind.DATA, f"data:{name}")
            found.say("name", name[:300], Status.INFERRED, place)
            why = f"named in {place.path}, {place.at}; its bytes are not here"
            self.draft.gap(found, "sha256", why, "pin its revision, and keep its digest beside the model")
            self._index(found)
        return found

    def data_file(self, paths: list[str], place: Place) -> Sketch | None:
        """The data component of the first of these paths that is there, or of the folder of data that it is in."""
        path = next((path for path in paths if path not in {"", "."} and self.has(path)), None)
        if path is None:
            return None
        above = path
        while above:
            sketch = self._known(NodeKind.DATA, above)
            if sketch is not None:
                return sketch
            above = posixpath.dirname(above)
        made = self.draft.component(NodeKind.DATA, f"data:{path}")
        if path in self.sight.tree.files:
            self.file_facts(made, path)
        else:
            made.say("name", path, Status.OBSERVED, place)
            made.say("path", path, Status.OBSERVED, place)
            made.say("manifest", folder_digest(self.sight, path), Status.OBSERVED, Place(path))
        self._index(made)
        return made

    def model(self, name: str, paths: list[str], place: Place) -> Sketch | None:
        """A model that a script loads: one that is known, or a repository by name; None for other bytes of the folder."""
        for path in (*paths, name):
            found = self._known(NodeKind.MODEL, path)
            if found is not None:
                return found
        if any(self.has(path) for path in paths) or not _NAME.fullmatch(name):
            return None
        made = self.draft.component(NodeKind.MODEL, f"model:{name}")
        made.say("name", name, Status.INFERRED, place)
        why = f"loaded in {place.path}, {place.at}; its bytes are not here"
        self.draft.gap(made, "sha256", why, "pin it with revision=<commit>, and build its BOM from its own folder")
        self._index(made)
        return made

    def file(self, path: str) -> Sketch:
        """Another file that a pipeline names: model and data where they are known as such."""
        for kind in (NodeKind.DATA, NodeKind.MODEL, NodeKind.TOOL):
            found = self._known(kind, path)
            if found is not None:
                return found
        made = self.draft.component(NodeKind.FILE, f"file:{path}")
        self.file_facts(made, path)
        return made

    def run(self, tracker: str, name: str, place: Place) -> Sketch:
        """One run of a training or a pipeline."""
        made = self.draft.component(NodeKind.RUN, f"run:{tracker}/{name}")
        made.say("name", name, Status.OBSERVED, place)
        made.say("tracker", tracker, Status.OBSERVED, place)
        return made

    def generated(self, ref: str, made: Sketch, status: Status, place: Place) -> None:
        """The model came out of this run."""
        if ref:
            self.draft.relate(ref, EdgeKind.GENERATED_BY, made, status, place)
