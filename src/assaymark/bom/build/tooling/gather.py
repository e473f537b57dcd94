"""What a model was made with: scripts, pipelines, and the runs that trackers left on disk."""

import posixpath
import re

from assaymark.bom.build.draft import Draft, Sight, Sketch
from assaymark.bom.build.libraries_lay import json_of, vendored
from assaymark.bom.build.tooling import pipelines as tooling_pipelines
from assaymark.bom.build.tooling import runs as tooling_runs
from assaymark.bom.build.tooling.lay import Bench
from assaymark.bom.build.tooling.scripts import Named, Script, cells, read
from assaymark.bom.document import Place, Status
from assaymark.core.errors import AssayError
from assaymark.core.graph import EdgeKind, NodeKind
from assaymark.core.source.python import LIMIT

_MOST = 2_000
"""Scripts of one folder."""
_BYTES = 64 << 20
"""Of all scripts together."""
_TEST = re.compile(r"(?:^|/)tests?/|(?:^|/)(?:test_[^/]*|[^/]*_test|conftest|setup)\.py$")
"""Scripts that make no model."""
_NOTEBOOK = 16 << 20


def gather(sight: Sight, draft: Draft) -> None:
    """Lay scripts, pipelines and runs into the draft."""
    bench = Bench(sight, draft)
    scripts = _scripts(bench)
    training = [path for path, script in scripts.items() if script.role == "training"]
    for path, script in scripts.items():
        sight.budget.tick()
        _lay(bench, path, script, only=training == [path])
    tooling_pipelines.gather(bench)
    tooling_runs.gather(bench)


def _scripts(bench: Bench) -> dict[str, Script]:
    """Every script that makes a model, or reads data that has a name or is here, by path."""
    sight, draft = bench.sight, bench.draft
    found: dict[str, Script] = {}
    left = _BYTES
    paths = [
        p for p in sorted(sight.tree.files) if p.endswith((".py", ".ipynb")) and not vendored(p) and not _TEST.search(p)
    ]
    if len(paths) > _MOST:
        draft.gap(
            draft.subject, "scripts", f"{len(paths):,} scripts, {_MOST:,} of them were read", "build of fewer files"
        )
    for path in paths[:_MOST]:
        sight.budget.tick()
        size = sight.tree.files[path].size
        if size > (_NOTEBOOK if path.endswith(".ipynb") else LIMIT) or size > left:
            draft.gap(draft.subject, f"script {path}", f"{size:,} bytes: too long to be read", "")
            continue
        left -= size
        try:
            script = _read(sight, path)
        except AssayError as error:
            draft.gap(draft.subject, f"script {path}", error.message[:300], error.step)
            continue
        here = script.datasets or any(bench.has(place) for r in script.reads for place in _candidates(path, r.name))
        if script.role in {"training", "conversion"} or (script.role == "data" and here):
            found[path] = script
    return found


def _read(sight: Sight, path: str) -> Script:
    if not path.endswith(".ipynb"):
        return read(sight.tree.read(path, LIMIT))
    source = "\n".join(cells(json_of(sight, path, _NOTEBOOK)))
    return read(source)


def _lay(bench: Bench, path: str, script: Script, *, only: bool) -> None:
    draft = bench.draft
    made = draft.component(NodeKind.TOOL, f"tool:{path}")
    bench.file_facts(made, path)
    file = Place(path)
    above = bench.owner(path)
    made.say("role", script.role, Status.INFERRED, file)
    made.say("imports", script.imports, Status.OBSERVED, file)
    made.say("hyperparameters", script.hyperparameters, Status.OBSERVED, file)
    made.say("writes", [found.name for found in script.saves if found.name != "?"], Status.OBSERVED, file)
    maker = script.role in {"training", "conversion"}
    places = [Place(path, f"line {found.line}") for found in (*script.trains, *script.saves)][:5]
    if above:
        draft.relate(above, EdgeKind.USES_TOOL, made, Status.INFERRED, *(places or [file]))
    made_it = maker and (only or _saves_here(bench, path, script, above))
    trains = script.role == "training" and made_it and bench.is_model(above)
    for found in script.datasets:
        place = Place(path, f"line {found.line}")
        target = bench.dataset(found.name, place)
        _about(draft, target, found, place)
        draft.relate(made, EdgeKind.HAS_INPUT, target, Status.OBSERVED, place)
        if trains:
            draft.relate(above, _kind(found), target, Status.INFERRED, place)
    for found in script.reads:
        place = Place(path, f"line {found.line}")
        data = bench.data_file(_candidates(path, found.name), place)
        if data:
            draft.relate(made, EdgeKind.HAS_DATA_FILE, data, Status.OBSERVED, place)
            if trains:
                draft.relate(above, _kind(found), data, Status.INFERRED, place)
    for found in script.models:
        place = Place(path, f"line {found.line}")
        base = bench.model(found.name, _candidates(path, found.name), place)
        if base and base.ref != above:
            _about(draft, base, found, place)
            draft.relate(made, EdgeKind.HAS_INPUT, base, Status.OBSERVED, place)


def _about(draft: Draft, target: Sketch, found: Named, place: Place) -> None:
    """What the call says of what it loads; a full commit closes the gap of a version."""
    if re.fullmatch(r"[0-9a-f]{40}", found.revision):
        draft.gaps.pop((target.ref, "version"), None)
        target.say("version", found.revision, Status.INFERRED, place)
    target.say("revision", found.revision, Status.DECLARED, place)
    target.say("config", found.config, Status.DECLARED, place)


def _kind(found: Named) -> EdgeKind:
    """Trained on, or only tested on: the split or the file says so."""
    words = f"{found.split} {posixpath.basename(found.name)}".lower()
    training = "train" in words or not any(word in words for word in ("test", "valid", "eval", "dev"))
    return EdgeKind.TRAINED_ON if training else EdgeKind.TESTED_ON


def _candidates(path: str, name: str) -> list[str]:
    """Paths that a literal may mean: from the folder looked at, from the script's own, and from the one above it."""
    folder = posixpath.dirname(path)
    places = ("", folder, posixpath.dirname(folder))
    return list(dict.fromkeys(posixpath.normpath(posixpath.join(place, name)) for place in places))


def _saves_here(bench: Bench, path: str, script: Script, above: str) -> bool:
    """The script writes to where the model lies, or to a place of its name."""
    sight = bench.sight
    sketch = bench.draft.sketches.get(above)
    facts = sketch.facts if sketch is not None else {}
    folder = facts["path"].value if "path" in facts and isinstance(facts["path"].value, str) else ""
    name = facts["name"].value if "name" in facts and isinstance(facts["name"].value, str) else sight.name
    for found in script.saves:
        for place in _candidates(path, found.name):
            if place in sight.tree.files or posixpath.basename(place) in {sight.name, name.rpartition("/")[2]}:
                return True
            if folder and folder != "." and f"{folder}/".startswith(f"{place}/"):
                return True
    return False
