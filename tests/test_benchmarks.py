"""The benchmarks run; what they measure is not judged here."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_every_row_is_printed() -> None:
    command = [sys.executable, "benchmarks/run.py", "--quick", "--no-peers"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for row in ("start-up:", "tensors:", "pickles:", "folder:", "cache:"):
        assert f"\n{row}" in f"\n{done.stdout}"
    assert done.stdout.count("ms CPU") > 15
