"""TorchServe, torch.package, llamafile and NeMo archives: MDL134 to MDL139."""

import io
import json
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ids, look_at, look_at_folder, severe

REAL = Path(__file__).parent / "real" / "torch"
MANIFEST = "MAR-INF/MANIFEST.json"


def zipped(members: dict[str, bytes | str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, data in members.items():
            packed.writestr(name, data)
    return out.getvalue()


def tarred(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as packed:
        for name, data in members.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(data)
            packed.addfile(info, io.BytesIO(data))
    return out.getvalue()


def manifest(handler: str, **model: str) -> str:
    """As model-archiver 0.12 writes it."""
    return json.dumps(
        {
            "createdOn": "24/11/2026 14:00:00",
            "runtime": "python",
            "model": {
                "modelName": "m",
                "serializedFile": "model.pt",
                "handler": handler,
                "modelVersion": "1.0",
                **model,
            },
            "archiverVersion": "0.12.0",
        }
    )


@pytest.mark.parametrize("name", ["default.mar", "numbers.package", "plain.nemo", "packed.nemo"])
def test_mdl136_good_real_archives_without_code_are_allowed(name: str) -> None:
    """A default handler; a package that holds numbers alone; NeMo archives with honest targets."""
    assert look_at((REAL / name).read_bytes(), name).findings == ()


def test_mdl136_bad_a_handler_of_its_own() -> None:
    report = look_at((REAL / "own.mar").read_bytes(), "own.mar")
    assert ids(report) == {"MDL136"}
    assert severe(report)


def test_mdl134_bad_a_handler_that_acts_on_import() -> None:
    """TorchServe imports it when the model is registered; importing it by hand writes the marker."""
    assert ids(look_at((REAL / "evil_served.mar").read_bytes(), "m.mar")) == {"MDL134", "MDL136"}


def test_mdl134_bad_in_a_compressed_tar_and_an_unpacked_folder() -> None:
    members = {MANIFEST: manifest("h.py").encode(), "h.py": b"import os\nos.system('id')\n"}
    assert "MDL134" in ids(look_at(tarred(members), "m.tar.gz"))
    reports = look_at_folder({f"model/{name}": data for name, data in members.items()})
    assert "MDL134" in ids(reports["model/h.py"])


def test_mdl134_bad_a_package_that_acts_on_import() -> None:
    """Proved: torch 2.13 `PackageImporter(file).import_module("thing")` writes the marker."""
    report = look_at((REAL / "evil_package.pt").read_bytes(), "package.pt")
    assert ids(report) == {"MDL134", "MDL136"}
    assert any(f.where.member.endswith("thing.py") and f.where.line == 2 for f in report.findings)


def test_mdl134_good_code_that_only_defines() -> None:
    report = look_at((REAL / "own.mar").read_bytes(), "own.mar")
    assert "MDL134" not in ids(report)
    assert "MDL135" not in ids(report)


def test_mdl135_bad_a_handler_that_acts_when_it_is_asked() -> None:
    code = "import subprocess\n\ndef handle(data, context):\n    return subprocess.run(data[0]['body'], shell=True)\n"
    report = look_at(zipped({MANIFEST: manifest("h.py"), "h.py": code}), "m.mar")
    assert "MDL135" in ids(report)
    assert "MDL134" not in ids(report)


def test_mdl135_good_a_handler_that_loads_its_weights() -> None:
    code = (
        "import os, torch\n\nclass Handler:\n    def initialize(self, context):\n"
        "        folder = context.system_properties['model_dir']\n"
        "        self.model = torch.jit.load(os.path.join(folder, 'model.pt'))\n"
    )
    assert ids(look_at(zipped({MANIFEST: manifest("h.py"), "h.py": code}), "m.mar")) == {"MDL136"}


def test_mdl136_bad_code_that_cannot_be_read() -> None:
    report = look_at(zipped({MANIFEST: manifest("h.py"), "h.py": "def (\n", "g.pyc": b"\0\0\0\0"}), "m.mar")
    said = [f.message for f in report.findings if f.id == "MDL136"]
    assert len(said) == 2
    assert all("cannot be read" in message for message in said)


def test_mdl137_bad_packages_are_installed() -> None:
    data = zipped(
        {
            MANIFEST: manifest("image_classifier", requirementsFile="requirements.txt"),
            "requirements.txt": "numpy==2.0\n",
        }
    )
    assert "MDL137" in ids(look_at(data, "m.mar"))


def test_mdl137_good_nothing_is_installed() -> None:
    assert "MDL137" not in ids(look_at((REAL / "default.mar").read_bytes(), "m.mar"))


@pytest.mark.parametrize("handler", ["os:system", "somewhere.py", "/opt/h.py:f", "a;b"])
def test_mdl138_bad_a_handler_from_elsewhere(handler: str) -> None:
    report = look_at(zipped({MANIFEST: manifest(handler)}), "m.mar")
    assert "MDL138" in ids(report)
    assert severe(report)


@pytest.mark.parametrize("handler", ["image_classifier", "text_classifier"])
def test_mdl138_good_the_servers_own(handler: str) -> None:
    assert look_at(zipped({MANIFEST: manifest(handler)}), "m.mar").findings == ()


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000, '{"model": 1}', "\ufeff{", ""])
def test_a_manifest_that_cannot_be_read_holds(text: str) -> None:
    report = look_at(zipped({MANIFEST: text}), "m.mar")
    assert severe(report)
    assert "CHK001" not in ids(report)


def gguf(template: str) -> bytes:
    """A GGUF file with one key and no tensor."""
    key, value = b"tokenizer.chat_template", template.encode()
    return (struct.pack("<4sIQQQ", b"GGUF", 3, 0, 1, len(key)) + key + struct.pack("<IQ", 8, len(value)) + value).ljust(
        256, b"\0"
    )


ELF = b"\x7fELF\x02\x01\x01\0" + bytes(512)
ACTIVE = "{{ ''.__class__.__mro__[1].__subclasses__() }}"


@pytest.mark.parametrize("start", [ELF, b"MZqFpD='\n" + bytes(512)])
def test_mdl139_bad_a_llamafile(start: bytes) -> None:
    """Laid out as `zipalign` of llamafile 0.9 writes it: an executable, then a zip."""
    data = start + zipped({"model.gguf": gguf("{{ messages }}"), ".args": "-m\nmodel.gguf\n..."})
    report = look_at(data, "model.llamafile")
    assert "MDL139" in ids(report)
    assert severe(report)
    assert "model.gguf" in next(f.message for f in report.findings if f.id == "MDL139")


def test_mdl139_bad_and_the_template_in_it_is_looked_at() -> None:
    report = look_at(ELF + zipped({"model.gguf": gguf(ACTIVE), ".args": "-m\nmodel.gguf\n"}), "model.llamafile")
    assert any(f.where.member == "model.gguf" and f.severity >= 3 for f in report.findings)


def test_mdl139_good_a_zip_with_a_model_is_no_program() -> None:
    assert "MDL139" not in ids(look_at(zipped({"model.gguf": gguf("{{ messages }}")}), "model.zip"))


def test_mdl139_good_an_installer_without_a_model() -> None:
    assert "MDL139" not in ids(look_at(ELF + zipped({"setup.cfg": "x"}), "setup.exe"))


def test_nemo_a_target_that_runs_a_command() -> None:
    """CVE-2025-23304: `_target_` of the configuration in the archive is instantiated by Hydra."""
    report = look_at((REAL / "evil.nemo").read_bytes(), "model.nemo")
    assert "MDL107" in ids(report)
    assert any(f.where.member.endswith("model_config.yaml") for f in report.findings)


def test_nemo_weights_are_looked_at() -> None:
    members = {"model_config.yaml": b"target: nemo.A\n", "model_weights.ckpt": b"cos\nsystem\n(S'id'\ntR."}
    assert "MDL001" in ids(look_at(tarred(members), "model.nemo"))


def test_mdl136_good_a_model_for_sagemaker_is_no_torchscript() -> None:
    """A tar with `model.json` and `code/inference.py`: what lies there is Python, not TorchScript."""
    members = {
        "model.json": b"{}",
        "code/inference.py": b"import json\n\n\ndef model_fn(folder):\n    return f'{folder}'\n",
    }
    assert look_at(tarred(members), "model.tar.gz").findings == ()


def test_an_archive_of_many_names_is_looked_at_in_linear_time() -> None:
    names = {f"m/{i}/constants.pkl": b"\x80\x02)." for i in range(2_000)} | {
        f"m/{i}/version": b"3\n" for i in range(2_000)
    }
    assert look_at(zipped(names), "many.zip").findings == ()


def test_mdl134_bad_a_model_folder_that_poses_as_source() -> None:
    """A file of a package's source beside the settings, or anywhere below, makes no source of a model."""
    config = json.dumps({"model_type": "x", "auto_map": {"AutoModel": "modeling_x.X"}})
    model = {"config.json": config, "modeling_x.py": "import os\nos.system('id')\n"}
    for pose in ("pyproject.toml", "docs/conf/setup.cfg"):
        assert "MDL134" in ids(look_at(zipped({**model, pose: ""}), "m.zip")), pose


def test_mdl134_good_data_of_a_package() -> None:
    data = zipped(
        {
            "pkg-1.0/setup.py": "from setuptools import setup\nsetup()\n",
            "pkg-1.0/src/pkg/config.json": "{}",
            "pkg-1.0/src/pkg/tool.py": "import os\nos.system('id')\n",
        }
    )
    assert "MDL134" not in ids(look_at(data, "pkg-1.0.zip"))
