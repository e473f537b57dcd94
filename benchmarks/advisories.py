"""Advisories beside a naive scan: import, 300 pins warm and from a cold process, 10,000 pins again.

    ASSAY_FEEDS_DATA=/path/of/feeds python benchmarks/advisories.py

The folder holds `pypa-advisories.tar.zst` (OSV YAML) and `package-campaigns-osv.tar.zst` (OSV JSON). Goals: import 10 s, 300
pins 50 ms warm and 0.5 s cold, 10,000 pins 1 s. The naive scan asks every record about every pin with packaging alone.
"""

import os
import subprocess
import sys
import tempfile
import time
from typing import Any

from assaymark.auditing import Advisories, advisory_of, import_feed
from assaymark.library.advisories import versions
from assaymark.library.advisories.matching import match
from assaymark.library.advisories.osv import Advisory
from assaymark.library.inventory.model import Package
from assaymark.storage.advisories import Store, open_store

FEEDS = ("pypa-advisories.tar.zst", "package-campaigns-osv.tar.zst")
COLD = """
import sys
from assaymark.auditing import Advisories
from assaymark.library.inventory.model import Package
from assaymark.storage.advisories import open_store
pins = [line.split("==") for line in open(sys.argv[2]).read().split()]
print(len(Advisories(open_store(sys.argv[1])).known([Package("PyPI", n, v, "r", 1, "r") for n, v in pins])))
"""


def _timed(title: str, goal: float | None, work: Any) -> Any:
    begun, cpu = time.perf_counter(), time.process_time()
    result = work()
    wall, spent = time.perf_counter() - begun, time.process_time() - cpu
    said = "" if goal is None else f"  goal {goal:g} s: {'met' if wall <= goal else 'MISSED'}"
    print(f"{title:<44} {wall * 1000:10.1f} ms wall {spent * 1000:10.1f} ms CPU{said}")
    return result


def _pins(store: Store, count: int) -> list[Package]:
    """Names that records speak of, one in two at a version that they list, and names that nobody knows."""
    names = [row[0] for row in store._db.execute("SELECT DISTINCT package FROM affected ORDER BY package")]  # noqa: SLF001 - a benchmark
    step = max(1, len(names) // count)
    pins = []
    for at, name in enumerate(names[::step][:count]):
        listed = [v for s in store.lookup("PyPI", [name])[name] for _, _, rules in s.affected for v in rules[0]]
        pins.append(
            Package("PyPI", name, listed[len(listed) // 2] if listed and at % 2 else "99.1", "r.txt", at + 1, "r")
        )
    pins += [Package("PyPI", f"nobody-knows-{at}", "1.0", "r.txt", at, "r") for at in range(count - len(pins))]
    return pins


def _naive(records: list[Advisory], pins: list[Package]) -> int:
    return sum(match(record, "PyPI", pin.name, pin.version) is not None for pin in pins for record in records)


def main() -> int:
    """Run and print."""
    data = os.environ.get("ASSAY_FEEDS_DATA")
    if not data:
        print("ASSAY_FEEDS_DATA is not set: nothing was measured")
        return 3
    with tempfile.TemporaryDirectory() as home:
        paths = [os.path.join(data, name) for name in FEEDS]
        _timed("import of both feeds", 10, lambda: [import_feed(path, home=home) for path in paths])
        _timed("import again, nothing changed", None, lambda: [import_feed(path, home=home) for path in paths])
        store = open_store(home)
        assert store is not None
        pins, many = _pins(store, 300), _pins(store, 10_000)
        advisories = Advisories(store)
        versions.pep440.cache_clear()
        versions.canonical.cache_clear()
        found = _timed("300 pins, first time in this process", None, lambda: advisories.known(pins))
        print(f"    {len(found)} findings")
        _timed("300 pins, warm (a new look at the file)", 0.05, lambda: Advisories(store).known(pins))
        _timed("300 pins, warm (records kept)", 0.05, lambda: advisories.known(pins))
        listed = os.path.join(home, "pins.txt")
        with open(listed, "w", encoding="utf-8") as file:
            file.write("\n".join(f"{pin.name}=={pin.version}" for pin in pins))
        _timed(
            "300 pins, cold process",
            0.5,
            lambda: subprocess.run([sys.executable, "-c", COLD, home, listed], check=True),
        )
        again = Advisories(store)
        _timed("10,000 pins", 1, lambda: again.known(many))
        _timed("10,000 pins again", 1, lambda: again.known(many))
        rows = store._db.execute("SELECT DISTINCT name FROM advisory").fetchall()  # noqa: SLF001 - a benchmark
        records = [advisory_of(row) for (name,) in rows for row in store.by_id(name)[:1]]
        count = _timed(f"naive: 300 pins x {len(records):,} records", None, lambda: _naive(records, pins))
        print(
            f"    {count} matches before aliases are merged; {os.path.getsize(os.path.join(home, 'advisories.sqlite')):,} bytes"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
