"""What `assay bom diff` sees, on documents made from the neutral classes."""

from dataclasses import replace

import pytest

from assaymark.bom.compare.diff import Diff, diff
from assaymark.bom.document import Bom, Component, Fact, Gap, Place, Relation, Status
from assaymark.core.finding import Severity
from assaymark.core.graph import EdgeKind, NodeKind

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


def part(ref: str, kind: NodeKind, status: Status = Status.DECLARED, **facts: object) -> Component:
    made = {name: Fact(value, status, (Place("config.json", f"/{name}"),)) for name, value in facts.items()}
    return Component(ref, kind, {"name": Fact(ref.rsplit("/", 1)[-1], Status.DECLARED), **made})


MODEL = part(
    "model:scorer", NodeKind.MODEL, Status.OBSERVED, version="1.0", sha256=A, architecture="BertForSequenceClassification",
    parameters=109_000_000, dtype="F32", license="apache-2.0", hyperparameters={"lr": 0.1},
)  # fmt: skip
BASE = part(
    "bert",
    NodeKind.MODEL,
    name="google/bert",
    purl="pkg:huggingface/google/bert@" + "1" * 40,
    revision="1" * 40,
    sha256=B,
)
TRAIN = part("imdb", NodeKind.DATA, version="2", sha256=C, license="cc-by-4.0")
NUMPY = part(
    "numpy", NodeKind.LIBRARY, version="2.1.0", purl="pkg:pypi/numpy@2.1.0", digests=[f"sha256:{A}", f"sha256:{B}"]
)
IMAGE = part("python", NodeKind.IMAGE, reference="python:3.12", sha256=A)
DRIVER = part("nvidia-driver", NodeKind.DRIVER, version="550.54", settings={"CUDA": "12.4"})
RUN = part("run-1", NodeKind.RUN, command="python train.py")
TOOL = part("mlflow", NodeKind.TOOL, version="3.1")
PARTS = (MODEL, BASE, TRAIN, NUMPY, IMAGE, DRIVER, RUN, TOOL)
EDGES = (
    Relation("model:scorer", EdgeKind.DESCENDANT_OF, "bert", "finetune"),
    Relation("model:scorer", EdgeKind.TRAINED_ON, "imdb"),
    Relation("model:scorer", EdgeKind.DEPENDS_ON, "numpy", "direct"),
    Relation("model:scorer", EdgeKind.RUNS_ON, "python"),
    Relation("model:scorer", EdgeKind.RUNS_ON, "nvidia-driver"),
    Relation("model:scorer", EdgeKind.GENERATED_BY, "run-1"),
    Relation("model:scorer", EdgeKind.USES_TOOL, "mlflow"),
)


def bom(*parts: Component, edges: tuple[Relation, ...] = EDGES, **rest: object) -> Bom:
    parts = parts or PARTS
    return Bom("model:scorer", tuple(sorted(parts, key=lambda c: c.ref)), tuple(sorted(edges, key=str)), **rest)  # type: ignore[arg-type]


OLD = bom()


def changed(component: Component, status: Status = Status.OBSERVED, **facts: object) -> Bom:
    """OLD with other facts of one component; None takes one away."""
    made = dict(component.facts)
    for name, value in facts.items():
        made[name] = Fact(value, status)
        if value is None:
            del made[name]
    return bom(*(replace(c, facts=made) if c is component else c for c in PARTS))


def seen(found: Diff) -> dict[str, str]:
    return {change.code: change.severity.word for change in found.changes}


def test_a_document_equals_itself() -> None:
    assert diff(OLD, OLD).changes == ()
    assert diff(OLD, OLD).same == len(PARTS)
    assert diff(OLD, OLD).worst is None


def test_refs_order_places_and_notes_say_nothing() -> None:
    renamed = {c.ref: f"urn:{number}" for number, c in enumerate(reversed(PARTS))}
    parts = tuple(
        replace(c, ref=renamed[c.ref], facts={n: replace(f, places=(), note="x") for n, f in reversed(c.facts.items())})
        for c in PARTS
    )
    edges = tuple(replace(e, source=renamed[e.source], target=renamed[e.target]) for e in EDGES)
    assert diff(OLD, Bom(renamed["model:scorer"], parts, edges)).changes == ()


@pytest.mark.parametrize(
    ("component", "facts", "code", "severity"),
    [
        (MODEL, {"sha256": B}, "weights-swapped", "critical"),
        (MODEL, {"sha256": B, "version": "1.1"}, "weights-changed", "high"),
        (MODEL, {"architecture": "LlamaForCausalLM"}, "architecture-changed", "high"),
        (MODEL, {"parameters": 7}, "parameters-changed", "high"),
        (MODEL, {"dtype": "BF16"}, "dtype-changed", "high"),
        (MODEL, {"quantization": {"bits": 4}}, "quantization-learnt", "high"),
        (MODEL, {"hyperparameters": {"lr": 0.2}}, "hyperparameters-changed", "medium"),
        (MODEL, {"license": "other"}, "license-changed", "medium"),
        (MODEL, {"license": None}, "license-lost", "low"),
        (MODEL, {"runs_code": True}, "runs-code-learnt", "critical"),
        (MODEL, {"sha256": None}, "model-digest-lost", "high"),
        (BASE, {"sha256": A, "revision": "2" * 40, "purl": "pkg:huggingface/google/bert@" + "2" * 40}, "weights-changed", "high"),
        (BASE, {"revision": "2" * 40}, "revision-changed", "high"),
        (TRAIN, {"sha256": B}, "data-swapped", "critical"),
        (TRAIN, {"sha256": B, "version": "3"}, "data-changed", "high"),
        (TRAIN, {"license": "proprietary"}, "license-changed", "medium"),
        (NUMPY, {"version": "2.2.0", "purl": "pkg:pypi/numpy@2.2.0"}, "library-upgraded", "low"),
        (NUMPY, {"version": "2.1.0rc1", "purl": "pkg:pypi/numpy@2.1.0rc1"}, "library-downgraded", "high"),
        (NUMPY, {"digests": [f"sha256:{C}"]}, "library-swapped", "critical"),
        (NUMPY, {"digests": [f"sha256:{A}", f"sha256:{C}"]}, "library-files-added", "medium"),
        (NUMPY, {"digests": None}, "library-digest-lost", "high"),
        (IMAGE, {"sha256": B}, "image-changed", "high"),
        (DRIVER, {"version": "560.1"}, "driver-version-changed", "medium"),
        (DRIVER, {"settings": {"CUDA": "12.6"}}, "settings-changed", "medium"),
        (RUN, {"command": "python other.py"}, "command-changed", "medium"),
        (TOOL, {"version": "3.2"}, "tool-version-changed", "medium"),
        (MODEL, {"supplier": "Mallory"}, "supplier-learnt", "info"),
    ],
)  # fmt: skip
def test_each_change_has_its_code_and_severity(
    component: Component, facts: dict[str, object], code: str, severity: str
) -> None:
    found = diff(OLD, changed(component, **facts))
    assert seen(found).get(code) == severity, seen(found)
    assert all(change.why for change in found.changes)


def test_a_change_shows_both_values_statuses_and_places() -> None:
    found = diff(OLD, changed(MODEL, Status.DECLARED, dtype="BF16")).changes
    assert [(c.code, c.old.value, c.old.status, c.new.value, c.new.status) for c in found] == [
        ("dtype-changed", "F32", "observed", "BF16", "declared")
    ]
    assert found[0].old.places == (Place("config.json", "/dtype"),)


def test_another_base_is_one_change_and_not_a_model_added() -> None:
    other = part("other", NodeKind.MODEL, name="mallory/bert", sha256=C)
    edges = (Relation("model:scorer", EdgeKind.DESCENDANT_OF, "other", "finetune"), *EDGES[1:])
    found = diff(OLD, bom(*(c for c in PARTS if c is not BASE), other, edges=edges))
    assert seen(found) == {"base-changed": "high"}
    assert "google/bert" in found.changes[0].old.value
    assert "mallory/bert" in found.changes[0].new.value


def test_a_dataset_that_comes_or_goes_is_told_by_what_it_is_for() -> None:
    without = bom(*(c for c in PARTS if c is not TRAIN), edges=tuple(e for e in EDGES if e.target != "imdb"))
    assert seen(diff(OLD, without)) == {"training-data-removed": "high"}
    assert seen(diff(without, OLD)) == {"training-data-added": "high"}


def test_training_on_the_test_data_is_said() -> None:
    test = Relation("model:scorer", EdgeKind.TESTED_ON, "imdb")
    old = bom(edges=(*(e for e in EDGES if e.target != "imdb"), test))
    found = diff(old, bom(edges=(*EDGES, test))).changes
    assert [(c.code, c.severity.word) for c in found] == [("training-data-added", "high")]
    assert "tested on" in found[0].why


def test_how_it_was_derived() -> None:
    edges = (replace(EDGES[0], how="quantized"), *EDGES[1:])
    assert seen(diff(OLD, bom(edges=edges))) == {"base-relation-changed": "high"}


def test_libraries_added_and_removed_are_told_once() -> None:
    torch = part("torch", NodeKind.LIBRARY, version="2.6", purl="pkg:pypi/torch@2.6")
    more = bom(*PARTS, torch, edges=(*EDGES, Relation("model:scorer", EdgeKind.DEPENDS_ON, "torch")))
    assert seen(diff(OLD, more)) == {"library-added": "medium"}
    assert seen(diff(more, OLD)) == {"library-removed": "low"}


def test_renamed_is_the_same_digest_with_another_name() -> None:
    old = bom(part("file:a.safetensors", NodeKind.FILE, path="a.safetensors", sha256=A), edges=())
    new = bom(part("file:b.safetensors", NodeKind.FILE, path="b.safetensors", sha256=A), edges=())
    found = diff(old, new).changes
    assert {c.code for c in found} == {"name-changed", "path-changed"}
    assert found[0].matched == "digest (sha256)"


def test_two_versions_of_a_library_are_not_mixed_up() -> None:
    one = part("n1", NodeKind.LIBRARY, name="numpy", version="1.26", purl="pkg:pypi/numpy@1.26")
    two = part("n2", NodeKind.LIBRARY, name="numpy", version="2.1", purl="pkg:pypi/numpy@2.1")
    found = diff(bom(one, two, edges=()), bom(replace(two, ref="x"), edges=()))
    assert seen(found) == {"library-removed": "low"}


def test_a_library_of_another_ecosystem_is_another_one() -> None:
    pypi = part("x1", NodeKind.LIBRARY, name="left", purl="pkg:pypi/left@1")
    npm = part("x1", NodeKind.LIBRARY, name="left", purl="pkg:npm/left@1")
    assert seen(diff(bom(pypi, edges=()), bom(npm, edges=()))) == {"library-added": "medium", "library-removed": "low"}


def test_md5_alone_does_not_make_two_files_one() -> None:
    one = part("file:a", NodeKind.FILE, path="a", md5="0" * 32)
    other = part("file:b", NodeKind.FILE, path="b", md5="0" * 32)
    assert {"file-added", "file-removed"} == set(seen(diff(bom(one, edges=()), bom(other, edges=()))))


def test_known_less_well_is_one_change_for_a_component() -> None:
    weaker = replace(MODEL, facts={n: replace(f, status=Status.DECLARED) for n, f in MODEL.facts.items()})
    found = diff(OLD, bom(*(weaker if c is MODEL else c for c in PARTS))).changes
    assert [(c.code, c.severity.word) for c in found] == [("known-less", "medium")]
    assert "observed before, declared now" in found[0].why
    assert [c.code for c in diff(bom(*(weaker if c is MODEL else c for c in PARTS)), OLD).changes] == ["known-better"]


def test_a_folder_that_changed_beside_its_weights() -> None:
    old = part("model:scorer", NodeKind.MODEL, version="1", manifest="assaymark-manifest:" + A)
    new = part("model:scorer", NodeKind.MODEL, version="1", manifest="assaymark-manifest:" + B)
    weights = part("file:w.safetensors", NodeKind.FILE, path="w.safetensors", sha256=C)
    edge = Relation("model:scorer", EdgeKind.CONTAINS, "file:w.safetensors")
    assert seen(diff(bom(old, weights, edges=(edge,)), bom(new, weights, edges=(edge,)))) == {
        "folder-changed": "medium"
    }
    assert seen(diff(bom(old, edges=()), bom(new, edges=()))) == {"weights-swapped": "critical"}


def test_code_that_comes_with_a_model() -> None:
    old, new = (part("file:m.py", NodeKind.FILE, path="m.py", sha256=digest) for digest in (A, B))
    assert seen(diff(bom(old, edges=()), bom(new, edges=()))) == {"code-changed": "high"}


def test_documents_about_different_things() -> None:
    other = replace(bom(), subject="imdb")
    assert seen(diff(OLD, other)) == {"subject-changed": "high"}
    assert seen(diff(OLD, replace(OLD, author="Mallory"))) == {"author-changed": "medium"}
    gap = Gap("imdb", "sha256", "no digest is stated")
    assert seen(diff(OLD, replace(OLD, gaps=(gap,)))) == {"gap-opened": "low"}


def test_many_components_with_one_digest_cost_little() -> None:
    parts = tuple(part(f"file:{n}", NodeKind.FILE, path=f"p{n}", sha256=A) for n in range(20_000))
    found = diff(Bom("", parts), Bom("", tuple(replace(c, ref=f"x{c.ref}") for c in parts)))
    assert {change.code for change in found.changes} <= {"name-changed"}


def test_the_report_is_sorted_and_stable() -> None:
    new = bom(part("model:scorer", NodeKind.MODEL, name="model:scorer", sha256=C, version="1.0"), edges=())
    found = diff(OLD, new)
    assert found.as_dict() == diff(OLD, new).as_dict()
    layers = [change.layer for change in found.changes]
    assert layers == sorted(
        layers, key=["model", "data", "library", "infrastructure", "tooling", "supplier", "document"].index
    )
    assert found.worst is Severity.CRITICAL
