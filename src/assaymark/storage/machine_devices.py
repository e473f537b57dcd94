"""Accelerators, their drivers and runtimes, as the kernel's files and the runtimes' own files tell them."""

import os
import re
from collections.abc import Iterator, Mapping

_HEAD = 1 << 20
_MOST = 1_024
_VENDORS = {
    "0x10de": "NVIDIA",
    "0x1002": "AMD",
    "0x8086": "Intel",
    "0x1da3": "Habana",
    "0x1ae0": "Google",
    "0x1d0f": "Amazon",
}
_CLASSES = ("0x0300", "0x0302", "0x0380", "0x1200")
"""PCI classes: VGA, 3D and display controllers, processing accelerators."""
_NVIDIA = "proc/driver/nvidia"
_LIBRARIES = ("usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib64", "usr/lib", "usr/local/nvidia/lib64",
              "usr/lib/wsl/lib")  # fmt: skip
_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)*")


def head(path: str, length: int = _HEAD) -> str:
    """The beginning of a file as text, "" where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(length).decode("utf-8", "replace")
    except OSError:
        return ""


def _names(path: str) -> list[str]:
    try:
        return sorted(os.listdir(path))[:_MOST]
    except OSError:
        return []


def devices(root: str, gaps: list[dict[str, str]]) -> list[dict[str, str | int]]:
    """Accelerators: NVIDIA's from the driver, others by their PCI ids."""
    found: list[dict[str, str | int]] = []
    folder = os.path.join(root, _NVIDIA, "gpus")
    known = set()
    for bus in _names(folder):
        pairs = dict(_pairs(head(os.path.join(folder, bus, "information"))))
        known.add(bus.lower())
        made = {
            "name": pairs.get("Model", ""),
            "vendor": "NVIDIA",
            "uuid": pairs.get("GPU UUID", ""),
            "firmware": pairs.get("Video BIOS", ""),
            "bus": bus,
        }
        found.append({key: value for key, value in made.items() if value and "?" not in value})
    found += _on_the_bus(root, known)
    if any(device.get("vendor") == "NVIDIA" for device in found):
        gaps.append(
            {"what": "devices", "why": "memory, ECC, MIG and clocks are told by NVML alone, which is not asked"}
        )
    return sorted(found, key=lambda device: (str(device.get("bus", "")), str(device.get("name", ""))))


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines()[:200]:
        name, colon, value = line.partition(":")
        if colon:
            yield name.strip(), value.strip()[:200]


def _on_the_bus(root: str, known: set[str]) -> Iterator[dict[str, str | int]]:
    folder = os.path.join(root, "sys/bus/pci/devices")
    for bus in _names(folder):
        place = os.path.join(folder, bus)
        vendor = head(os.path.join(place, "vendor"), 64).strip()
        if bus.lower() in known or vendor not in _VENDORS:
            continue
        kind = head(os.path.join(place, "class"), 64).strip()
        if not kind.startswith(_CLASSES):
            continue
        name = head(os.path.join(place, "product_name"), 200).strip() or head(os.path.join(place, "device"), 64).strip()
        made: dict[str, str | int] = {"name": name, "vendor": _VENDORS[vendor], "bus": bus}
        memory = head(os.path.join(place, "mem_info_vram_total"), 64).strip()
        if memory.isdigit() and len(memory) < 16:
            made["memory"] = int(memory)
        firmware = head(os.path.join(place, "vbios_version"), 200).strip()
        if firmware:
            made["firmware"] = firmware
        yield made


def drivers(root: str) -> list[dict[str, str]]:
    """Kernel drivers of accelerators and the version of the user library that goes with NVIDIA's."""
    found: list[dict[str, str]] = []
    match = re.search(
        r"Kernel Module(?: for \S{1,40})?\s+(\d{3,4}\.\d+(?:\.\d+)?)",
        head(os.path.join(root, _NVIDIA, "version")),
    )
    if match:
        found.append({"name": "nvidia", "version": match[1], "from": f"/{_NVIDIA}/version"})
    for module in ("amdgpu", "habanalabs", "i915", "xe", "neuron"):
        version = head(os.path.join(root, "sys/module", module, "version"), 200).strip()
        if version:
            found.append({"name": module, "version": version[:100], "from": f"/sys/module/{module}/version"})
    for folder in _LIBRARIES:
        for name in _names_of(os.path.join(root, folder), "libcuda.so."):
            version = name.removeprefix("libcuda.so.")
            if _VERSION.fullmatch(version):
                found.append({"name": "libcuda", "version": version, "from": f"/{folder}/{name}"})
    unique = {(row["name"], row["version"]): row for row in reversed(found)}
    return [unique[key] for key in sorted(unique)]


def _names_of(folder: str, lead: str) -> list[str]:
    try:
        with os.scandir(folder) as items:
            return sorted(item.name for item in items if item.name.startswith(lead))[:_MOST]
    except OSError:
        return []


def accelerator(root: str, variables: Mapping[str, str], versions: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """CUDA, cuDNN, NCCL and ROCm: packages first, for it is those that Python loads; then files, then variables."""
    found: dict[str, dict[str, str]] = {}
    for name, wheel in (("cuda", r"nvidia-cuda-runtime(?:-cu\d+)?"), ("cudnn", r"nvidia-cudnn(?:-cu\d+)?"),
                        ("nccl", r"nvidia-nccl(?:-cu\d+)?")):  # fmt: skip
        for package, version in sorted(versions.items()):
            if re.fullmatch(wheel, package):
                found[name] = {"version": version, "from": f"package {package}"}
    for name, version, place in (*_cuda(root, variables), *_others(root)):
        found.setdefault(name, {"version": version, "from": place})
    for name, variable in (("cuda", "CUDA_VERSION"), ("cudnn", "NV_CUDNN_VERSION"), ("nccl", "NCCL_VERSION")):
        match = _VERSION.match(variables.get(variable, ""))
        if match:
            found.setdefault(name, {"version": match[0], "from": f"variable {variable}"})
    return dict(sorted(found.items()))


def _cuda(root: str, variables: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    homes = [variables.get("CUDA_HOME", ""), variables.get("CUDA_PATH", ""), "/usr/local/cuda", "/opt/cuda"]
    for home in homes:
        if not home.startswith("/"):
            continue
        for base, pattern in (
            ("version.json", r'"cuda"\s*:\s*\{[^{}]*?"version"\s*:\s*"(\d[\d.]*)"'),
            ("version.txt", r"CUDA Version (\d[\d.]*)"),
        ):
            match = re.search(pattern, head(os.path.join(root, home.lstrip("/"), base)))
            if match:
                yield "cuda", match[1], f"{home}/{base}"


def _others(root: str) -> Iterator[tuple[str, str, str]]:
    for base in ("usr/include/cudnn_version.h", "usr/local/cuda/include/cudnn_version.h",
                 "usr/include/x86_64-linux-gnu/cudnn_version.h"):  # fmt: skip
        text = head(os.path.join(root, base))
        numbers = [re.search(rf"#define\s+CUDNN_{part}\s+(\d+)", text) for part in ("MAJOR", "MINOR", "PATCHLEVEL")]
        if all(numbers):
            yield "cudnn", ".".join(number[1] for number in numbers if number), f"/{base}"
    rocm = _VERSION.match(head(os.path.join(root, "opt/rocm/.info/version"), 200))
    if rocm:
        yield "rocm", rocm[0], "/opt/rocm/.info/version"
