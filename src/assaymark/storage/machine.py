"""The environment that we run in, as one canonical document: packages and their bytes, Python, platform, devices, settings.

Read from files alone: no process is started, nothing is imported, nothing is asked over a network, no secret is kept.
`root`, `environ` and `paths` are there so that a test may describe a machine. docs/schemas/environment-v1.schema.json.
"""

import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from assaymark.core.source.secrets import looks_secret, redact
from assaymark.storage.machine_devices import accelerator, devices, drivers, head
from assaymark.storage.machine_packages import Packages

SCHEMA = "assaymark/environment/v1"
_SETTINGS = re.compile(
    r"(?:CUDA|CUBLAS|CUDNN|NCCL|NVIDIA|TORCH|PYTORCH|TF(?!_(?:VAR|CLI|TOKEN|WORKSPACE|LOG|DATA|INPUT|IN)_)|XLA|JAX|OMP|GOMP|MKL|OPENBLAS|NUMEXPR|KMP|VECLIB|HF|TRANSFORMERS|TOKENIZERS"
    r"|ROCR|HIP|HSA|MIOPEN|VLLM|TRITON|TORCHINDUCTOR|ONEDNN|DNNL|ORT)_[A-Z0-9_]{1,80}"
    r"|PYTHON(?:HASHSEED|OPTIMIZE|PATH|NOUSERSITE|SAFEPATH|UTF8|MALLOC|_GIL)|LD_PRELOAD|LD_LIBRARY_PATH|LC_ALL|LC_NUMERIC|LANG|TZ"
)
"""Variables that decide what is computed, how exactly, and with whose code."""
_SECRET = re.compile(r"TOKEN(?!IZERS)|SECRET|PASSW|KEY|CREDENTIAL|AUTH", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=//)[^/@\s]+@")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_IMAGE_VARIABLES = ("ASSAY_IMAGE", "IMAGE_DIGEST", "CONTAINER_IMAGE_DIGEST", "CONTAINER_IMAGE", "IMAGE_REF")


def snapshot(
    *,
    verify: bool = True,
    root: str = "/",
    environ: Mapping[str, str] | None = None,
    paths: Sequence[str] | None = None,
    prefix: str | None = None,
) -> dict[str, Any]:
    """The document. Without `verify` the files of packages are not hashed."""
    variables = os.environ if environ is None else environ
    packages = Packages(verify=verify)
    packages.look(sys.path if paths is None else paths, sys.prefix if prefix is None else prefix)
    gaps = packages.gaps
    image = _image(root, variables, gaps)
    found = devices(root, gaps)
    return {
        "schema": SCHEMA,
        "verified": verify,
        "python": _python(),
        "markers": _markers(),
        "distributions": packages.found,
        "startup": packages.startup,
        "unrecorded": packages.unrecorded,
        "platform": _platform(root),
        "image": image,
        "devices": found,
        "drivers": drivers(root),
        "accelerator": accelerator(root, variables, packages.versions),
        "settings": _settings(variables),
        "gaps": sorted(gaps, key=lambda gap: (gap["what"], gap["why"])),
    }


def _python() -> dict[str, str]:
    build = platform.python_build()
    return {
        "implementation": platform.python_implementation(),
        "version": platform.python_version(),
        "build": " ".join(part for part in build if part),
        "compiler": platform.python_compiler(),
        "hash_randomization": str(sys.flags.hash_randomization),
        "optimize": str(sys.flags.optimize),
    }


def _markers() -> dict[str, str]:
    """The environment that PEP 508 markers are evaluated in."""
    found = sys.implementation
    version = ".".join(str(part) for part in found.version[:3])
    return {
        "implementation_name": found.name,
        "implementation_version": version,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    }


def _platform(root: str) -> dict[str, str]:
    release = _os_release(root)
    found = {
        "system": platform.system(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "os_id": release.get("ID", ""),
        "os_version": release.get("VERSION_ID", ""),
        "os_name": release.get("NAME", ""),
        "libc": _libc(),
        "cpu": _cpu(root),
    }
    return {key: value for key, value in found.items() if value}


def _os_release(root: str) -> dict[str, str]:
    for name in ("etc/os-release", "usr/lib/os-release"):
        text = head(os.path.join(root, name), 64 << 10)
        pairs = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
        found = {key.strip(): value.strip().strip("\"'")[:200] for key, equals, value in pairs if equals}
        if found:
            return found
    return {}


def _libc() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):
        return ""


def _cpu(root: str) -> str:
    match = re.search(
        r"^(?:model name|Model|CPU implementer)\s*:\s*(.+)$", head(os.path.join(root, "proc/cpuinfo")), re.MULTILINE
    )
    return match[1].strip()[:200] if match else ""


def _image(root: str, variables: Mapping[str, str], gaps: list[dict[str, str]]) -> dict[str, str]:
    """What the container was started from. No file of a container names it; whoever starts it may, by a variable."""
    found: dict[str, str] = {}
    for name in _IMAGE_VARIABLES:
        value = variables.get(name, "")
        digest = _DIGEST.search(value)
        if digest and "digest" not in found:
            found["digest"] = digest[0]
            found["from"] = f"variable {name}"
        if "/" in value or ":" in value:
            found.setdefault("reference", _USERINFO.sub("", value)[:500])
    podman = head(os.path.join(root, "run/.containerenv"), 64 << 10)
    for key, line in (("reference", "image"), ("id", "imageid")):
        match = re.search(rf'^{line}="([^"]{{1,500}})"', podman, re.MULTILINE)
        if match:
            found.setdefault(key, match[1])
    runtime = (
        "podman" if podman or os.path.exists(os.path.join(root, "run/.containerenv"))
        else "docker" if os.path.exists(os.path.join(root, ".dockerenv"))
        else "kubernetes" if variables.get("KUBERNETES_SERVICE_HOST")
        else ""
    )  # fmt: skip
    if runtime:
        found["runtime"] = runtime
    if "digest" not in found:
        why = "the environment does not say from which image it was started"
        gaps.append({"what": "image", "why": f"{why}: set ASSAY_IMAGE=<reference>@sha256:… where it is"})
    return found


def _settings(variables: Mapping[str, str]) -> dict[str, str]:
    """Those that change results; nothing that is named like a secret."""
    return {
        name: redact(_USERINFO.sub("", value))[:500].encode("utf-8", "backslashreplace").decode("utf-8")
        for name, value in sorted(variables.items())
        if _SETTINGS.fullmatch(name) and not _SECRET.search(name) and looks_secret(name, value) is None
    }
