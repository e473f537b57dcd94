#!/usr/bin/env python3
"""One file to work on Assaymark: it makes `.venv` from the hashed lock, then runs what you name. Standard library only.

    python3 dev.py demo     build a small AI project, scan it, show the reports
    python3 dev.py test     run the tests (arguments go to pytest)
    python3 dev.py check    format, lint, types, import contracts, docs, lock
    python3 dev.py fuzz     fuzz the parsers (--seconds N)
    python3 dev.py bench    run the benchmarks beside their rivals
    python3 dev.py scorecard    every case of the release gate by us and by our rivals
    python3 dev.py docs     write the generated pages again
    python3 dev.py lock     resolve again, and export the hashed requirements

The environment is made by a pinned uv, fetched from the package index as a wheel and checked by its sha256; where that
cannot be had, by pip from requirements-dev.txt, which has a hash for every file.
"""

import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path
from urllib.parse import urljoin

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
EXE = ".exe" if os.name == "nt" else ""
UV = BIN / f"uv{EXE}"
STAMP = VENV / ".assaymark-environment"

UV_VERSION = "0.13.8"
UV_WHEELS = {
    ("linux", "x86_64"): "e18a57b8b352eb7c8feb317b9f6f533c8f0ad9673fd6cf34bbe3cf1a9f6a8984",
    ("linux", "aarch64"): "5337c30bb893b4f9ce0ceb921ba2da0d13f649da644f40ad3bef84083bef0203",
    ("darwin", "x86_64"): "b7124ca1956ec2e476a1003ea5715a15f0266afaec37f4dc9c6972ba8183e6d1",
    ("darwin", "arm64"): "62b6943c7fd64fac6854f780bea6e0359e5a5bc3241f83ee357bb38276afac49",
    ("win32", "amd64"): "cfbc13020a64cdf2f116d2936824c38edbf41e5c07f1ea291baf02e31ebf3ed0",
}
"""sha256 of the uv wheel for each platform; 12 days old when it was pinned."""

APT = "apt-get install -y python3-venv ca-certificates"


def main() -> int:
    """Run one command."""
    name, arguments = (sys.argv[1:2] or ["help"])[0], sys.argv[2:]
    commands = {
        "demo": demo,
        "test": test,
        "check": check,
        "fuzz": fuzz,
        "bench": bench,
        "scorecard": scorecard,
        "docs": docs,
        "lock": lock,
    }
    if name not in commands:
        print(__doc__)
        return 0 if name in {"help", "-h", "--help"} else 2
    if sys.version_info < (3, 11):  # noqa: UP036 - it is what whoever runs an older one needs to be told
        print("Assaymark needs Python 3.11 or newer; this is", platform.python_version(), file=sys.stderr)
        return 2
    return commands[name](arguments)


def demo(arguments: list[str]) -> int:
    """Build the small project, scan it."""
    prepare(full=False)
    return run(python(), "examples/demo.py", *arguments)


def test(arguments: list[str]) -> int:
    """Run the tests, as many at a time as there are cores."""
    prepare()
    return run(python(), "-m", "pytest", "-n", "auto", *arguments)


def check(_arguments: list[str]) -> int:
    """Everything but the tests; runs all, fails when any fails."""
    prepare()
    steps = (
        (tool("ruff"), "format", "--check", "."),
        (tool("ruff"), "check", "."),
        (tool("mypy"),),
        (tool("lint-imports"), "--no-cache"),
        (python(), "scripts/docs.py", "--check"),
        (python(), "scripts/check_lock.py"),
    )
    failed = [" ".join(step) for step in steps if run(*step)]
    for line in failed:
        print("failed:", line, file=sys.stderr)
    return 1 if failed else 0


def fuzz(arguments: list[str]) -> int:
    """Fuzz the parsers."""
    prepare()
    return run(python(), "scripts/fuzz.py", *arguments)


def bench(arguments: list[str]) -> int:
    """Run the benchmarks."""
    prepare()
    return run(python(), "benchmarks/run.py", *arguments)


def scorecard(arguments: list[str]) -> int:
    """Run the scorecard."""
    prepare()
    return run(python(), "benchmarks/scorecard.py", *arguments)


def docs(_arguments: list[str]) -> int:
    """Write the generated pages."""
    prepare()
    return run(python(), "scripts/docs.py")


def lock(arguments: list[str]) -> int:
    """Resolve again and export; `--upgrade` takes newer releases within the bounds and the cooldown."""
    prepare()
    exports = (("requirements.txt", "--no-default-groups"), ("requirements-dev.txt", "--all-groups"))
    failed = run(str(UV), "lock", *arguments)
    for name, groups in exports:
        export = ("export", "--frozen", "--no-emit-project", "--format", "requirements-txt", groups, "-q", "-o", name)
        failed = failed or run(str(UV), *export)
    return failed


def prepare(*, full: bool = True) -> None:
    """Make `.venv` match the lock; does nothing when it does already. Without `full`, only what the product needs."""
    wanted = _wanted(full=full)
    if STAMP.exists() and STAMP.read_text() in {wanted, _wanted(full=True)}:
        return
    if not (BIN / f"python{EXE}").exists():
        _make_venv()
    groups = [] if full else ["--no-default-groups"]
    if _get_uv():
        environment = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(VENV), "VIRTUAL_ENV": str(VENV)}
        _must([str(UV), "sync", "--frozen", "--no-install-project", "--inexact", "--quiet", *groups], environment)
    else:
        _pip_install(full=full)
    _link_project()
    STAMP.write_text(wanted)


def _wanted(*, full: bool) -> str:
    lock_digest = hashlib.sha256((ROOT / "uv.lock").read_bytes()).hexdigest()
    return f"{lock_digest} {'full' if full else 'base'} {platform.python_version()}"


def _make_venv() -> None:
    """Debian's python3 comes without ensurepip, which `venv` wants only for pip."""
    print("making .venv", file=sys.stderr)
    made = subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(VENV)], check=False)
    if made.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        raise SystemExit(f"python3 cannot make an environment here; as root: {APT}")


def _get_uv() -> bool:
    """Fetch the pinned uv into `.venv`; False where it cannot be had."""
    if UV.exists():
        return True
    machine = platform.machine().lower()
    digest = UV_WHEELS.get((sys.platform, "x86_64" if machine == "amd64" and sys.platform != "win32" else machine))
    if digest is None:
        return False
    index = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("PIP_INDEX_URL") or "https://pypi.org/simple"
    try:
        wheel = _fetch_wheel(index.rstrip("/"), digest)
    except (OSError, ValueError, LookupError) as error:
        print(f"uv {UV_VERSION} cannot be had ({error}); going on with pip", file=sys.stderr)
        return False
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        member = next(n for n in archive.namelist() if n.endswith(f"/scripts/uv{EXE}"))
        UV.write_bytes(archive.read(member))
    UV.chmod(0o755)
    return True


def _fetch_wheel(index: str, digest: str) -> bytes:
    """The file with this sha256 (PEP 691 index); raises LookupError where there is none, ValueError if it differs."""
    accept = {"Accept": "application/vnd.pypi.simple.v1+json"}
    request = urllib.request.Request(f"{index}/uv/", headers=accept)  # noqa: S310 - the index the user configured
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
        files = json.load(answer)["files"]
    url = next((f["url"] for f in files if f["hashes"].get("sha256") == digest), None)
    if url is None:
        raise LookupError("the index does not list the pinned wheel")
    with urllib.request.urlopen(urljoin(f"{index}/uv/", url), timeout=300) as answer:  # noqa: S310 - as above
        data: bytes = answer.read()
    if hashlib.sha256(data).hexdigest() != digest:
        raise ValueError("the wheel does not have the pinned sha256")
    return data


def _pip_install(*, full: bool) -> None:
    """The same environment by pip, every file checked by hash."""
    pip = [python(), "-m", "pip"]
    if _quietly(*pip, "--version") and _quietly(python(), "-m", "ensurepip"):
        raise SystemExit(f"neither uv nor pip can be had here; as root: {APT}")
    name = "requirements-dev.txt" if full else "requirements.txt"
    _must([*pip, "install", "-q", "--require-hashes", "-r", str(ROOT / name)], dict(os.environ))


def _link_project() -> None:
    """Put `src` on the path and the command into place; nothing has to be built for that."""
    site = next(VENV.glob("lib/python*/site-packages"), VENV / "Lib" / "site-packages")
    (site / "assaymark-src.pth").write_text(f"{ROOT / 'src'}\n")
    script = BIN / "assay"
    script.write_text(f"#!{python()}\nfrom assaymark.faces.cli import main\n\nmain()\n")
    script.chmod(0o755)


def _quietly(*command: str) -> int:
    return subprocess.run(command, check=False, capture_output=True).returncode


def _must(command: list[str], environment: dict[str, str]) -> None:
    if subprocess.run(command, check=False, cwd=ROOT, env=environment).returncode:
        raise SystemExit(f"failed: {' '.join(command)}")


def python() -> str:
    """The environment's interpreter."""
    return str(BIN / f"python{EXE}")


def tool(name: str) -> str:
    """A command of the environment."""
    return str(BIN / f"{name}{EXE}")


def run(*command: str) -> int:
    """Run in the project's folder; the exit code."""
    environment = {**os.environ, "VIRTUAL_ENV": str(VENV), "UV_PROJECT_ENVIRONMENT": str(VENV)}
    return subprocess.run(command, check=False, cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
