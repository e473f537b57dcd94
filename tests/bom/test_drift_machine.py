"""Snapshots of the environment that we run in."""

import base64
import hashlib
import importlib.metadata
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from assaymark.core.strictjson import canonical
from assaymark.storage.machine import snapshot

ROOT = Path(__file__).parents[2]
A, B = "a" * 64, "b" * 64


def schema(name: str) -> Any:
    return jsonschema_rs.validator_for(json.loads((ROOT / "docs" / "schemas" / f"{name}.schema.json").read_text()))


def install(site: Path, name: str, version: str, files: dict[str, bytes], *, requested: bool = False) -> None:
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nName: not this\n")
    (info / "INSTALLER").write_text("uv\n")
    if requested:
        (info / "REQUESTED").touch()
    rows = []
    for path, data in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_bytes(data)
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(data)}\n")
    (info / "RECORD").write_text(
        "".join(rows) + "".join(f"{info.name}/{n},,\n" for n in ("METADATA", "INSTALLER", "RECORD"))
    )
    if requested:
        with (info / "RECORD").open("a") as record:
            record.write(f"{info.name}/REQUESTED,,\n")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    place = tmp_path / "lib" / "site-packages"
    install(
        place, "torch", "2.6.0", {"torch/__init__.py": b"x = 1\n", "torch/lib.so": b"\x7fELF" * 1000}, requested=True
    )
    install(place, "Some_Pkg", "1.0", {"some_pkg.py": b"y = 1\n"})
    return place


def machine(site: Path, root: str = "/nowhere", **environ: str) -> dict[str, Any]:
    return snapshot(root=root, environ=environ, paths=[str(site)], prefix=str(site.parent))


def row(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(found for found in document["distributions"] if found["name"] == name)


def test_this_very_environment() -> None:
    document = snapshot(verify=False)
    schema("environment-v1").validate(document)
    here = {re.sub(r"[-_.]+", "-", d.metadata["Name"]).lower(): d.version for d in importlib.metadata.distributions()}
    assert {
        found["name"]: found["version"] for found in document["distributions"] if found["manager"] == "pypi"
    } == here
    assert document["python"]["version"] == ".".join(map(str, sys.version_info[:3]))
    from packaging.markers import default_environment

    assert document["markers"] == dict(default_environment())
    assert canonical(document) == canonical(snapshot(verify=False))


def test_files_are_held_against_record(site: Path) -> None:
    document = machine(site)
    schema("environment-v1").validate(document)
    assert row(document, "torch")["record"] == {
        "sha256": hashlib.sha256((site / "torch-2.6.0.dist-info" / "RECORD").read_bytes()).hexdigest(),
        "files": 6, "agreed": 2,
    }  # fmt: skip
    assert (row(document, "torch")["direct"], row(document, "torch")["installer"]) == (True, "uv")
    assert document["unrecorded"] == {"files": 0, "paths": []}
    (site / "torch" / "lib.so").write_bytes(b"other")
    (site / "some_pkg.py").unlink()
    (site / "torch" / "backdoor.py").write_bytes(b"")
    (site / "zz.pth").write_text("import os\n")
    document = machine(site)
    assert row(document, "torch")["record"]["changed"] == ["torch/lib.so"]
    assert row(document, "some-pkg")["record"]["missing"] == ["some_pkg.py"]
    assert document["unrecorded"] == {"files": 2, "paths": ["zz.pth", "torch/backdoor.py"]}
    assert document["startup"] == [{"path": "zz.pth", "sha256": hashlib.sha256(b"import os\n").hexdigest()}]
    plain = snapshot(verify=False, root="/nowhere", environ={}, paths=[str(site)], prefix="/nowhere")
    assert "changed" not in row(plain, "torch")["record"]
    assert plain["verified"] is False


def test_what_is_odd_about_packages_is_told(site: Path, tmp_path: Path) -> None:
    other = tmp_path / "second" / "site-packages"
    install(other, "torch", "1.0", {"torch.py": b""})
    (other / "bare-1.dist-info").mkdir()
    (other / "old.egg-info").write_text("Name: old\nVersion: 3\n")
    (other / "loop-1.dist-info").symlink_to("loop-1.dist-info")
    os.mkfifo(other / "pipe.dist-info")
    found = snapshot(root="/nowhere", environ={}, paths=[str(site), str(other), "/nowhere", ""], prefix="/nowhere")
    told = {gap["what"]: gap["why"] for gap in found["gaps"]}
    assert "shadowed by 2.6.0" in told["package torch"]
    assert "no METADATA" in told["package bare-1.dist-info"]
    assert "no RECORD" in told["package old"]
    assert row(found, "torch")["version"] == "2.6.0"


def test_conda_packages_and_direct_urls(site: Path) -> None:
    meta = site.parent / "conda-meta"
    meta.mkdir()
    note = {"name": "libx", "version": "1.2", "build": "h1_0", "sha256": A, "requested_spec": "libx"}
    (meta / "libx.json").write_text(json.dumps(note))
    (meta / "bad.json").write_text("[" * 100_000)
    url = {"url": "https://ann:pw@x.org/t.whl", "archive_info": {"hashes": {"sha256": B}}}
    (site / "torch-2.6.0.dist-info" / "direct_url.json").write_text(json.dumps(url))
    document = machine(site)
    schema("environment-v1").validate(document)
    assert row(document, "libx") == {
        "name": "libx", "version": "1.2", "build": "h1_0", "manager": "conda", "direct": True, "digests": [f"sha256:{A}"],
    }  # fmt: skip
    assert row(document, "torch")["digests"] == [f"sha256:{B}"]
    assert "ann:pw" not in json.dumps(document)


def put(root: Path, files: dict[str, str]) -> str:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return str(root)


NVIDIA = {
    "proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.15  Release Build\nGCC version: 12\n",
    "proc/driver/nvidia/gpus/0000:65:00.0/information": (
        "Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 160\nGPU UUID: \t GPU-1234\nVideo BIOS: \t 96.00.74.00.1a\nBus Type: \t PCIe\n"
    ),
    "sys/bus/pci/devices/0000:65:00.0/vendor": "0x10de\n",
    "sys/bus/pci/devices/0000:65:00.0/class": "0x030200\n",
    "sys/bus/pci/devices/0000:66:00.0/vendor": "0x1002\n",
    "sys/bus/pci/devices/0000:66:00.0/class": "0x038000\n",
    "sys/bus/pci/devices/0000:66:00.0/device": "0x74a1\n",
    "sys/bus/pci/devices/0000:66:00.0/mem_info_vram_total": "206141652992\n",
    "sys/bus/pci/devices/0000:00:01.0/vendor": "0x8086\n",
    "sys/bus/pci/devices/0000:00:01.0/class": "0x020000\n",
    "usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15": "",
    "usr/lib/x86_64-linux-gnu/libcuda.so.1": "",
    "usr/local/cuda/version.json": '{"cuda" : {"name" : "CUDA SDK", "version" : "12.4.1"}, "cuda_cudart": {"version": "9"}}',
    "usr/include/cudnn_version.h": "#define CUDNN_MAJOR 9\n#define CUDNN_MINOR 1\n#define CUDNN_PATCHLEVEL 0\n",
    "etc/os-release": 'ID=ubuntu\nVERSION_ID="22.04"\nNAME="Ubuntu"\n',
    "proc/cpuinfo": "processor: 0\nmodel name\t: AMD EPYC 9654\n",
    "run/.containerenv": 'engine="podman-4"\nimage="ghcr.io/acme/train:v1"\nimageid="abc"\n',
}


def test_devices_drivers_and_runtimes_by_files_alone(site: Path, tmp_path: Path) -> None:
    document = machine(site, put(tmp_path / "root", NVIDIA), NCCL_VERSION="2.21.5-1")
    schema("environment-v1").validate(document)
    assert document["devices"] == [
        {
            "name": "NVIDIA H100 80GB HBM3",
            "vendor": "NVIDIA",
            "uuid": "GPU-1234",
            "firmware": "96.00.74.00.1a",
            "bus": "0000:65:00.0",
        },
        {"name": "0x74a1", "vendor": "AMD", "bus": "0000:66:00.0", "memory": 206141652992},
    ]
    assert [(d["name"], d["version"]) for d in document["drivers"]] == [
        ("libcuda", "550.54.15"),
        ("nvidia", "550.54.15"),
    ]
    assert {name: found["version"] for name, found in document["accelerator"].items()} == {
        "cuda": "12.4.1", "cudnn": "9.1.0", "nccl": "2.21.5",
    }  # fmt: skip
    assert (document["platform"]["os_id"], document["platform"]["cpu"]) == ("ubuntu", "AMD EPYC 9654")
    assert document["image"] == {"reference": "ghcr.io/acme/train:v1", "id": "abc", "runtime": "podman"}
    install(site, "nvidia_cuda_runtime_cu12", "12.6.77", {"n.py": b""})
    assert machine(site, str(tmp_path / "root"))["accelerator"]["cuda"] == {
        "version": "12.6.77", "from": "package nvidia-cuda-runtime-cu12",
    }  # fmt: skip


def test_settings_and_image_without_secrets(site: Path) -> None:
    document = machine(
        site, CUDA_VISIBLE_DEVICES="0,1", PYTHONHASHSEED="0", HF_TOKEN="hf_secret", NCCL_DEBUG="INFO", HOME="/root", TF_VAR_x="1",
        HF_ENDPOINT="https://ann:pw@hub", ASSAY_IMAGE=f"ghcr.io/acme/train@sha256:{A}", AWS_SECRET_ACCESS_KEY="x",
        TOKENIZERS_PARALLELISM="false", NVIDIA_TF32_OVERRIDE="0",
    )  # fmt: skip
    assert document["settings"] == {
        "CUDA_VISIBLE_DEVICES": "0,1", "HF_ENDPOINT": "https://hub", "NCCL_DEBUG": "INFO", "NVIDIA_TF32_OVERRIDE": "0",
        "PYTHONHASHSEED": "0", "TOKENIZERS_PARALLELISM": "false",
    }  # fmt: skip
    assert document["image"]["digest"] == f"sha256:{A}"
    assert "image" not in {gap["what"] for gap in document["gaps"]}


def test_hostile_machines_are_read(site: Path, tmp_path: Path) -> None:
    files = dict.fromkeys(NVIDIA, "\x00\xff" * 5_000)
    schema("environment-v1").validate(machine(site, put(tmp_path / "root", files)))
    (site / "torch-2.6.0.dist-info" / "RECORD").write_bytes(b'"\xff\x00,sha256=\xc3,\n' * 10)
    schema("environment-v1").validate(machine(site))
