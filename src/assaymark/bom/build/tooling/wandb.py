"""Weights & Biases on disk: `wandb/run-<date>-<id>/files` with config.yaml, wandb-metadata.json and wandb-summary.json."""

import posixpath
import re
from typing import Any

from assaymark.bom.build.draft import Sketch
from assaymark.bom.build.environment_values import plain
from assaymark.bom.build.infra.lay import runtime
from assaymark.bom.build.libraries_lay import loose_json, text, unread
from assaymark.bom.build.tooling.lay import Bench
from assaymark.bom.document import Place, Status
from assaymark.core.errors import AssayError
from assaymark.core.graph import EdgeKind, NodeKind
from assaymark.core.source.yaml_tree import LIMIT, documents

_RUN = re.compile(r"(?:^|/)(?:offline-)?run-(\d{8})_(\d{6})-([A-Za-z0-9]{1,64})/files/")
_LIMIT = 4 << 20
_MOST = 300
_RUNS = 500


def gather(bench: Bench) -> None:
    """Lay every run."""
    runs: dict[str, re.Match[str]] = {}
    for path in sorted(bench.sight.tree.files):
        match = _RUN.search(path)
        if match and path.rpartition("/")[2] in {"config.yaml", "wandb-metadata.json", "wandb-summary.json"}:
            runs.setdefault(path[: match.end()].rstrip("/"), match)
    for folder, match in sorted(runs.items())[:_RUNS]:
        bench.sight.budget.tick()
        place = Place(folder)
        made = bench.run("wandb", match[3], place)
        day, time = match[1], match[2]
        made.say("started", f"{day[:4]}-{day[4:6]}-{day[6:]}T{time[:2]}:{time[2:4]}:{time[4:]}", Status.INFERRED, place)
        for base, look in (
            ("config.yaml", _config),
            ("wandb-metadata.json", _metadata),
            ("wandb-summary.json", _summary),
        ):
            path = posixpath.join(folder, base)
            if path in bench.sight.tree.files:
                try:
                    look(bench, made, path)
                except AssayError as error:
                    unread(bench.draft, made, base, error)
        _requirements(bench, made, folder)
        above = bench.owner(path)
        if bench.is_model(above):
            bench.generated(above, made, Status.INFERRED, place)


def _config(bench: Bench, made: Sketch, path: str) -> None:
    """`name: {value: …}`; what begins with `_wandb` is the tracker's own."""
    root = next(documents(text(bench.sight, path, LIMIT)), None)
    found: dict[str, str] = {}
    for name, entry in root.named() if root is not None else ():
        value = entry.get("value") if entry.kind == "mapping" else None
        if name.startswith("_") or value is None or value.kind != "scalar" or len(found) >= _MOST:
            continue
        shown = plain(name, value.text, 200)
        if shown is not None:
            found[name[:100]] = shown
    made.say("hyperparameters", found, Status.OBSERVED, Place(path))


def _metadata(bench: Bench, made: Sketch, path: str) -> None:
    """What the tracker saw of the machine: program, commit, Python, GPUs, CUDA."""
    found = loose_json(bench.sight, path, _LIMIT)
    place = Place(path)
    made.say("started", _rfc3339(found.get("startedAt")), Status.OBSERVED, place)
    program = [str(found.get("program") or ""), *(str(a) for a in _list(found.get("args"))[:100])]
    made.say("command", plain("", " ".join(part for part in program if part), 1_000), Status.OBSERVED, place)
    git = found.get("git")
    if isinstance(git, dict):
        made.say("revision", _text(git.get("commit")), Status.OBSERVED, place)
        made.say("repository", plain("", _text(git.get("remote"))), Status.OBSERVED, place)
    hosts: list[Sketch] = []
    version = re.search(r"\d+\.\d+(?:\.\d+)?", _text(found.get("python")))
    if version:
        hosts.append(runtime(bench.draft, "cpython", version[0], Status.OBSERVED, place, title="CPython"))
    cuda = _text(found.get("cudaVersion")) or _text(found.get("cuda"))
    if re.fullmatch(r"\d+\.\d+(?:\.\d+)?", cuda):
        hosts.append(runtime(bench.draft, "cuda", cuda, Status.OBSERVED, place))
    if _text(found.get("os")):
        system = bench.draft.component(NodeKind.PLATFORM, f"platform:{_text(found.get('os'))}")
        system.say("name", _text(found.get("os")), Status.OBSERVED, place)
        hosts.append(system)
    hosts += _devices(bench, found, place)
    for host in hosts:
        bench.draft.relate(made, EdgeKind.RUNS_ON, host, Status.OBSERVED, place, how="training")
    code = _text(found.get("codePath")) or _text(found.get("program"))
    for candidate in (code, posixpath.basename(code)):
        if candidate and f"tool:{candidate}" in bench.draft.sketches:
            bench.draft.relate(made, EdgeKind.USES_TOOL, f"tool:{candidate}", Status.OBSERVED, place)
            break


def _devices(bench: Bench, found: dict[str, Any], place: Place) -> list[Sketch]:
    """`gpu` and `gpu_count`; newer versions list each with its memory."""
    listed = _list(found.get("gpu_nvidia")) or _list(found.get("gpu_devices")) or _list(found.get("gpuNvidia"))
    made: list[Sketch] = []
    names = [_text(row.get("name")) for row in listed if isinstance(row, dict)] or [_text(found.get("gpu"))]
    memory = next((row.get("memoryTotal", row.get("memory_total")) for row in listed if isinstance(row, dict)), None)
    for name in sorted({name for name in names if name}):
        device = bench.draft.component(NodeKind.DEVICE, f"device:{name}")
        device.say("name", name, Status.OBSERVED, place)
        digits = str(memory) if memory is not None else ""
        device.say("memory", int(digits) if digits.isdigit() and len(digits) < 16 else None, Status.OBSERVED, place)
        count = found.get("gpu_count", found.get("gpuCount"))
        device.say("count", count if isinstance(count, int) and count > 0 else None, Status.OBSERVED, place)
        made.append(device)
    return made


def _summary(bench: Bench, made: Sketch, path: str) -> None:
    found = loose_json(bench.sight, path, _LIMIT)
    place = Place(path)
    metrics = [
        {"type": name[:100], "value": value}
        for name, value in sorted(found.items())
        if isinstance(value, (int, float)) and not isinstance(value, bool) and not name.startswith("_")
    ]
    made.say("metrics", metrics[:_MOST], Status.OBSERVED, place)
    runtime_seconds = found.get("_runtime")
    made.say("seconds", runtime_seconds if isinstance(runtime_seconds, (int, float)) else None, Status.OBSERVED, place)


def _requirements(bench: Bench, made: Sketch, folder: str) -> None:
    """`requirements.txt` is what was installed when the run began; libraries were laid from it already."""
    path = posixpath.join(folder, "requirements.txt")
    ref = f"environment:{path}"
    if ref in bench.draft.sketches:
        bench.draft.relate(made, EdgeKind.DEPENDS_ON, ref, Status.OBSERVED, Place(path))


def _rfc3339(value: object) -> str:
    moment = value if isinstance(value, str) else ""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?(Z|[+-]\d\d:\d\d)?", moment)
    return f"{match[1]}{match[2] or 'Z'}" if match else ""


def _text(value: object) -> str:
    return value[:500] if isinstance(value, str) else ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
