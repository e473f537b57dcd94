"""Every case of the release gate, one process each, by us and by our rivals: `python3 dev.py scorecard [--peers NAME ...]`.

The exit code decides, as in a pipeline: a hostile case is stopped, missed (the tool says that all is well), refused (an error
or "cannot read that", which a pipeline may take either way) or out of time. Writes docs/scorecard.md.
"""

import argparse
import datetime as dt
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import peers
from assaymark import __version__

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PAGE = ROOT / "docs" / "scorecard.md"
KEPT = ROOT / "build" / "scorecard.json"
"""What rivals said of a case, by version and digest: they are not asked twice."""
SECONDS = 120
sys.path.insert(0, str(ROOT))

STOPPED, CLEAN, REFUSED, LATE = "stopped", "clean", "refused", "late"


OURS = "assaymark"
_OURS = [Path(sys.executable).parent / "assay", "scan", "-q", "--no-config", "--no-cache"]
_STOPS = {OURS: {1, 3}}
"""Exit codes that stop a pipeline: a hold of ours does, and counts as a false alarm on an honest case."""


def run(tool: str, path: Path, home: Path) -> str:
    """What a tool says of one case."""
    command = [*(_OURS if tool == OURS else peers.command(tool)), path]
    quiet = {"PATH": os.environ["PATH"], "HOME": str(home), "PROMPTFOO_DISABLE_TELEMETRY": "1", "NO_COLOR": "1"}
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, timeout=SECONDS, env=quiet, cwd=home, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return LATE
    return STOPPED if done.returncode in _STOPS.get(tool, {1}) else CLEAN if done.returncode == 0 else REFUSED


def version(tool: str) -> str:
    """Of its package."""
    return __version__ if tool == OURS else peers.version(tool)


def main() -> int:
    """Run, print, write."""
    from tests.gate.test_gate import MALICIOUS, digest, honest, write

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", nargs="*", choices=[*peers.COMMANDS], default=[*peers.COMMANDS], help="only these")
    wanted = parser.parse_args().peers
    peers.prepare(*wanted)
    tools = [OURS, *wanted]
    results: dict[str, dict[str, str]] = {}
    kept: dict[str, str] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    cases = {**MALICIOUS, **honest()}
    with tempfile.TemporaryDirectory(prefix="assaymark-scorecard-") as made:
        folder = Path(made)
        (folder / "home").mkdir()
        places = {name: folder / str(number) for number, name in enumerate(cases)}
        # A rival is pointed at the file where there is one: some know no folders.
        for name, case in cases.items():
            first = write(case, places[name])
            places[name] = places[name] if len(case.files) > 1 else first
        for tool in tools:
            keys = {name: f"{tool} {version(tool)} {digest(case)}" for name, case in cases.items()}
            new = [name for name in cases if tool == OURS or keys[name] not in kept]
            with ThreadPoolExecutor(3 * (os.cpu_count() or 1)) as pool:
                said = pool.map(partial(run, tool, home=folder / "home"), [places[name] for name in new])
                for name, answer in zip(new, said, strict=True):
                    kept[keys[name]] = answer
            results[tool] = {name: kept[keys[name]] for name in cases}
            KEPT.write_text(json.dumps(kept))
            print(tool, dict(Counter(results[tool].values())), flush=True)
    PAGE.write_text(page(tools, results, list(MALICIOUS), list(honest())))
    ours = results[OURS]
    return 0 if all((ours[n] == STOPPED) == (n in MALICIOUS) for n in cases) else 1


def page(tools: Sequence[str], results: dict[str, dict[str, str]], hostile: list[str], good: list[str]) -> str:
    """The page as Markdown."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for name in (*hostile, *good):
        kinds[name.split("/")[0]].append(name)
    today = dt.datetime.now(dt.UTC).date()
    system = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    lines = [
        "# Scorecard",
        "",
        f"Made by `python3 dev.py scorecard` on {today}, {system}; {len(hostile)} hostile and {len(good)} honest cases of the",
        "release gate ([tests/gate](../tests/gate)), one process for each case and tool. The exit code decides. *Refused* is an",
        'error or "not supported"; *missed* is exit code 0 on a hostile case. The cases were written here, by people who know our',
        "scanner best: read the classes rather than the sum, and run it on your own.",
        "",
        "| tool | version | stopped | missed | refused | out of time | false alarms | honest refused |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for tool in tools:
        bad = Counter(results[tool][name] for name in hostile)
        fine = Counter(results[tool][name] for name in good)
        lines.append(
            f"| {tool} | {version(tool)} | {bad[STOPPED]} of {len(hostile)} | {bad[CLEAN]} | {bad[REFUSED]} | {bad[LATE]} "
            f"| {fine[STOPPED]} of {len(good)} | {fine[REFUSED] + fine[LATE]} |"
        )
    lines += ["", "## By class", "", "Stopped of all hostile cases; false alarms of all honest ones.", ""]
    lines += [f"| class | cases | {' | '.join(tools)} |", f"|---|---|{'---|' * len(tools)}"]
    for kind, names in kinds.items():
        counts = (sum(results[tool][name] == STOPPED for name in names) for tool in tools)
        lines.append(f"| {kind} | {len(names)} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
