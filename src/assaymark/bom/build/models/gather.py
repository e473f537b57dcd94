"""Models: what a folder holds of them, from their headers, configurations and cards; and what they were made from."""

from collections import Counter

from assaymark.bom.build.draft import Draft, Sight, Sketch
from assaymark.bom.build.models import base as models_base
from assaymark.bom.build.models import card as models_card
from assaymark.bom.build.models import config as models_config
from assaymark.bom.build.models import find as models_find
from assaymark.bom.build.models import folder as models_folder
from assaymark.bom.build.models import gguf as models_gguf
from assaymark.bom.build.models import identity as models_identity
from assaymark.bom.build.models import licence as models_licence
from assaymark.bom.build.models import says as models_says
from assaymark.bom.build.models.base import Known, Subject, folded
from assaymark.bom.build.models.card import Card
from assaymark.bom.build.models.find import Group
from assaymark.bom.build.models.header import Header, mostly
from assaymark.bom.document import Place, Status
from assaymark.core.errors import AssayError
from assaymark.core.graph import EdgeKind, NodeKind

_ORDER = ("safetensors", "gguf", "torch", "keras", "hdf5", "flax", "tensorflow", "onnx", "pickle")
"""Of weights that are there in several formats, the one that is counted."""
_RUNS_CODE = frozenset({"pickle", "torch", "torchscript", "torchserve"})
_CARDS = ("README.md", "readme.md", "Readme.md", "MODEL_CARD.md", "model_card.md")
_VARIANT = (".fp16.", ".bf16.", ".non_ema.", ".int8.", ".fp8.")


def gather(sight: Sight, draft: Draft) -> None:
    """Every model, its files, its base and the data that it names; sets the subject."""
    groups = models_find.find(sight)
    subjects = []
    for group in groups:
        ref = "model:." if len(groups) == 1 else f"model:{group.key.rstrip('/') or '.'}"
        if len(groups) > 1 and ref == "model:.":
            ref = "model:./"  # the model of the folder itself, beside others below it
        subjects.append(_subject(sight, draft, group, draft.component(NodeKind.MODEL, ref), alone=len(groups) == 1))
    _root(sight, draft, subjects)
    known = Known()
    for subject in subjects:
        _know(subject, known)
    for subject in subjects:
        models_base.relate(sight, draft, subject, known)
        _datasets(sight, draft, subject)


def _root(sight: Sight, draft: Draft, subjects: list[Subject]) -> None:
    """What the BOM is about: the one model, or the folder that holds several or none."""
    if len(subjects) == 1:
        draft.subject = subjects[0].sketch.ref
        return
    root = draft.component(*((NodeKind.MODEL, "model:.") if subjects else (NodeKind.FILE, "file:.")))
    root.say("name", sight.name, Status.OBSERVED, Place("."))
    _whole(sight, root)
    draft.subject = root.ref
    for subject in subjects:
        draft.relate(root, EdgeKind.CONTAINS, subject.sketch, Status.OBSERVED, Place(subject.group.key or "."))


def _whole(sight: Sight, root: Sketch) -> None:
    """Digest and size of all that was looked at."""
    if sight.manifest.startswith("assaymark-manifest"):
        models_folder.fill(sight, root, "")
    elif sight.tree.files:
        models_folder.fill(sight, root, min(sight.tree.files))


def _subject(sight: Sight, draft: Draft, group: Group, sketch: Sketch, *, alone: bool) -> Subject:
    """One model: identity, weights, configuration."""
    tree, folder = sight.tree, group.folder
    owns = group.anchored or alone
    card = _card(sight, draft, sketch, (folder, "") if alone else (folder,)) if owns else None
    config = models_config.load(tree, f"{folder}config.json", draft, sketch.ref) if owns else None
    if config is None or not models_config.is_model(config):
        index = models_config.load(tree, f"{folder}model_index.json", draft, sketch.ref) if owns else None
        config = index if index is not None and models_config.is_model(index) else None
    adapter = models_config.load(tree, f"{folder}adapter_config.json", draft, sketch.ref) if owns else None
    primary = _primary(group)
    subject = Subject(group, sketch, card, config, adapter, list(primary.values()), set())
    _located(sight, draft, subject, alone=alone)
    if card is not None:
        models_says.say(sight, draft, sketch, card, folder)
    if config is not None:
        models_config.say(config, sketch)
    if adapter is not None:
        models_config.adapter(adapter, sketch)
    _weights(sight, draft, subject, primary)
    _quantised(sight, subject, primary)
    _counted(draft, subject, primary)
    _named(sight, subject, alone=alone)
    return subject


def _card(sight: Sight, draft: Draft, sketch: Sketch, folders: tuple[str, ...]) -> Card | None:
    """The card beside the configuration; of the only model also that of all that was looked at."""
    for path in [folder + name for folder in folders for name in _CARDS]:
        if path in sight.tree.files:
            try:
                return models_card.read(sight.tree, path)
            except AssayError as error:
                draft.gap(sketch, "card", f"{path} cannot be read: {error.message}", error.step)
    return None


def _located(sight: Sight, draft: Draft, subject: Subject, *, alone: bool) -> None:
    """Path and digest; repository and commit, where the folder's own layout says them; the licence file."""
    group, sketch = subject.group, subject.sketch
    if alone:
        _whole(sight, sketch)
    elif group.anchored:
        models_folder.fill(sight, sketch, group.folder.rstrip("/"))
    elif len(group.files) == 1:
        models_folder.fill(sight, sketch, next(iter(group.files)))
    else:
        sketch.say("path", group.key, Status.OBSERVED, Place(group.key))
        sketch.say("files", len(group.files), Status.OBSERVED, Place(group.key))
        sketch.say("size", sum(sight.tree.files[p].size for p in group.files), Status.OBSERVED, Place(group.key))
    identity = _identity(sight, group)
    if identity is not None:
        sketch.say("repository", identity.name, Status.DECLARED, identity.place)
        sketch.say("version", identity.commit, Status.DECLARED, identity.place)
        sketch.say("revision", identity.commit, Status.DECLARED, identity.place)
        sketch.say("purl", identity.purl, Status.DECLARED, identity.place)
        owner = identity.name.rpartition("/")[0]
        sketch.say("supplier", owner, Status.INFERRED, identity.place)
        subject.own.add(folded(identity.name))
    _downloaded(sight, draft, subject)
    folded_paths = models_folder.paths(sight.tree).folded
    for name in [
        folder + name
        for folder in dict.fromkeys((group.folder, "" if alone else group.folder))
        for name in models_licence.FILES
    ]:
        path = folded_paths.get(name.lower())
        if path is not None:
            start = sight.tree.start(path, 8192).decode("utf-8", "replace")
            sketch.say("license", models_licence.recognised(start), Status.INFERRED, Place(path))


def _identity(sight: Sight, group: Group) -> models_identity.Identity | None:
    """From the layout of a cache: in the paths of the tree, or in what the folder itself is called."""
    where = next(iter(group.files), group.folder)
    found = models_identity.cached(where) or models_identity.cached(f"{sight.name}/{where}")
    return found[0] if found is not None and found[0].kind == "model" else None


def _downloaded(sight: Sight, draft: Draft, subject: Subject) -> None:
    """The commit that the downloader noted, where all its notes agree."""
    if not subject.group.anchored and subject.group.folder:
        return
    notes = models_identity.downloads(sight.tree, subject.group.folder)
    commits = sorted({note.commit for note in notes})
    if len(commits) == 1:
        subject.sketch.say("revision", commits[0], Status.DECLARED, notes[0].place)
        subject.sketch.say("version", commits[0], Status.DECLARED, notes[0].place)
    elif commits:
        where = notes[0].place.path.rpartition("/")[0]
        draft.gap(subject.sketch, "revision", f"{where} has files of {len(commits)} commits: {', '.join(commits[:3])}",
                  "download the model again at one commit: hf download NAME --revision COMMIT --local-dir DIR")  # fmt: skip
    for note in notes:
        header = subject.group.files.get(note.path)
        if header is not None:
            header.metadata["downloaded"] = note


def _primary(group: Group) -> dict[str, Header]:
    """The files whose tensors are the model: one format, and no second copy of them in another precision."""
    formats = {header.format for header in group.files.values()}
    chosen = next((name for name in _ORDER if name in formats), min(formats, default=""))
    found = {path: header for path, header in sorted(group.files.items()) if header.format == chosen}
    whole = {path: h for path, h in found.items() if not any(mark in path for mark in _VARIANT)}
    found = whole or found
    bases = {path.rpartition("/")[2] for path in found}
    if any(base.startswith(("model", "pytorch_model")) for base in bases):
        found = {
            path: header for path, header in found.items()
            if not path.rpartition("/")[2].startswith(("adapter_", "consolidated"))
        }  # fmt: skip
    return found


def _weights(sight: Sight, draft: Draft, subject: Subject, primary: dict[str, Header]) -> None:
    """A component for each file of weights, and what the headers say of the model."""
    sketch = subject.sketch
    for path, header in sorted(subject.group.files.items()):
        file = draft.component(NodeKind.FILE, f"file:{path}")
        place = Place(path)
        file.say("name", path.rpartition("/")[2], Status.OBSERVED, place)
        file.say("format", header.format, Status.OBSERVED, place)
        file.say("path", path, Status.OBSERVED, place)
        if path in subject.group.pointers:
            digest, size = subject.group.pointers[path]
            file.say(
                "sha256",
                digest,
                Status.DECLARED,
                Place(path, "line 2"),
                note="a pointer of git-lfs; the bytes are not here",
            )
            file.say("size", size, Status.DECLARED, Place(path, "line 3"))
            draft.gap(file, "content", f"{path} is a pointer of git-lfs, the weights are not here", "git lfs pull")
        else:
            file.say("sha256", sight.sha256.get(path), Status.OBSERVED, place)
            file.say("size", sight.tree.files[path].size, Status.OBSERVED, place)
            _etag(draft, file, header)
        if header.tensors:
            file.say("tensors", header.tensors, Status.OBSERVED, place)
        if header.fault:
            draft.gap(file, "header", f"{path} could not be read to its end: {header.fault}", f"assay scan {path}")
        draft.relate(sketch, EdgeKind.CONTAINS, file, Status.OBSERVED, place)
    formats = sorted({header.format for header in primary.values()})
    places = [Place(path) for path in list(primary)[:20]]
    sketch.say("format", formats[0] if formats else None, Status.OBSERVED, *places)
    if any(header.format in _RUNS_CODE for header in subject.group.files.values()):
        risky = next(path for path, header in sorted(subject.group.files.items()) if header.format in _RUNS_CODE)
        sketch.say("runs_code", True, Status.OBSERVED, Place(risky))  # noqa: FBT003 - the value of a fact
    for path, header in primary.items():
        for fact, value, status, at in header.said:
            if not (fact in sketch.facts and len(primary) > 1):
                sketch.say(fact, value, status, Place(path, at))


def _etag(draft: Draft, file: Sketch, header: Header) -> None:
    """The digest that the hub gave for a large file, held against the bytes."""
    note = header.metadata.get("downloaded")
    if not isinstance(note, models_identity.Download) or len(note.etag) != 64:
        return
    actual = models_folder.value(file, "sha256")
    place = Place(note.place.path, "line 2")
    file.say("sha256", note.etag, Status.DECLARED, place)
    if actual and actual != note.etag:
        draft.gap(file, "sha256", f"{note.place.path} says {note.etag}, the bytes are {actual}",
                  "the file was changed after it was downloaded: fetch it again, or find out who changed it")  # fmt: skip


def _quantised(sight: Sight, subject: Subject, primary: dict[str, Header]) -> None:
    """What a configuration declares of packed weights; verified where the tensors are packed."""
    sketch = subject.sketch
    found = models_config.quantisation(subject.config) if subject.config is not None else None
    if found is None and subject.group.anchored:
        for base in ("quantize_config.json", "quant_config.json"):
            own = models_config.load(sight.tree, subject.group.folder + base)
            found = models_config.quantisation(own, "") if own is not None else None
            if found is not None:
                break
    if found is None:
        return
    said, place = found
    sketch.say("quantization", said, Status.DECLARED, place)
    for path, header in primary.items():
        if models_config.packed(header):
            sketch.say("quantization", said, Status.OBSERVED, Place(path, "packed integer tensors"))
            return


def _counted(draft: Draft, subject: Subject, primary: dict[str, Header]) -> None:
    """Parameters, dtypes and tensors over all files, and sizes that configuration and tensors both tell."""
    sketch, headers = subject.sketch, list(primary.values())
    total: Counter[str] = Counter()
    for header in headers:
        total.update(header.elements)
    places = [Place(path) for path in list(primary)[:20]]
    if not total:
        return
    partial = [path for path, header in primary.items() if not header.counted]
    bits = (models_folder.value(sketch, "quantization") or {}).get("bits")
    packed = any(models_config.packed(header) for header in headers)
    count = sum(total.values())
    status, note = Status.OBSERVED, ""
    if packed and isinstance(bits, int) and 0 < bits <= 8:
        count = sum(models_config.unpacked(header, bits) for header in headers)
        status, note = Status.INFERRED, f"unpacked from integers of {bits} bits"
    if partial:
        draft.gap(
            sketch,
            "parameters",
            f"not all tensors could be counted: {', '.join(partial[:3])}",
            f"assay scan {partial[0]}",
        )
    sketch.say("parameters", count, status, *places, note=note)
    sketch.say("tensors", sum(header.tensors for header in headers), Status.OBSERVED, *places)
    sketch.say("dtypes", dict(sorted(total.items())), Status.OBSERVED, *places)
    sketch.say("dtype", mostly(total), Status.OBSERVED, *places)
    if subject.config is not None:
        declared, key = models_config.dtype_of(subject.config)
        if declared and "quantization" not in sketch.facts:
            sketch.say("dtype", declared, Status.DECLARED, subject.config.place(key))
    for path, header in primary.items():
        for fact, value in models_config.observed_sizes(header) if len(primary) == 1 else ():
            if fact in sketch.facts:
                sketch.say(fact, value, Status.OBSERVED, Place(path, "tensors"))


def _named(sight: Sight, subject: Subject, *, alone: bool) -> None:
    """The model's own name: its repository, its model-index, its metadata, or what its folder or file is called.

    None of them counts where it is the name of a base that something names.
    """
    sketch, group = subject.sketch, subject.group
    bases = {folded(name) for claim in models_base.claims(sight, subject) for name in (claim.name, claim.label)} - {""}
    choices: list[tuple[str, Status, Place]] = []
    identity = _identity(sight, group)
    if identity is not None:
        choices.append((identity.name, Status.DECLARED, identity.place))
    if subject.card is not None:
        named = models_says.name_of(subject.card)
        if named is not None:
            choices.append((named[0], Status.DECLARED, named[1]))
    for path, header in sorted(group.files.items()):
        if header.format == "gguf" and isinstance(header.metadata.get("general.name"), str):
            choices.append((header.metadata["general.name"][:200], Status.DECLARED, Place(path, "general.name")))
            break
    own = [choice for choice in choices if not _is_base(choice[0], bases)]
    last = (group.folder.rstrip("/") if group.anchored else group.key).rpartition("/")[2]
    if (
        alone
        and sight.manifest.startswith("assaymark-manifest")
        and {h.format for h in group.files.values()} != {"gguf"}
    ):
        last = ""
    elif not group.anchored and len(group.files) == 1 and next(iter(group.files)).endswith(".gguf"):
        last = next(iter(group.files)).rpartition("/")[2].removesuffix(".gguf")
    last = last or sight.name.rpartition("/")[2] or sight.name
    own.append((last, Status.OBSERVED, Place(group.key.rstrip("/") or ".")))
    name, status, place = own[0]
    others = [other for other, _, _ in (*own[1:], *choices) if other != name]
    sketch.say(
        "name", name, status, place, note=f"also called {', '.join(dict.fromkeys(others))}"[:500] if others else ""
    )
    subject.own.update(folded(one) for one, _, _ in own if folded(one))


def _is_base(name: str, bases: set[str]) -> bool:
    """Whether this is what a base is called, or the end of it without the maker's own words."""
    short = folded(name)
    return short in bases or (len(short) > 3 and any(base.endswith(short) for base in bases))


def _know(subject: Subject, known: Known) -> None:
    """Where others may find this model."""
    ref, group = subject.sketch.ref, subject.group
    if group.anchored and group.folder:
        known.by_path[group.folder.rstrip("/")] = ref
    for path in group.files:
        known.by_path[path] = ref
        if not group.anchored:
            known.by_path.setdefault(group.key, ref)
    repository = models_folder.value(subject.sketch, "repository")
    if repository:
        known.by_name.setdefault(repository.lower(), ref)


def _datasets(sight: Sight, draft: Draft, subject: Subject) -> None:
    """Datasets that the metadata of GGUF files names."""
    from assaymark.bom.build.data.named import named

    for path, header in sorted(subject.group.files.items()):
        for origin in models_gguf.origins(header.metadata, "dataset") if header.format == "gguf" else ():
            place = Place(path, origin.key)
            data = named(sight, draft, origin.name, place, "", origin.version)
            if data is not None:
                draft.relate(subject.sketch, EdgeKind.TRAINED_ON, data, Status.DECLARED, place)
