"""What a model runs on: images of Dockerfiles, compose files and manifests, OCI layouts, CUDA by image and wheel, snapshots."""

from collections.abc import Iterator

from assaymark.bom.build import environment_lay
from assaymark.bom.build.draft import Draft, Sight, Sketch
from assaymark.bom.build.environment_values import plain
from assaymark.bom.build.infra import oci as infra_oci
from assaymark.bom.build.infra.lay import image, image_runtimes, runtime, wheel_runtimes
from assaymark.bom.build.libraries_lay import owner, unread
from assaymark.bom.document import Place, Status
from assaymark.core.errors import AssayError
from assaymark.core.format import Context, Item
from assaymark.core.graph import EdgeKind, NodeKind
from assaymark.core.source.yaml_tree import LIMIT as YAML_LIMIT
from assaymark.core.source.yaml_tree import walk
from assaymark.infra import compose, dockerfile, kubernetes
from assaymark.infra.dockerfile import BaseImage, FinalStage
from assaymark.infra.image import ImageName
from assaymark.infra.kubernetes import objects, without_expressions
from assaymark.infra.packages import Unpinned
from assaymark.infra.script import EnvironmentPair
from assaymark.infra.workload import WorkloadImage

_READERS = {"dockerfile": dockerfile.parse, "compose": compose.parse, "kubernetes": kubernetes.parse}
SETTINGS = (
    "CUDA_", "CUBLAS_", "CUDNN_", "NCCL_", "NVIDIA_", "TORCH_", "PYTORCH_", "TF_", "XLA_", "JAX_", "OMP_", "MKL_", "OPENBLAS_",
    "HF_", "TRANSFORMERS_", "TOKENIZERS_", "PYTHONHASHSEED", "ROCR_", "HIP_", "HSA_", "VLLM_", "NUMEXPR_", "KMP_",
)  # fmt: skip
"""Beginnings of the variables that decide how, and how exactly, a model computes."""
_MOST = 200
"""Settings of one file."""


def gather(sight: Sight, draft: Draft) -> None:
    """Lay what the model runs on into the draft."""
    for path in sorted(sight.tree.files):
        sight.budget.tick()
        kinds = [kind for kind in _READERS if kind in sight.tree.files[path].formats]
        if kinds:
            file = _file(sight, draft, path, kinds[0])
            try:
                with sight.tree.open(path) as blob:
                    context = Context(sight.budget, path.rpartition("/")[2])
                    _views(draft, file, path, _READERS[kinds[0]](blob, context))
                if kinds[0] != "dockerfile":
                    _devices(sight, draft, path)
            except AssayError as error:
                unread(draft, file, "images", error)
    infra_oci.gather(sight, draft)
    environment_lay.gather(sight, draft)
    _runtimes(draft)


def _file(sight: Sight, draft: Draft, path: str, kind: str) -> Sketch:
    made = draft.component(NodeKind.FILE, f"file:{path}")
    place = Place(path)
    made.say("name", path, Status.OBSERVED, place)
    made.say("path", path, Status.OBSERVED, place)
    made.say("format", kind, Status.OBSERVED, place)
    made.say("sha256", sight.sha256.get(path), Status.OBSERVED, place)
    above = owner(draft, path)
    if above:
        draft.relate(above, EdgeKind.USES_TOOL, made, Status.INFERRED, place)
    return made


def _views(draft: Draft, file: Sketch, path: str, views: Iterator[Item]) -> None:
    above = owner(draft, path)
    settings: dict[str, str] = {}
    built: list[BaseImage] = []
    for view in views:
        if isinstance(view, BaseImage):
            built.append(view)
        elif isinstance(view, FinalStage):
            _stages(draft, file, above, path, built, view)
        elif isinstance(view, WorkloadImage):
            place = Place(path, f"line {view.line}")
            made = image(draft, view.image, view.written, Status.DECLARED, place)
            _runs_on(draft, above or file.ref, made, view.image, place)
        elif isinstance(view, EnvironmentPair) and view.name.upper().startswith(SETTINGS) and len(settings) < _MOST:
            shown = plain(view.name, view.value, 300)
            if shown is not None:
                settings[view.name[:100]] = shown
        elif isinstance(view, Unpinned):
            why = f"{path}, line {view.line} installs {', '.join(view.names[:10])} by name"
            draft.gap(
                file, "libraries", why[:500], "install from a lock: uv sync --locked, pip install --require-hashes -r"
            )
    file.say("settings", settings, Status.DECLARED, Place(path))


def _stages(draft: Draft, file: Sketch, above: str, path: str, built: list[BaseImage], final: FinalStage) -> None:
    """The final stage is what runs; the images of other stages, and those that files are taken from, are tools."""
    last = max((at for at, view in enumerate(built) if view.role == "FROM" and view.image == final.base), default=-1)
    for at, view in enumerate(built):
        place = Place(path, f"line {view.line}")
        made = image(draft, view.image, view.written, Status.DECLARED, place)
        made.say("stage", "final" if at == last else view.role, Status.OBSERVED, place)
        if at == last:
            _runs_on(draft, above or file.ref, made, view.image, place)
        else:
            draft.relate(file, EdgeKind.USES_TOOL, made, Status.DECLARED, place)


def _runs_on(draft: Draft, above: str, made: Sketch, name: ImageName, place: Place) -> None:
    draft.relate(above, EdgeKind.RUNS_ON, made, Status.DECLARED, place)
    for kind, version in image_runtimes(name).items():
        host = runtime(draft, kind, version, Status.INFERRED, place)
        draft.relate(above, EdgeKind.RUNS_ON, host, Status.INFERRED, place)
        draft.relate(made, EdgeKind.CONTAINS, host, Status.INFERRED, place)


def _devices(sight: Sight, draft: Draft, path: str) -> None:
    """Accelerators that a manifest asks for: `nvidia.com/gpu: 2`, a node's `…/gpu.product`, compose's device drivers."""
    if sight.tree.files[path].size > YAML_LIMIT:
        return
    from assaymark.bom.build.libraries_lay import text
    from assaymark.core.source.yaml_tree import documents

    source = text(sight, path, YAML_LIMIT)
    compose_file = "compose" in sight.tree.files[path].formats
    roots = documents(source) if compose_file else objects(without_expressions(source) if "{{" in source else source)
    wanted: dict[str, tuple[str, str, int]] = {}
    for root in roots:
        for node, key in walk(root):
            name = key.text if key is not None and key.kind == "scalar" else ""
            if node.kind == "scalar" and name.endswith((".com/gpu", ".com/gpu.product", "/tpu", "/neuron")):
                wanted.setdefault(f"{name}={node.text[:60]}", (name[:100], node.text[:60], node.line))
            elif compose_file and name == "devices" and node.kind == "sequence":
                for item in node.items[:50]:
                    driver = item.get("driver") if item.kind == "mapping" else None
                    if driver is not None and driver.kind == "scalar":
                        wanted.setdefault(driver.text[:60], (driver.text[:60], "", driver.line))
    for ref, (name, value, line) in sorted(wanted.items())[:50]:
        place = Place(path, f"line {line}")
        made = draft.component(NodeKind.DEVICE, f"device:{ref}")
        product = name.endswith("gpu.product")
        made.say("name", value if product else name, Status.DECLARED, place)
        made.say("vendor", name.partition(".")[0] if "." in name else name, Status.INFERRED, place)
        made.say("count", int(value) if value.isdigit() and len(value) < 6 else None, Status.DECLARED, place)
        draft.relate(owner(draft, path) or f"file:{path}", EdgeKind.RUNS_ON, made, Status.DECLARED, place)


def _runtimes(draft: Draft) -> None:
    """CUDA, cuDNN and NCCL as far as installed or locked packages bring them."""
    for sketch in [s for s in draft.sketches.values() if s.kind is NodeKind.LIBRARY]:
        facts = sketch.facts
        name, version = (facts[key].value if key in facts else "" for key in ("name", "version"))
        if not isinstance(name, str) or not isinstance(version, str):
            continue
        for kind, number in wheel_runtimes(name, version).items():
            place = facts["version"].places[0] if facts["version"].places else Place("")
            made = runtime(draft, kind, number, Status.INFERRED, place)
            draft.relate(sketch, EdgeKind.CONTAINS, made, Status.INFERRED, place)
            if draft.subject:
                draft.relate(draft.subject, EdgeKind.RUNS_ON, made, Status.INFERRED, place)
