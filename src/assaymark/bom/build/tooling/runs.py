"""Runs that trackers left on disk: MLflow, Weights & Biases, the Hugging Face trainer, TensorBoard."""

import posixpath
import re
from collections.abc import Iterator
from typing import Any

from assaymark.bom.build.libraries_lay import loose_json, unread, vendored
from assaymark.bom.build.tooling import mlflow as tooling_mlflow
from assaymark.bom.build.tooling import wandb as tooling_wandb
from assaymark.bom.build.tooling.lay import Bench
from assaymark.bom.document import Place, Status
from assaymark.core.errors import AssayError
from assaymark.core.graph import EdgeKind

_STATE_LIMIT = 32 << 20
_MOST = 200
_EVENTS = re.compile(r"events\.out\.tfevents\.(\d{1,12})\.([^/]{1,200})")


def gather(bench: Bench) -> None:
    """Lay every run of the folder."""
    for look in (tooling_mlflow.gather, tooling_wandb.gather, _trainers, _tensorboard):
        look(bench)


def _trainers(bench: Bench) -> None:
    """`trainer_state.json` of the Hugging Face trainer; `training_args.bin` is a pickle, and only named."""
    for path in sorted(bench.sight.tree.files):
        base = path.rpartition("/")[2]
        if base not in {"trainer_state.json", "training_args.bin"} or vendored(path):
            continue
        folder = posixpath.dirname(path)
        place = Place(path)
        made = bench.run("trainer", folder or bench.sight.name, place)
        if base == "training_args.bin":
            made.say("arguments", path, Status.OBSERVED, place)
            made.say("arguments_sha256", bench.sight.sha256.get(path), Status.OBSERVED, place)
            why = f"{path} is a pickle: it is never loaded here"
            bench.draft.gap(made, "hyperparameters", why, "keep the arguments as JSON beside the model")
        else:
            try:
                _state(made.say, loose_json(bench.sight, path, _STATE_LIMIT), place)
            except AssayError as error:
                unread(bench.draft, made, "metrics", error)
        bench.generated(bench.owner(path), made, Status.INFERRED, place)


def _state(say: Any, state: dict[str, Any], place: Place) -> None:
    for key, fact in (
        ("global_step", "steps"),
        ("epoch", "epochs"),
        ("max_steps", "max_steps"),
        ("best_metric", "best_metric"),
    ):
        value = state.get(key)
        say(fact, value if isinstance(value, (int, float)) else None, Status.OBSERVED, place)
    for key in ("num_train_epochs", "train_batch_size", "total_flos", "num_input_tokens_seen"):
        value = state.get(key)
        say(key, value if isinstance(value, (int, float)) else None, Status.OBSERVED, place)
    best = state.get("best_model_checkpoint")
    say("best_checkpoint", best[:300] if isinstance(best, str) else None, Status.DECLARED, place)
    say("metrics", list(_last_metrics(state.get("log_history"))), Status.OBSERVED, place)


def _last_metrics(history: object) -> Iterator[dict[str, Any]]:
    """The last value of each metric that the trainer logged."""
    last: dict[str, float] = {}
    for row in (history if isinstance(history, list) else [])[-10_000:]:
        for name, value in row.items() if isinstance(row, dict) else ():
            if isinstance(value, (int, float)) and not isinstance(value, bool) and name not in {"step", "epoch"}:
                last[name[:100]] = value
    for name, value in sorted(last.items())[:_MOST]:
        yield {"type": name, "value": value}


def _tensorboard(bench: Bench) -> None:
    """Event files: that there are some, and when the first was begun. Their protocol buffers are not read."""
    folders: dict[str, list[tuple[int, str]]] = {}
    for path in sorted(bench.sight.tree.files):
        match = _EVENTS.fullmatch(path.rpartition("/")[2])
        if match and not vendored(path):
            folders.setdefault(posixpath.dirname(path), []).append((int(match[1]), path))
    for folder, files in sorted(folders.items())[:_MOST]:
        began, path = min(files)
        place = Place(path)
        made = bench.run("tensorboard", folder or bench.sight.name, place)
        made.say("files", len(files), Status.OBSERVED, Place(folder or "."))
        made.say("started", moment(began), Status.INFERRED, place)
        bench.draft.gap(made, "metrics", f"{len(files)} event files in {folder or '.'} are not read", "")
        above = bench.owner(path)
        if above:
            bench.draft.relate(above, EdgeKind.USES_TOOL, made, Status.INFERRED, place)


def moment(seconds: float) -> str:
    """Seconds since 1970 as RFC 3339; "" where that is no year that anybody trains in."""
    from datetime import UTC, datetime

    if not 0 < seconds < 4_102_444_800:
        return ""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
