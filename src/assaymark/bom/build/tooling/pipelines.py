"""Pipelines that are kept with a model: DVC stages with the digests of what they read and wrote, CI workflows that train."""

import posixpath
import re
from collections.abc import Iterator

from assaymark.bom.build.draft import Sketch
from assaymark.bom.build.environment_values import plain
from assaymark.bom.build.libraries_lay import text, unread, vendored
from assaymark.bom.build.tooling.lay import Bench
from assaymark.bom.document import Place, Status
from assaymark.core.errors import AssayError
from assaymark.core.graph import EdgeKind, NodeKind
from assaymark.core.source.yaml_tree import LIMIT, Node, documents

_MOST = 1_000
"""Stages of one file, and files of one stage."""
_WORKFLOW = re.compile(r"(?:^|/)\.(?:github|gitea|forgejo)/workflows/[^/]+\.ya?ml$|(?:^|/)\.gitlab-ci\.ya?ml$")
_TRAINS = re.compile(
    r"\b(?:python3?|uv run|accelerate launch|torchrun|deepspeed|poetry run|dvc repro|mlflow run|kedro run|papermill)\b"
)
_HEX = re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}")


def gather(bench: Bench) -> None:
    """Lay every pipeline of the folder."""
    for path in sorted(bench.sight.tree.files):
        base = path.rpartition("/")[2]
        if vendored(path):
            continue
        try:
            if base == "dvc.lock":
                _locked(bench, path)
            elif base == "dvc.yaml":
                _stages(bench, path)
            elif _WORKFLOW.search(path):
                _workflow(bench, path)
        except AssayError as error:
            made = bench.draft.component(NodeKind.TOOL, f"tool:{path}")
            bench.file_facts(made, path)
            unread(bench.draft, made, "pipeline", error)


def _root(bench: Bench, path: str) -> Node | None:
    root = next(documents(text(bench.sight, path, LIMIT)), None)
    return root if root is not None and root.kind == "mapping" else None


def _tool(bench: Bench, path: str, kind: str) -> Sketch:
    made = bench.draft.component(NodeKind.TOOL, f"tool:{path}")
    bench.file_facts(made, path)
    made.say("format", kind, Status.OBSERVED, Place(path))
    above = bench.owner(path)
    if above:
        bench.draft.relate(above, EdgeKind.USES_TOOL, made, Status.INFERRED, Place(path))
    return made


def _stages(bench: Bench, path: str) -> None:
    """dvc.yaml: what the stages are meant to do."""
    root = _root(bench, path)
    stages = root.get("stages") if root is not None else None
    if stages is None:
        return
    made = _tool(bench, path, "dvc")
    names = [name for name, _ in stages.named()][:_MOST]
    made.say("stages", names, Status.OBSERVED, Place(path))


def _locked(bench: Bench, path: str) -> None:
    """dvc.lock: what each stage read and wrote when it last ran, by digest."""
    root = _root(bench, path)
    stages = root.get("stages") if root is not None else None
    if stages is None:
        return
    folder = posixpath.dirname(path)
    for name, stage in list(stages.named())[:_MOST]:
        bench.sight.budget.tick()
        place = Place(path, f"line {stage.line}")
        made = bench.run("dvc", f"{folder}/{name}".lstrip("/"), place)
        command = stage.get("cmd")
        if command is not None and command.kind == "scalar":
            made.say("command", plain("", command.text, 1_000), Status.DECLARED, Place(path, f"line {command.line}"))
        _parameters(made, stage, path)
        for key, kind in (("deps", EdgeKind.HAS_INPUT), ("outs", EdgeKind.GENERATED_BY)):
            for target, at in _files(bench, stage.get(key), folder, path):
                if kind is EdgeKind.HAS_INPUT:
                    bench.draft.relate(made, kind, target, Status.DECLARED, at)
                else:
                    bench.draft.relate(target, kind, made, Status.DECLARED, at)
        _trained(bench, made, stage, folder, place)


def _parameters(made: Sketch, stage: Node, path: str) -> None:
    found: dict[str, str] = {}
    params = stage.get("params")
    for _, table in params.named() if params is not None else ():
        for name, value in table.named():
            shown = plain(name, value.text, 200) if value.kind == "scalar" else None
            if shown is not None and len(found) < _MOST:
                found[name[:100]] = shown
    made.say("hyperparameters", found, Status.DECLARED, Place(path, f"line {stage.line}"))


def _files(bench: Bench, listed: Node | None, folder: str, path: str) -> Iterator[tuple[Sketch, Place]]:
    for item in (listed.items if listed is not None else ())[:_MOST]:
        named = item.get("path") if item.kind == "mapping" else None
        if named is None or named.kind != "scalar" or not named.text:
            continue
        file = posixpath.normpath(posixpath.join(folder, named.text))[:500]
        at = Place(path, f"line {named.line}")
        target = _target(bench, file, at)
        if target.kind is NodeKind.MODEL:
            yield target, at  # a file of it: its digest is not the model's
            continue
        size = item.get("size")
        if size is not None and size.text.isdigit() and len(size.text) < 16 and target.facts.get("path") is None:
            target.say("size", int(size.text), Status.DECLARED, at)
        for algorithm in ("md5", "sha256"):
            digest = item.get(algorithm)
            if digest is not None and _HEX.fullmatch(digest.text):
                target.say(algorithm, digest.text, Status.DECLARED, at)
            elif digest is not None and digest.text.endswith(".dir"):
                target.say("dvc_dir", digest.text[:40], Status.DECLARED, at)
        yield target, at


def _target(bench: Bench, file: str, at: Place) -> Sketch:
    """Scripts are tools, the model's own bytes the model, all else data."""
    if file.endswith((".py", ".ipynb", ".sh", ".r", ".jl")):
        made = bench.draft.component(NodeKind.TOOL, f"tool:{file}")
        if bench.has(file):
            bench.file_facts(made, file)
        made.say("name", file, Status.DECLARED, at)
        return made
    owner = bench.owner(f"{file}/")
    sketch = bench.draft.sketches.get(owner)
    if sketch is not None and sketch.kind is NodeKind.MODEL and _is_weights(file):
        return sketch
    return bench.data_file([file], at) or bench.dataset(file, at)


def _is_weights(file: str) -> bool:
    suffixes = (
        ".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".gguf", ".h5", ".keras", ".pkl", ".joblib", ".pb", ".tflite",
        ".skops", ".ubj", ".msgpack",
    )  # fmt: skip
    return file.lower().endswith(suffixes) or posixpath.basename(file) in {"model", "models", "checkpoint"}


def _trained(bench: Bench, made: Sketch, stage: Node, folder: str, place: Place) -> None:
    """The run that wrote the model's weights read its training data."""
    outs, deps = stage.get("outs"), stage.get("deps")
    wrote = [p.text for item in (outs.items if outs else ()) if (p := item.get("path")) is not None]
    weights = [file for file in wrote[:_MOST] if _is_weights(file)]
    owner = bench.owner(posixpath.normpath(posixpath.join(folder, weights[0])) + "/") if weights else ""
    if not owner or not bench.is_model(owner):
        return
    bench.generated(owner, made, Status.DECLARED, place)
    for item in (deps.items if deps else ())[:_MOST]:
        named = item.get("path")
        if named is None or named.text.endswith((".py", ".ipynb", ".sh", ".yaml", ".yml", ".json", ".toml")):
            continue
        file = posixpath.normpath(posixpath.join(folder, named.text))
        if not _is_weights(file):
            at = Place(place.path, f"line {named.line}")
            target = bench.data_file([file], at) or bench.dataset(file, at)
            bench.draft.relate(owner, EdgeKind.TRAINED_ON, target, Status.INFERRED, at)


def _workflow(bench: Bench, path: str) -> None:
    """A workflow that runs one of the scripts: a tool that the model was made with."""
    root = _root(bench, path)
    if root is None:
        return
    source = text(bench.sight, path, LIMIT)
    called = sorted({s for s in _scripts(bench) if re.search(rf"(?<![\w.-]){re.escape(s)}(?![\w.-])", source)})
    if called and _TRAINS.search(source):
        made = _tool(bench, path, "workflow")
        for script in called[:50]:
            tool = bench.draft.sketches[f"tool:{script}"]
            bench.draft.relate(made, EdgeKind.USES_TOOL, tool, Status.INFERRED, Place(path))


def _scripts(bench: Bench) -> list[str]:
    return [
        ref[5:] for ref, sketch in bench.draft.sketches.items() if sketch.kind is NodeKind.TOOL and ref.endswith(".py")
    ][:200]
