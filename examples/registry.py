"""A model on its way to production: published, scanned, approved by two people, promoted, verified, loaded, and then tampered with.

Every line that begins with `$` is a command that this script runs. All keys are on one machine here, which is what a real
organisation must not do: root keys stay offline, and each approver has his own.
"""

import json
import os
import shlex
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

PEOPLE = {"ann": "publisher", "bea": "approver", "cid": "approver", "dan": "releaser", "eve": "security"}
MODEL, VERSION, PLACE = "fraud/scorer", "fraud/scorer@1", "fraud/scorer:production"


class Scene:
    """Commands run in one folder and with one home."""

    def __init__(self, top: Path, *, quiet: bool) -> None:
        self.top, self.quiet = top, quiet
        self.environment = {**os.environ, "ASSAY_HOME": str(top / "home"), "NO_COLOR": "1"}
        for name in ("ASSAY_SERVER", "ASSAY_TOKEN", "ASSAY_KEY_PASSWORD", "ASSAY_DATABASE", "ASSAY_STORE"):
            self.environment.pop(name, None)

    def run(self, line: str, *, silent: bool = False, expect: int = 0) -> str:
        """Run `assay LINE`, show it, and give its output; ends the demo when it does not end as expected."""
        if not silent:
            print(f"$ assay {line}")
        command = [sys.executable, "-m", "assaymark", *shlex.split(line)]
        done = subprocess.run(command, cwd=self.top, env=self.environment, capture_output=True, text=True, check=False)
        if not (silent or self.quiet):
            print("".join(f"  {text}\n" for text in (done.stdout + done.stderr).splitlines()), end="")
        if done.returncode != expect:
            raise SystemExit(f"assay {line}: exit {done.returncode}, not {expect}\n{done.stdout}{done.stderr}")
        return done.stdout


def main() -> int:
    """Play it in a new folder."""
    play(Scene(Path(tempfile.mkdtemp(prefix="assaymark-registry-")), quiet="--quiet" in sys.argv))
    return 0


def play(scene: Scene) -> None:
    """From nothing to a refused copy."""
    print("\nA registry, and whom it trusts: root keys that stay offline, people, the server's own keys")
    found_organisation(scene)
    print("\nAnn publishes; the bytes are sealed with her key and scanned")
    build(scene.top / "model")
    scene.run("registry create fraud", silent=True)
    scene.run(f"registry create {MODEL}", silent=True)
    scene.run(f"registry publish model {VERSION} --as ann --key ann")
    print("\nDan asks for production; two approvers check it against their own copy of the trust root, and sign")
    asked = scene.run(f"registry request {VERSION} --channel production --as dan --key dan")
    nonce = next(line.split()[1] for line in asked.splitlines() if line.startswith("request"))
    for who in ("bea", "cid"):
        scene.run(f"registry approve {nonce} --as {who} --key {who} --root root.json --reason 'evaluation is fine'")
    scene.run(f"registry promote {nonce}")
    print("\nA serving host fetches it, and verifies all of that offline before it loads a byte")
    scene.run(f"registry pull {MODEL} --channel production --into served")
    verify = f"verify served --bundle served.bundle --root root.json --channel {PLACE}"
    code = "import os; print('loading from', os.environ['ASSAY_MODEL'], sorted(os.listdir(os.environ['ASSAY_MODEL'])))"
    scene.run(f"{verify} --into private --exec -- {shlex.quote(sys.executable)} -c {shlex.quote(code)}")
    print("\nSomebody with root on the server swaps a file: the copy is refused")
    with open(scene.top / "served" / "model.safetensors", "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x7f")
    scene.run(verify, expect=1)
    print("\nEvery act is in a ledger that an auditor checks from static files")
    scene.run("ledger verify home/registry/log --root root.json")
    print("\nEve stops the version; from now on nobody gets it")
    scene.run(f"registry quarantine {VERSION} --as eve --key eve --reason 'a backdoor was reported'")
    scene.run(f"registry pull {MODEL} --channel production --into again", expect=2)


def found_organisation(scene: Scene) -> None:
    """Keys, the registry, and a trust root that two of two root keys sign."""
    for name in ("root1", "root2", *PEOPLE):
        scene.run(f"key create {name}", silent=True)
    scene.run("registry init --origin registry.example/log")
    scene.run("trust init root.json --name example --root-key root1 --root-key root2 --threshold 2", silent=True)
    scene.run("trust add log root.json --origin registry.example/log --key registry-log", silent=True)
    scene.run("trust add server root.json --key registry-server", silent=True)
    scene.run("trust add person root.json scanner --role scanner --key registry-scanner", silent=True)
    for name, role in PEOPLE.items():
        scene.run(f"trust add person root.json {name} --role {role} --key {name}", silent=True)
    scene.run("trust policy root.json production production", silent=True)
    for name in ("root1", "root2"):
        scene.run(f"trust sign root.json --key {name}", silent=True)
    scene.run("trust show root.json")
    scene.run("registry trust root.json")


def build(folder: Path) -> None:
    """An honest model: weights in safetensors, and a configuration."""
    folder.mkdir()
    weights = struct.pack("<12f", *(i / 12 for i in range(12)))
    header = json.dumps({"w": {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, len(weights)]}}).encode()
    header += b" " * (-len(header) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + weights)
    (folder / "config.json").write_text(json.dumps({"model_type": "scorer", "inputs": 4}))


if __name__ == "__main__":
    sys.exit(main())
