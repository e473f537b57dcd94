"""BOMs of any content, for the property tests of readers and writers, and one that looks like a real one."""

from hypothesis import strategies as st

from assaymark.bom.document import HASHES, Bom, Component, Fact, Gap, Place, Relation, Status
from assaymark.bom.words import FACTS
from assaymark.core.graph import EdgeKind, NodeKind

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
WORD = st.text("abcdefgh-/:", min_size=1, max_size=8)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(TEXT, below, max_size=3),
    max_leaves=6,
)
PLACES = st.lists(st.builds(Place, TEXT, TEXT), max_size=2).map(tuple)
VALUES = JSON | st.sampled_from(
    ["MIT", "MIT OR Apache-2.0", "llama3", "https://example.org/x", "pkg:pypi/a@1", "a" * 64, "supervised"]
)
FACT = st.builds(Fact, VALUES, st.sampled_from(Status), PLACES, TEXT).map(
    lambda fact: Fact(None, fact.status, fact.places, fact.note) if fact.status is Status.UNKNOWN else fact
)
NAMES = st.sampled_from([*FACTS, *HASHES]) | WORD


@st.composite
def boms(draw: st.DrawFn) -> Bom:
    """Any BOM that a builder may make."""
    refs = sorted(draw(st.sets(WORD, min_size=1, max_size=5)))
    components = tuple(
        Component(
            ref, draw(st.sampled_from(NodeKind)), dict(sorted(draw(st.dictionaries(NAMES, FACT, max_size=5)).items()))
        )
        for ref in refs
    )
    ends = st.sampled_from(refs)
    made = draw(
        st.lists(
            st.builds(Relation, ends, st.sampled_from(EdgeKind), ends, TEXT, st.sampled_from(Status), PLACES),
            max_size=8,
        )
    )
    relations = {(one.source, one.kind, one.target): one for one in made if one.source != one.target}
    plain = draw(st.lists(st.builds(Relation, ends, st.sampled_from(EdgeKind), ends), max_size=8))
    relations |= {(one.source, one.kind, one.target): one for one in plain if one.source != one.target}
    gaps = {
        (gap.ref, gap.what): gap for gap in draw(st.lists(st.builds(Gap, ends | WORD, WORD, TEXT, TEXT), max_size=3))
    }
    return Bom(
        draw(ends),
        components,
        tuple(relations[key] for key in sorted(relations)),
        tuple(gaps[key] for key in sorted(gaps)),
        draw(st.sampled_from(["", "2026-01-02T03:04:05Z", "yesterday"])),
        draw(TEXT),
        tuple(draw(st.lists(st.tuples(TEXT, TEXT), max_size=2))),
    )


def model_bom() -> Bom:
    """A fine-tune with its base, data, libraries, image, device, tools, a run, a party and a deployment."""
    card, head = Place("README.md", "line 3"), Place("model.safetensors", "header")
    declared = lambda value, *places: Fact(value, Status.DECLARED, places or (card,))  # noqa: E731
    observed = lambda value, *places: Fact(value, Status.OBSERVED, places or (head,))  # noqa: E731
    model = Component(
        "model:tuned",
        NodeKind.MODEL,
        {
            "approach": declared("supervised"),
            "architecture": Fact(
                "BertForSequenceClassification", Status.DECLARED, (Place("config.json", "/architectures/0"),)
            ),
            "dtype": observed("F32"),
            "family": declared("bert"),
            "inputs": observed([{"name": "input_ids", "dtype": "I64", "shape": [1, 512]}]),
            "license": declared("Apache-2.0"),
            "limitations": declared("English only."),
            "metrics": declared([{"type": "accuracy", "value": 0.93, "dataset": "imdb", "slice": "test"}]),
            "name": declared("sentiment"),
            "parameters": Fact(109_483_778, Status.VERIFIED, (card, head)),
            "repository": declared("https://huggingface.co/acme/sentiment"),
            "revision": Fact(None, Status.UNKNOWN, (), "no commit is recorded"),
            "sha256": observed("1" * 64),
            "supplier": declared("Acme"),
            "tags": declared(["text-classification", "en"]),
            "task": declared("text-classification"),
            "version": declared("1.2.0"),
        },
    )
    others = [
        Component("data:imdb", NodeKind.DATA, {"name": declared("imdb"), "sha256": observed("2" * 64)}),
        Component("deployment:eu", NodeKind.DEPLOYMENT, {"name": declared("eu-1"), "stage": declared("production")}),
        Component("device:h100", NodeKind.DEVICE, {"name": observed("H100"), "memory": observed(85899345920)}),
        Component("driver:nvidia", NodeKind.DRIVER, {"name": observed("nvidia"), "version": observed("570.1")}),
        Component("environment:lock", NodeKind.ENVIRONMENT, {"name": declared("uv.lock"), "sha256": observed("3" * 64)}),
        Component("file:model.safetensors", NodeKind.FILE, {"name": observed("model.safetensors"), "sha256": observed("1" * 64)}),
        Component("image:cuda", NodeKind.IMAGE, {"name": declared("nvidia/cuda"), "sha256": declared("4" * 64)}),
        Component("model:bert", NodeKind.MODEL, {"name": declared("bert-base-uncased"), "purl": Fact("pkg:huggingface/google-bert/bert-base-uncased@86b5e09", Status.DECLARED, (card,))}),
        model,
        Component("party:acme", NodeKind.PARTY, {"name": declared("Acme")}),
        Component("pkg:pypi/numpy@2.2.0", NodeKind.LIBRARY, {"name": declared("numpy"), "version": declared("2.2.0"), "purl": declared("pkg:pypi/numpy@2.2.0"), "license": declared("BSD-3-Clause AND 0BSD"), "digests": declared(["sha256:" + "5" * 64])}),
        Component("platform:linux", NodeKind.PLATFORM, {"name": observed("linux")}),
        Component("run:7", NodeKind.RUN, {"name": declared("train"), "command": declared("python train.py --lr 2e-5"), "started": declared("2026-01-01T00:00:00Z")}),
        Component("tool:trl", NodeKind.TOOL, {"name": declared("trl"), "version": declared("0.12"), "command": declared("trl sft")}),
    ]  # fmt: skip
    relations = [
        Relation("deployment:eu", EdgeKind.DEPLOYED_AS, "model:tuned"),
        Relation("environment:lock", EdgeKind.CONTAINS, "pkg:pypi/numpy@2.2.0", "direct"),
        Relation("model:tuned", EdgeKind.CONTAINS, "file:model.safetensors", "", Status.OBSERVED),
        Relation("model:tuned", EdgeKind.DEPENDS_ON, "environment:lock"),
        Relation("model:tuned", EdgeKind.DESCENDANT_OF, "model:bert", "finetune", Status.DECLARED, (card,)),
        Relation("model:tuned", EdgeKind.GENERATED_BY, "run:7"),
        Relation("model:tuned", EdgeKind.HAS_DATA_FILE, "data:imdb"),
        Relation("model:tuned", EdgeKind.RUNS_ON, "image:cuda", "training"),
        Relation("model:tuned", EdgeKind.SUPPLIED_BY, "party:acme"),
        Relation("model:tuned", EdgeKind.TESTED_ON, "data:imdb"),
        Relation("model:tuned", EdgeKind.TRAINED_ON, "data:imdb", "", Status.INFERRED, (Place("train.py", "line 9"),)),
        Relation("model:tuned", EdgeKind.USES_TOOL, "tool:trl"),
        Relation("run:7", EdgeKind.HAS_INPUT, "data:imdb"),
        Relation("run:7", EdgeKind.RUNS_ON, "device:h100", "training", Status.OBSERVED),
    ]
    gaps = (
        Gap("data:imdb", "license", "nothing says under what licence it is", "write license: into its card"),
        Gap("model:tuned", "revision", "no commit is recorded", "build inside of the repository"),
    )
    ordered = sorted(relations, key=lambda one: (one.source, one.kind, one.target))
    return Bom(
        "model:tuned",
        tuple(sorted(others, key=lambda one: one.ref)),
        tuple(ordered),
        gaps,
        "",
        "Acme ML",
        (("assaymark", "0.1.0"),),
    )
