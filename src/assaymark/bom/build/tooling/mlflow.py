"""MLflow on disk: runs below `mlruns/` (meta.yaml, params, metrics, tags, inputs) and `MLmodel` files."""

import json
import posixpath
import re
from collections.abc import Iterator
from typing import Any

from assaymark.bom.build.draft import Sketch
from assaymark.bom.build.environment_values import plain
from assaymark.bom.build.libraries_lay import text, unread, vendored
from assaymark.bom.build.tooling.lay import Bench
from assaymark.bom.document import Place, Status
from assaymark.core.errors import AssayError
from assaymark.core.graph import EdgeKind, NodeKind
from assaymark.core.source.yaml_tree import Node, documents

_LIMIT = 1 << 20
_MOST = 300
"""Parameters, metrics and inputs of one run."""
_RUNS = 500
_TAGS = {
    "mlflow.source.git.commit": "revision", "mlflow.source.git.repoURL": "repository", "mlflow.source.name": "command",
    "mlflow.user": "author", "mlflow.runName": "title",
}  # fmt: skip
_RUN = re.compile(r"(?:^|/)([0-9a-f]{32})/meta\.yaml$")
_STATES = {"1": "running", "2": "scheduled", "3": "finished", "4": "failed", "5": "killed"}


def gather(bench: Bench) -> None:
    """Lay every run, then every MLmodel: it may name its run."""
    below: dict[str, list[str]] = {}
    for path in sorted(bench.sight.tree.files):
        parts = path.split("/")
        for at, part in enumerate(parts[:-1]):
            if re.fullmatch(r"[0-9a-f]{32}|m-[0-9a-f]{32}", part):
                below.setdefault("/".join(parts[: at + 1]), []).append(path)
                break
    runs = [path for path in sorted(bench.sight.tree.files) if _RUN.search(path)]
    for path in runs[:_RUNS]:
        bench.sight.budget.tick()
        folder = posixpath.dirname(path)
        _run(bench, path, folder, below.get(folder, []))
    if len(runs) > _RUNS:
        bench.draft.gap(bench.draft.subject, "runs", f"{len(runs):,} runs of MLflow, {_RUNS} of them were read", "")
    for path in sorted(bench.sight.tree.files):
        if path.rpartition("/")[2] == "MLmodel" and not vendored(path):
            _mlmodel(bench, path)


def _root(bench: Bench, path: str) -> Node | None:
    root = next(documents(text(bench.sight, path, _LIMIT)), None)
    return root if root is not None and root.kind == "mapping" else None


def _scalar(root: Node | None, *path: str) -> str:
    node = root.get(*path) if root is not None else None
    found = node.text if node is not None and node.kind == "scalar" else ""
    return "" if found in {"null", "~", "None"} else found


def _run(bench: Bench, path: str, folder: str, files: list[str]) -> None:
    place = Place(path)
    made = bench.run("mlflow", posixpath.basename(folder), place)
    try:
        meta = _root(bench, path)
        from assaymark.bom.build.tooling.runs import moment

        for key, fact in (("start_time", "started"), ("end_time", "ended")):
            digits = _scalar(meta, key)
            made.say(
                fact,
                moment(int(digits) / 1000) if digits.isdigit() and len(digits) < 16 else "",
                Status.OBSERVED,
                place,
            )
        made.say("title", _scalar(meta, "run_name")[:200], Status.DECLARED, place)
        made.say("author", _scalar(meta, "user_id")[:200], Status.DECLARED, place)
        made.say("state", _STATES.get(_scalar(meta, "status"), ""), Status.OBSERVED, place)
    except AssayError as error:
        unread(bench.draft, made, "meta.yaml", error)
    _logged(bench, made, folder, files)
    for model in _models(bench, files):
        bench.generated(model, made, Status.OBSERVED, place)


def _logged(bench: Bench, made: Sketch, folder: str, files: list[str]) -> None:
    """Parameters, the last value of each metric, tags, and datasets with their digests."""
    parameters: dict[str, str] = {}
    metrics: list[dict[str, Any]] = []
    for path in files:
        kind, _, name = path.removeprefix(f"{folder}/").partition("/")
        if kind not in {"params", "metrics", "tags", "inputs"} or len(parameters) + len(metrics) > 2 * _MOST:
            continue
        place = Place(path)
        try:
            if kind == "params":
                value = text(bench.sight, path, _LIMIT).strip()[:500]
                shown = plain(name, value)
                if shown is not None:
                    parameters[name[:200]] = shown
            elif kind == "metrics":
                metrics += _last(name, bench.sight.tree.read(path, 16 << 20).decode("utf-8", "replace"))
            elif kind == "tags" and name in _TAGS:
                made.say(_TAGS[name], plain("", text(bench.sight, path, _LIMIT).strip()), Status.OBSERVED, place)
            elif kind == "inputs" and path.endswith("meta.yaml"):
                _input(bench, made, path)
        except AssayError as error:
            unread(bench.draft, made, f"{kind}/{name}"[:200], error)
    made.say("hyperparameters", parameters, Status.OBSERVED, Place(f"{folder}/params"))
    made.say("metrics", metrics, Status.OBSERVED, Place(f"{folder}/metrics"))


def _last(name: str, lines: str) -> Iterator[dict[str, Any]]:
    """`timestamp value step` a line; the last one counts."""
    words = lines.strip().rpartition("\n")[2].split()
    try:
        value = float(words[1])
    except (IndexError, ValueError):
        return
    if value == value and abs(value) != float("inf"):  # noqa: PLR0124 - not NaN
        yield {"type": name[:200], "value": int(value) if value.is_integer() and abs(value) < 1 << 53 else value}


def _input(bench: Bench, made: Sketch, path: str) -> None:
    """A dataset that the run logged: `mlruns/<experiment>/datasets/<id>/meta.yaml` has its digest, the input its id."""
    meta = _root(bench, path)
    source = _scalar(meta, "source_id")
    run_folder = posixpath.dirname(posixpath.dirname(posixpath.dirname(path)))
    listed = posixpath.join(posixpath.dirname(run_folder), "datasets", source, "meta.yaml")
    if not re.fullmatch(r"[0-9a-f]{32}", source) or listed not in bench.sight.tree.files:
        return
    described = _root(bench, listed)
    place = Place(listed)
    name = _scalar(described, "name") or source
    target = bench.dataset(name[:200], place)
    target.say("digest", _scalar(described, "digest")[:200], Status.DECLARED, place, note="of MLflow, over a sample")
    target.say("download", _address(_scalar(described, "source")), Status.DECLARED, place)
    bench.draft.relate(made, EdgeKind.HAS_INPUT, target, Status.OBSERVED, Place(path))


def _address(source: str) -> str:
    """MLflow keeps a source as JSON: `{"url": …}`, `{"path": …}`, `{"uri": …}`."""
    try:
        found = json.loads(source[:10_000])
    except (ValueError, RecursionError):
        return ""
    values = (found.get(key) for key in ("url", "uri", "path")) if isinstance(found, dict) else ()
    return next((plain("", value) or "" for value in values if isinstance(value, str)), "")


def _models(bench: Bench, files: list[str]) -> Iterator[str]:
    """Models among the artifacts of a run; where the whole folder is the run's artifact, the subject."""
    found = {bench.owner(path) for path in files if "/artifacts/" in path}
    yield from sorted(ref for ref in found if bench.is_model(ref) and (ref != bench.draft.subject or len(found) == 1))


def _mlmodel(bench: Bench, path: str) -> None:
    """What MLflow says of a model that it saved: flavours with the versions they were saved with, run, uuid."""
    place = Place(path)
    above = bench.owner(path)
    sketch = bench.draft.sketches.get(above)
    if sketch is None:
        return
    try:
        root = _root(bench, path)
    except AssayError as error:
        unread(bench.draft, sketch, "MLmodel", error)
        return
    flavors = root.get("flavors") if root is not None else None
    named = [name for name, _ in flavors.named()][:50] if flavors is not None else []
    sketch.say("mlflow_flavors", named, Status.DECLARED, place)
    sketch.say("mlflow_model_uuid", _scalar(root, "model_uuid")[:100], Status.DECLARED, place)
    tool = bench.draft.component(NodeKind.TOOL, f"tool:mlflow@{_scalar(root, 'mlflow_version') or 'unknown'}")
    tool.say("name", "mlflow", Status.DECLARED, place)
    tool.say("version", _scalar(root, "mlflow_version")[:50], Status.DECLARED, place)
    bench.draft.relate(above, EdgeKind.USES_TOOL, tool, Status.DECLARED, place)
    run = _scalar(root, "run_id")
    if re.fullmatch(r"[0-9a-f]{32}", run):
        made = bench.run("mlflow", run, place)
        bench.generated(above, made, Status.DECLARED, place)
        created = _scalar(root, "utc_time_created")[:30]
        sketch.say("released", f"{created.replace(' ', 'T')}Z" if created else "", Status.DECLARED, place)
