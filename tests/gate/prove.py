"""Shows the cases whose loaders are not in the locked environment, and keeps what was shown in proved.txt.

    python -m tests.gate.prove PYTHON LOADER...     PYTHON has the libraries of these loaders

A line is the sha256 of the case, its loader and its name: a case that changes has to be shown again.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.gate.test_gate import MALICIOUS, PROVED, ask, digest, write


def main(python: str, *loaders: str) -> int:
    lines = PROVED.read_text().splitlines() if PROVED.exists() else []
    kept = {line for line in lines if line.split(" ")[1] not in loaders}
    script = Path(__file__).parent / "loaders.py"
    child = subprocess.Popen([python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    failed = 0
    for case in MALICIOUS.values():
        if case.loader not in loaders:
            continue
        with tempfile.TemporaryDirectory() as folder:
            answer = ask(child, case.loader, write(case, Path(folder)))
        if answer == "yes":
            kept.add(f"{digest(case)} {case.loader} {case.name}")
        else:
            failed += 1
            print(f"{answer}: {case.loader} {case.name}")
    child.communicate()
    PROVED.write_text("".join(f"{line}\n" for line in sorted(kept, key=lambda line: line.split(" ", 1)[1])))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
