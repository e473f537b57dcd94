"""The exported requirements are the lock: the same packages, versions and hashes, and a hash for every one."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_PACKAGE = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def locked() -> dict[tuple[str, str], set[str]]:
    """(name, version) -> sha256 of every file, from uv.lock."""
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    return {
        (package["name"], package.get("version", "")): {
            file["hash"].removeprefix("sha256:")
            for file in [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        }
        for package in packages
    }


def exported(name: str) -> dict[tuple[str, str], set[str]]:
    """The same from an exported requirements file."""
    found: dict[tuple[str, str], set[str]] = {}
    text = re.sub(r"^\s*#.*$", "", (ROOT / name).read_text(), flags=re.MULTILINE)
    for block in re.split(r"\n(?=\S)", text):
        match = _PACKAGE.match(block)
        if match:
            found[match[1], match[2]] = set(_HASH.findall(block))
    return found


def problems() -> list[str]:
    """What does not agree."""
    lock = locked()
    wrong = []
    for name in ("requirements.txt", "requirements-dev.txt"):
        requirements = exported(name)
        if not requirements:
            wrong.append(f"{name}: holds no requirement")
        wrong += [
            f"{name}: {n}=={v} has other files than uv.lock"
            for (n, v), h in requirements.items()
            if lock.get((n, v)) != h or not h
        ]
    everything = {key for key in lock if key[0] != "assaymark"}
    wrong += [
        f"requirements-dev.txt: {n}=={v} of uv.lock is missing"
        for n, v in sorted(everything - exported("requirements-dev.txt").keys())
    ]
    return wrong


if __name__ == "__main__":
    found = problems()
    for line in found:
        print(line, "(run: python3 dev.py lock)", file=sys.stderr)
    sys.exit(1 if found else 0)
