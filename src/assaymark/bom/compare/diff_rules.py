"""What a change of each fact and relation means: how bad it is when it comes unasked, and why it matters.

Severities are those of an unreviewed change: high is what should not pass a pipeline without somebody who looked.
"""

from collections.abc import Mapping

from assaymark.core.finding import Severity
from assaymark.core.graph import EdgeKind, NodeKind

INFO, LOW, MEDIUM, HIGH, CRITICAL = Severity

LAYERS = ("model", "data", "library", "infrastructure", "tooling", "supplier", "document")
LAYER: Mapping[NodeKind, str] = {
    NodeKind.MODEL: "model",
    NodeKind.FILE: "model",
    NodeKind.DATA: "data",
    NodeKind.LIBRARY: "library",
    NodeKind.ENVIRONMENT: "library",
    NodeKind.IMAGE: "infrastructure",
    NodeKind.PLATFORM: "infrastructure",
    NodeKind.DEVICE: "infrastructure",
    NodeKind.DRIVER: "infrastructure",
    NodeKind.DEPLOYMENT: "infrastructure",
    NodeKind.TOOL: "tooling",
    NodeKind.RUN: "tooling",
    NodeKind.PARTY: "supplier",
}

FACTS: Mapping[str, tuple[Severity, str]] = {
    "architecture": (HIGH, "another class is built from these weights, and other code runs"),
    "family": (HIGH, "it is another kind of network, with other weaknesses and advisories"),
    "parameters": (HIGH, "another number of parameters is another model"),
    "tensors": (HIGH, "tensors were added or taken away"),
    "layers": (HIGH, "the network has another depth, so it is another model"),
    "hidden_size": (HIGH, "the network has another width, so it is another model"),
    "heads": (HIGH, "the attention is laid out in another way, so it is another model"),
    "vocabulary_size": (HIGH, "token numbers may mean other words; added tokens are a way to plant a trigger"),
    "dtype": (HIGH, "weights in another precision give other answers; evaluations no longer hold"),
    "dtypes": (MEDIUM, "some weights are kept in another precision"),
    "quantization": (HIGH, "quantised weights give other answers; a backdoor may live in the rounding alone"),
    "format": (MEDIUM, "another serialisation is read by other code"),
    "context_length": (MEDIUM, "it takes longer or shorter inputs than it was evaluated with"),
    "hyperparameters": (MEDIUM, "it was trained in another way than the one that was reviewed"),
    "task": (MEDIUM, "it is offered for another use than the one that was approved"),
    "inputs": (MEDIUM, "callers have to send something else"),
    "outputs": (MEDIUM, "callers get something else"),
    "framework": (LOW, "another library reads it"),
    "metrics": (LOW, "what it is said to reach has changed"),
    "runs_code": (CRITICAL, "loading it runs code that comes with it"),
    "license": (MEDIUM, "what may be done with it has changed"),
    "supplier": (HIGH, "somebody else supplies it: a takeover looks like this"),
    "author": (MEDIUM, "somebody else is named as its maker"),
    "vendor": (MEDIUM, "it is made by somebody else"),
    "repository": (HIGH, "it comes from another repository"),
    "download": (MEDIUM, "it is fetched from another place"),
    "index": (HIGH, "it comes from another package index: dependency confusion looks like this"),
    "revision": (HIGH, "another commit was taken"),
    "reference": (MEDIUM, "another image is asked for"),
    "personal_data": (HIGH, "whether persons can be recognised in it decides what may be done with it"),
    "rows": (HIGH, "rows were added or taken away"),
    "columns": (HIGH, "the data has other columns"),
    "splits": (HIGH, "rows may have moved between training and test"),
    "settings": (MEDIUM, "the accelerator or the environment is set in another way, which can change results"),
    "memory": (LOW, "the device has more or less memory"),
    "command": (MEDIUM, "another command was run"),
    "marker": (LOW, "it is installed under other conditions"),
    "direct": (LOW, "whether the project names it itself has changed"),
    "name": (LOW, "it has another name and is the same thing"),
    "path": (LOW, "it lies elsewhere"),
    "size": (LOW, "the number of bytes has changed"),
    "files": (LOW, "files were added or taken away"),
}  # fmt: skip
OTHER = (LOW, "what is said of it has changed")
QUIET = frozenset(
    {
        "description",
        "homepage",
        "released",
        "tags",
        "languages",
        "intended_use",
        "limitations",
        "training",
        "evaluation",
    }
    | {"environmental", "safety", "collection", "started", "ended", "groups", "author"}
)
"""Prose and dates: a change of them is news, and rarely more."""
SETS = frozenset({"tags", "languages", "modalities", "groups", "digests"})
"""Lists in which the order says nothing."""
WITHOUT_IS_A_VALUE = frozenset({"quantization", "index", "runs_code"})
"""Facts whose absence says something: not quantised, the usual index, no code of its own."""

WEIGHTS = (
    *(".safetensors", ".gguf", ".onnx", ".pt", ".pth", ".bin", ".h5", ".keras", ".pkl", ".joblib", ".npz", ".ckpt"),
    *(".tflite", ".pb", ".mlmodel", ".engine"),
)
"""How the names of files end that hold weights."""
CODE = (".py", ".so", ".dll", ".dylib", ".js", ".sh")
"""How the names of files end that are run."""

DIGEST: Mapping[str, str] = {
    "model": "these are other weights than the ones that were scanned, evaluated and approved",
    "data": "it is other data than the data that was reviewed",
    "library": "other bytes would be installed",
    "infrastructure": "another image would run",
    "tooling": "other bytes are in it",
    "supplier": "other bytes are in it",
}
SWAPPED = "the bytes changed and the version did not: nobody released this, it was exchanged"

RELATIONS: Mapping[EdgeKind, tuple[Severity, str, str]] = {
    EdgeKind.DESCENDANT_OF: (HIGH, "base", "weaknesses, licences and backdoors of a base come with it"),
    EdgeKind.TRAINED_ON: (HIGH, "training-data", "what a model was fitted to decides what it does"),
    EdgeKind.TESTED_ON: (MEDIUM, "test-data", "its figures were measured on other data"),
    EdgeKind.SUPPLIED_BY: (HIGH, "supplier", "somebody else supplies it: a takeover looks like this"),
    EdgeKind.RUNS_ON: (MEDIUM, "host", "it runs or was trained on something else"),
    EdgeKind.USES_TOOL: (MEDIUM, "tool", "other software had a hand in it"),
    EdgeKind.GENERATED_BY: (MEDIUM, "run", "another run made it"),
    EdgeKind.HAS_INPUT: (MEDIUM, "input", "the run read something else"),
    EdgeKind.HAS_DATA_FILE: (MEDIUM, "data-file", "it reads other data when it runs"),
    EdgeKind.DEPENDS_ON: (LOW, "dependency", "it needs other software to run"),
    EdgeKind.CONTAINS: (LOW, "part", "it is made of other parts"),
    EdgeKind.DEPLOYED_AS: (LOW, "deployment", "it is served elsewhere"),
    EdgeKind.NAMES: (LOW, "mention", "it names other things"),
}
TELLING = frozenset(RELATIONS) - {EdgeKind.DEPENDS_ON, EdgeKind.CONTAINS, EdgeKind.DEPLOYED_AS, EdgeKind.NAMES}
"""Relations whose coming and going says more than that of the component at their end."""

ADDED: Mapping[NodeKind, Severity] = {
    NodeKind.LIBRARY: MEDIUM,
    NodeKind.MODEL: HIGH,
    NodeKind.DATA: MEDIUM,
    NodeKind.IMAGE: MEDIUM,
    NodeKind.FILE: LOW,
}
WHY_ADDED: Mapping[str, str] = {
    "model": "bytes that nobody reviewed are part of it",
    "data": "data that nobody reviewed is part of it",
    "library": "code that nobody reviewed is installed with it",
    "infrastructure": "it runs on something new",
    "tooling": "software or a run that was not there before had a hand in it",
    "supplier": "somebody new is named",
}
