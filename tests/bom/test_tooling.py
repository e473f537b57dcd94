"""Scripts, pipelines and runs of trackers as components of a BOM."""

import json
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.bom.build.draft import Draft
from assaymark.bom.build.tooling import gather as tooling
from assaymark.bom.build.tooling.scripts import read
from assaymark.bom.document import Status
from assaymark.core.graph import EdgeKind, NodeKind
from tests.bom.sights import built, edges, gaps, sight

COMMIT = "86b5e0934494bd15c9632b12f734a8a67f723594"
TRAIN = f"""
import argparse, pandas as pd
from dataclasses import dataclass, field
from pathlib import Path
from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments
BASE = "bert-base-uncased"
REV = "{COMMIT}"
DATA = Path("data")
@dataclass
class Args:
    eval_name: str = field(default="acme/eval")
p = argparse.ArgumentParser(); p.add_argument("--dataset-name", default="stanfordnlp/imdb"); args = p.parse_args()
tok = AutoTokenizer.from_pretrained("some/tokenizer")
model = AutoModelForSequenceClassification.from_pretrained(BASE, revision=REV)
ds = load_dataset(args.dataset_name, revision="{"e" * 40}", split="train")
ev = load_dataset(args.eval_name, split="test")
extra = pd.read_csv(DATA / "train.csv"); test = pd.read_csv("data/test.csv")
targs = TrainingArguments(output_dir="out", learning_rate=2e-5, hub_token="hf_{"a" * 34}")
Trainer(model=model, args=targs).train()
model.save_pretrained("out")
"""
FILES = {"train.py": TRAIN, "data/train.csv": "a,b\n1,2\n", "data/test.csv": "a,b\n3,4\n"}
RUN = "0123456789abcdef0123456789abcdef"
LOCK = """schema: '2.0'
stages:
  train:
    cmd: python train.py --token hunter2
    deps:
    - path: data/train.csv
      md5: 0123456789abcdef0123456789abcdef
      size: 8
    - path: train.py
      md5: 0123456789abcdef0123456789abcdee
    params:
      params.yaml:
        lr: 0.1
    outs:
    - path: model.safetensors
      md5: 0123456789abcdef0123456789abcded
"""


def test_the_one_training_script_says_what_the_model_was_trained_on() -> None:
    bom = built(FILES)
    script = bom.component("tool:train.py")
    assert (script.text("role"), script.kind) == ("training", NodeKind.TOOL)
    assert script.facts["sha256"].status is Status.OBSERVED
    assert script.value("hyperparameters") == {"output_dir": "out", "learning_rate": 2e-05}
    assert ("model:model", script.ref) in edges(bom, EdgeKind.USES_TOOL)
    trained = {target for source, target in edges(bom, EdgeKind.TRAINED_ON) if source == "model:model"}
    tested = {target for source, target in edges(bom, EdgeKind.TESTED_ON) if source == "model:model"}
    assert trained == {"data:stanfordnlp/imdb", "data:data/train.csv"}
    assert tested == {"data:acme/eval", "data:data/test.csv"}
    assert all(
        r.status is Status.INFERRED for r in bom.relations if r.kind in {EdgeKind.TRAINED_ON, EdgeKind.TESTED_ON}
    )
    assert {(script.ref, "data:data/train.csv"), (script.ref, "data:data/test.csv")} == edges(
        bom, EdgeKind.HAS_DATA_FILE
    )
    imdb, base = bom.component("data:stanfordnlp/imdb"), bom.component("model:bert-base-uncased")
    assert (imdb.text("revision"), base.text("revision")) == ("e" * 40, COMMIT)
    assert base.facts["revision"].places[0].at == "line 15"
    assert (script.ref, base.ref) in edges(bom, EdgeKind.HAS_INPUT)
    assert "model:some/tokenizer" not in bom.by_ref
    assert {(imdb.ref, "sha256"), (base.ref, "sha256"), ("data:acme/eval", "sha256")} == gaps(bom)
    assert "hf_aaaa" not in repr(bom)


def test_of_two_training_scripts_only_the_one_that_saves_the_model() -> None:
    other = (
        'import pandas as pd\nx = pd.read_csv("data/test.csv")\nmodel.fit(x)\nimport joblib\njoblib.dump(model, "{}")\n'
    )
    two = {**FILES, "other.py": other.format("elsewhere.pkl")}
    assert not edges(built(two), EdgeKind.TRAINED_ON)
    saved = {**two, "other.py": other.format("model.pkl"), "model.pkl": b"x"}
    assert edges(built(saved), EdgeKind.TESTED_ON) == {("model:model", "data:data/test.csv")}


def test_scripts_of_tests_make_no_model() -> None:
    assert edges(built({**FILES, "tests/test_x.py": "model.fit(1)\n"}), EdgeKind.TRAINED_ON)


def test_what_only_looks_like_training_is_none() -> None:
    text = "class Text:\n    def f(self):\n        self.fit(3)\n        place.open('rb')\n        open('/proc/self/statm')\n"
    assert {c.ref for c in built({"text.py": text, "a.py": "Policy.from_json('x')\n"}).components} == {"model:model"}


def test_known_components_are_used_again() -> None:
    seen, draft = sight(FILES), Draft()
    root = draft.component(NodeKind.MODEL, "model:.")
    draft.subject = root.ref
    draft.component(NodeKind.DATA, "pkg:huggingface/datasets/imdb").say("name", "stanfordnlp/imdb", Status.DECLARED)
    draft.component(NodeKind.MODEL, "pkg:huggingface/bert").say("repository", "bert-base-uncased", Status.DECLARED)
    draft.component(NodeKind.DATA, "data:data").say("path", "data", Status.OBSERVED)
    tooling.gather(seen, draft)
    assert {"data:stanfordnlp/imdb", "model:bert-base-uncased", "data:data/train.csv"}.isdisjoint(draft.sketches)
    assert ("model:.", EdgeKind.TRAINED_ON, "data:data") in draft.relations


def test_what_only_serves_is_no_tool_of_the_model() -> None:
    bom = built({"serve.py": 'from transformers import pipeline\npipeline("text-generation", model="acme/x")\n'})
    assert {c.ref for c in bom.components} == {"model:model"}


@pytest.mark.parametrize(
    ("source", "listed", "names"),
    [
        ('AutoModel.from_pretrained("a/b", revision="c")', "models", ["a/b"]),
        ('PeftModel.from_pretrained(model, "a/b")', "models", ["a/b"]),
        ('hf_hub_download(repo_id="a/b", filename="x", revision="main")', "models", ["a/b"]),
        ('snapshot_download("a/d", repo_type="dataset")', "datasets", ["a/d"]),
        ('torch.hub.load("pytorch/vision", "resnet50")', "models", ["pytorch/vision/resnet50"]),
        ('timm.create_model("resnet18", pretrained=True)', "models", ["resnet18"]),
        ('load_dataset("csv", data_files={"train": "a.csv", "test": ["b.csv"]})', "reads", ["a.csv", "b.csv"]),
        ('load_dataset("csv", data_files="a.csv")', "datasets", []),
        ('tfds.load("mnist")', "datasets", ["mnist"]),
        ('torchvision.datasets.CIFAR10("./d")', "datasets", ["torchvision:CIFAR10"]),
        ("sklearn.datasets.load_iris()", "datasets", ["sklearn:iris"]),
        ('fetch_openml("adult")', "datasets", ["openml:adult"]),
        ("keras.datasets.mnist.load_data()", "datasets", ["keras:mnist"]),
        ('np.load("x.npy")', "reads", ["x.npy"]),
        ('open("x.txt", "w")', "reads", []),
        ('save_file(t, "m.safetensors")', "saves", ["m.safetensors"]),
        ('torch.save(m.state_dict(), "m.pt")', "saves", ["m.pt"]),
        ('torch.onnx.export(m, x, "m.onnx")', "saves", ["m.onnx"]),
        ('pickle.dump(m, open("m.pkl", "wb"))', "saves", ["m.pkl"]),
        ('json.dump(m, open("m.json", "w"))', "saves", []),
        ('plt.save("x.png")', "saves", []),
    ],
)
def test_calls(source: str, listed: str, names: list[str]) -> None:
    assert [found.name for found in getattr(read(source), listed)] == names


def test_a_notebook_is_read_cell_by_cell() -> None:
    cells = [
        {"cell_type": "code", "source": ["!pip install x\n", "%matplotlib\n", "df = pd.read_csv('data/train.csv')\n"]},
        {"cell_type": "markdown", "source": "text"},
        {"cell_type": "code", "source": "clf.fit(df)\njoblib.dump(clf, 'm.pkl')"},
    ]
    bom = built({"train.ipynb": json.dumps({"cells": cells}), "data/train.csv": "a\n"})
    assert edges(bom, EdgeKind.TRAINED_ON) == {("model:model", "data:data/train.csv")}


def test_dvc_runs_by_digest() -> None:
    bom = built({**FILES, "dvc.lock": LOCK, "dvc.yaml": "stages:\n  train:\n    cmd: x\n"})
    run = bom.component("run:dvc/train")
    assert run.value("hyperparameters") == {"lr": "0.1"}
    assert (run.text("command"), run.facts["command"].places[0].at) == ("python train.py --token …", "line 4")
    assert {(run.ref, "data:data/train.csv"), (run.ref, "tool:train.py")} <= edges(bom, EdgeKind.HAS_INPUT)
    assert ("model:model", run.ref) in edges(bom, EdgeKind.GENERATED_BY)
    data = bom.component("data:data/train.csv")
    assert (data.text("md5"), data.facts["md5"].status) == ("0123456789abcdef0123456789abcdef", Status.DECLARED)
    assert "md5" not in bom.component("model:model").facts
    assert bom.component("tool:dvc.yaml").value("stages") == ["train"]


def test_workflows_that_run_a_script() -> None:
    workflow = "on: push\njobs:\n  t:\n    steps:\n    - run: python train.py\n"
    bom = built(
        {**FILES, ".github/workflows/train.yml": workflow, ".github/workflows/lint.yml": "on: push\njobs: {}\n"}
    )
    assert ("tool:.github/workflows/train.yml", "tool:train.py") in edges(bom, EdgeKind.USES_TOOL)
    assert "tool:.github/workflows/lint.yml" not in bom.by_ref


def mlflow() -> dict[str, bytes | str]:
    run = f"mlruns/1/{RUN}"
    meta = "start_time: 1767225600000\nend_time: 1767229200000\nrun_name: happy\nstatus: 3\nuser_id: ann\n"
    source = "ab" * 16
    return {
        f"{run}/meta.yaml": meta,
        f"{run}/params/lr": "3e-5",
        f"{run}/params/api_key": "abcdef",
        f"{run}/metrics/loss": "1 0.5 1\n2 0.25 2\n",
        f"{run}/metrics/bad": "1 nan 1\n",
        f"{run}/tags/mlflow.source.git.commit": COMMIT,
        f"{run}/tags/mlflow.source.git.repoURL": "https://ann:pw@github.com/acme/x",
        f"{run}/inputs/{'cd' * 16}/meta.yaml": f"source_id: {source}\nsource_type: DATASET\n",
        f"mlruns/1/datasets/{source}/meta.yaml": 'name: wine\ndigest: 11ab22\nsource: \'{"url": "https://x.org/wine.csv"}\'\n',
        "MLmodel": f"flavors:\n  sklearn: {{sklearn_version: 1.7}}\nmlflow_version: 3.1.0\nmodel_uuid: u1\nrun_id: {RUN}\n",
        "conda.yaml": "dependencies:\n- python=3.11.7\n- pip:\n  - scikit-learn==1.7.0\n",
    }


def test_mlflow_runs_and_models() -> None:
    bom = built(mlflow())
    run = bom.component(f"run:mlflow/{RUN}")
    assert (run.text("started"), run.text("ended")) == ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z")
    assert (run.text("title"), run.text("state"), run.text("revision")) == ("happy", "finished", COMMIT)
    assert run.value("hyperparameters") == {"lr": "3e-5"}
    assert run.value("metrics") == [{"type": "loss", "value": 0.25}]
    assert run.text("repository") == "https://github.com/acme/x"
    wine = bom.component("data:wine")
    assert (wine.text("digest"), wine.text("download")) == ("11ab22", "https://x.org/wine.csv")
    assert (run.ref, wine.ref) in edges(bom, EdgeKind.HAS_INPUT)
    assert ("model:model", run.ref) in edges(bom, EdgeKind.GENERATED_BY)
    model = bom.component("model:model")
    assert (model.value("mlflow_flavors"), model.text("mlflow_model_uuid")) == (["sklearn"], "u1")
    assert bom.component("pkg:pypi/scikit-learn@1.7.0")
    assert ("model:model", "tool:mlflow@3.1.0") in edges(bom, EdgeKind.USES_TOOL)


def test_real_mlflow_files(tmp_path: object) -> None:
    """What mlflow itself writes with a file store."""
    mlflow_client = pytest.importorskip("mlflow.store.tracking.file_store")
    import os

    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    try:
        store = mlflow_client.FileStore(f"{tmp_path}/mlruns")
    except Exception as error:  # noqa: BLE001 - newer versions have none
        pytest.skip(str(error)[:80])
    from mlflow.entities import Metric, Param

    run = store.create_run("0", "ann", 1767225600000, [], "happy")
    store.log_param(run.info.run_id, Param("lr", "0.1"))
    store.log_metric(run.info.run_id, Metric("loss", 0.5, 1767225600000, 1))
    contents: dict[str, bytes | str] = {}
    for folder, _, files in os.walk(str(tmp_path)):
        for name in files:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                contents[os.path.relpath(path, str(tmp_path))] = file.read()
    bom = built(contents)
    made = bom.component(f"run:mlflow/{run.info.run_id}")
    assert made.value("hyperparameters") == {"lr": "0.1"}
    assert made.value("metrics") == [{"type": "loss", "value": 0.5}]
    assert made.text("started") == "2026-01-01T00:00:00Z"


WANDB = "wandb/run-20260101_120000-abc123/files"
METADATA = {
    "os": "Linux-6.1", "python": "CPython 3.11.7", "gpu": "NVIDIA H100 80GB HBM3", "gpu_count": 8, "cudaVersion": "12.4",
    "gpu_nvidia": [{"name": "NVIDIA H100 80GB HBM3", "memoryTotal": "85520809984"}], "startedAt": "2026-01-01T12:00:00.123456Z",
    "git": {"commit": COMMIT, "remote": "https://ann:pw@github.com/acme/x"}, "program": "train.py", "args": ["--lr", "1"],
}  # fmt: skip


def test_wandb_runs() -> None:
    config = "_wandb:\n  value: {}\nlr:\n  desc: null\n  value: 0.1\ntoken:\n  value: abc\n"
    bom = built(
        {
            **FILES,
            f"{WANDB}/wandb-metadata.json": json.dumps(METADATA),
            f"{WANDB}/config.yaml": config,
            f"{WANDB}/wandb-summary.json": '{"loss": 0.1, "_runtime": 100}',
            f"{WANDB}/requirements.txt": "torch==2.6.0\n",
        }
    )
    run = bom.component("run:wandb/abc123")
    assert run.value("hyperparameters") == {"lr": "0.1"}
    assert run.text("started") == "2026-01-01T12:00:00Z"
    assert (run.text("command"), run.text("revision")) == ("train.py --lr 1", COMMIT)
    hosts = {target for source, target in edges(bom, EdgeKind.RUNS_ON) if source == run.ref}
    assert {"platform:cpython@3.11.7", "platform:cuda@12.4", "device:NVIDIA-H100-80GB-HBM3"} <= hosts
    device = bom.component("device:NVIDIA-H100-80GB-HBM3")
    assert (device.value("count"), device.value("memory")) == (8, 85520809984)
    assert (run.ref, "tool:train.py") in edges(bom, EdgeKind.USES_TOOL)
    assert (run.ref, f"environment:{WANDB}/requirements.txt") in edges(bom, EdgeKind.DEPENDS_ON)
    assert ("model:model", run.ref) in edges(bom, EdgeKind.GENERATED_BY)
    assert "ann:pw" not in repr(bom)


def test_numbers_that_json_has_not() -> None:
    state = '{"global_step": 5, "total_flos": 123456789012345678901, "log_history": [{"loss": NaN}, {"eval_loss": 1e999, "acc": 0.5}]}'
    bom = built({"trainer_state.json": state, f"{WANDB}/wandb-summary.json": '{"loss": Infinity, "acc": 1}'})
    assert bom.component("run:trainer/model").value("metrics") == [{"type": "acc", "value": 0.5}]
    assert bom.component("run:wandb/abc123").value("metrics") == [{"type": "acc", "value": 1}]


def test_the_trainer_and_tensorboard() -> None:
    state = {
        "global_step": 10,
        "epoch": 3.0,
        "log_history": [{"loss": 0.5, "step": 1}, {"eval_loss": 0.4, "loss": 0.3}],
    }
    bom = built(
        {
            "trainer_state.json": json.dumps(state),
            "training_args.bin": b"\x80\x02.",
            "runs/x/events.out.tfevents.1767225600.host.1.0": b"x",
        }
    )
    run = bom.component("run:trainer/model")
    assert (run.value("steps"), run.value("epochs")) == (10, 3.0)
    assert run.value("metrics") == [{"type": "eval_loss", "value": 0.4}, {"type": "loss", "value": 0.3}]
    assert (run.ref, "hyperparameters") in gaps(bom)
    assert bom.component("run:tensorboard/runs/x").text("started") == "2026-01-01T00:00:00Z"


SAMPLES: dict[str, bytes | str] = {
    "train.py": TRAIN, "dvc.lock": LOCK, f"{WANDB}/wandb-metadata.json": json.dumps(METADATA), **mlflow(),
    "trainer_state.json": '{"global_step": 1, "log_history": [{"loss": 1}]}',
}  # fmt: skip


@pytest.mark.parametrize(
    "bad", [b"", b"\xff\xfe\x00", b"[" * 100_000, b"a: &a [*a]\n", b"{}", b"- x\n", b"null", b"(" * 2000]
)
@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_broken_files_end_nothing(name: str, bad: bytes) -> None:
    built({**SAMPLES, name: bad})


@settings(max_examples=80, deadline=None)
@given(
    name=st.sampled_from(sorted(SAMPLES)), at=st.integers(0, 1_000), new=st.binary(max_size=12), cut=st.integers(0, 40)
)
def test_any_change_gives_a_bom(name: str, at: int, new: bytes, cut: int) -> None:
    given_data = SAMPLES[name]
    data = given_data.encode() if isinstance(given_data, str) else given_data
    built({name: data[:at] + new + data[at + cut :]})


def test_a_script_that_cannot_be_read_is_a_gap() -> None:
    bom = built({"train.py": "def f(:\n", "old.py": textwrap.dedent("print 'x'\n")})
    assert gaps(bom) == {("model:model", "script train.py"), ("model:model", "script old.py")}
