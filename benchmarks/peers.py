"""The rivals, in environments of their own below build/, at the versions that were measured."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent / "build"
COMMANDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "picklescan": ("peers", ("picklescan", "-p")),
    "picklescan --strict": ("peers", ("picklescan", "--strict", "-p")),
    "modelscan": ("peers", ("modelscan", "-p")),
    "fickling": ("peers", ("fickling", "--check-safety")),
    "modelaudit": ("peers-modelaudit", ("modelaudit", "scan", "-q")),
}
"""Name -> environment (and the list of its packages beside this file), and the command that the path follows."""


def python_of(name: str) -> Path:
    """The interpreter of a rival's environment."""
    return BUILD / f"bench-{COMMANDS[name][0]}" / "bin" / "python"


def command(name: str) -> list[str | Path]:
    """The command line of a rival, without the path."""
    _, (program, *options) = COMMANDS[name]
    return [python_of(name).parent / program, *options]


def version(name: str) -> str:
    """Of its package."""
    ask = f"import importlib.metadata as m; print(m.version({COMMANDS[name][1][0]!r}))"
    return subprocess.run([python_of(name), "-c", ask], check=True, capture_output=True, text=True).stdout.strip()


def prepare(*names: str) -> None:
    """Install what these rivals need, unless it is there."""
    for environment in sorted({COMMANDS[name][0] for name in names}):
        _prepare(environment)


def _prepare(environment: str) -> None:
    packages = HERE / f"{environment}.txt"
    place = BUILD / f"bench-{environment}"
    stamp = place / "packages.txt"
    if stamp.exists() and stamp.read_text() == packages.read_text():
        return
    shutil.rmtree(place, ignore_errors=True)
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    python = place / "bin" / "python"
    if uv:
        make: list[str | Path] = [uv, "venv", "-q", "--python", sys.executable, place]
        install: list[str | Path] = [uv, "pip", "install", "-q", "--compile-bytecode", "--python", python]
    else:
        make = [sys.executable, "-m", "venv", place]
        install = [python, "-m", "pip", "install", "-q"]
    subprocess.run(make, check=True)
    subprocess.run([*install, "-r", packages], check=True)
    stamp.write_text(packages.read_text())
