"""Measures the check of names: `python benchmarks/names.py [--popular FILE] [--campaigns FOLDER]`.

The list comes from `--popular`, or from `$ASSAY_FEEDS_DATA/popular-pypi-names.txt`. 1,500 names between ranks 500 and 15,000
are left out of the index: what is flagged of them is a false alarm. Pairs are made by mechanism from the 2,000 most popular
names that the index holds. How constants were set, and on which draws, is in docs/names.md. `--campaigns`: records in OSV whose
names were reported as malicious, of every kind, most of them no squats: how many are flagged is told, no rate is claimed.
"""

import argparse
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from assaymark.library.confusion import spelling
from assaymark.library.confusion.index import Index, build
from assaymark.library.confusion.judge import judge
from assaymark.library.confusion.lists import read

SEEDS = (201, 202, 203)
Make = Callable[[random.Random, str], str]


def at(chance: random.Random, name: str) -> int:
    """A letter that is neither the first nor the last."""
    return chance.choice([i for i in range(1, len(name) - 1) if name[i].isalpha()] or [1])


def swapped(chance: random.Random, name: str) -> str:
    i = at(chance, name)
    return name[:i] + name[i + 1] + name[i] + name[i + 2 :]


def dropped(chance: random.Random, name: str) -> str:
    i = at(chance, name)
    return name[:i] + name[i + 1 :]


def repeated(chance: random.Random, name: str) -> str:
    i = at(chance, name)
    return name[:i] + name[i] + name[i:]


def neighbour(chance: random.Random, name: str) -> str:
    i = at(chance, name)
    keys = sorted(key for key in spelling.NEAR.get(name[i], ()) if key.isalpha())
    return name[:i] + chance.choice(keys or ["x"]) + name[i + 1 :]


def vowel(chance: random.Random, name: str) -> str:
    i = chance.choice([i for i, c in enumerate(name) if c in "aeiou" and i] or [1])
    return name[:i] + chance.choice([c for c in "aeiou" if c != name[i]]) + name[i + 1 :]


def two_slips(chance: random.Random, name: str) -> str:
    return chance.choice((swapped, repeated, dropped))(chance, chance.choice((swapped, repeated))(chance, name))


def digit_look(chance: random.Random, name: str) -> str:
    i = chance.choice([i for i, c in enumerate(name) if c in "olis"] or [0])
    return name[:i] + name[i].translate(str.maketrans("olis", "0115")) + name[i + 1 :]


def capital_i(_: random.Random, name: str) -> str:
    return name.replace("l", "I", 1)


def foreign(_: random.Random, name: str) -> str:
    return name.translate(str.maketrans("aeopc", "\u0430\u0435\u043e\u0440\u0441"))


def separators(chance: random.Random, name: str) -> str:
    i = at(chance, name)
    return name.replace("-", "") if "-" in name else f"{name[: i + 1]}-{name[i + 1 :]}"


def order(_: random.Random, name: str) -> str:
    return "-".join(reversed(name.split("-")))


def python_affix(chance: random.Random, name: str) -> str:
    bare = name.removeprefix("python-").removeprefix("py-")
    return chance.choice(
        (f"python-{bare}", f"py-{bare}", f"{bare}-python", f"{bare}-py", f"python3-{bare}", f"py{bare}")
    )


def bait(chance: random.Random, name: str) -> str:
    return f"{name}-{chance.choice(('latest', 'dev', 'sdk', 'fix', 'official', 'pro', 'v2', 'update'))}"


MECHANISMS: tuple[Make, ...] = (
    swapped, dropped, repeated, neighbour, vowel, two_slips, digit_look, capital_i, foreign, separators, order,
    python_affix, bait,
)  # fmt: skip


def pairs(chance: random.Random, names: list[str], count: int) -> list[tuple[str, str, str]]:
    """(mechanism, wrong, right); not what is itself popular."""
    known, made = set(names), []
    for mechanism in MECHANISMS:
        while sum(row[0] == mechanism.__name__ for row in made) < count:
            right = chance.choice(names[:2000])
            if len(right) < 4:
                continue
            wrong = mechanism(chance, right)
            if wrong != right and spelling.normal(wrong) not in known:
                made.append((mechanism.__name__, wrong, right))
    return made


def held_out(names: list[str], seed: int) -> tuple[Index, list[str]]:
    out = set(random.Random(seed).sample(range(500, len(names)), 1500))
    start = time.perf_counter()
    block = build(name for i, name in enumerate(names) if i not in out)
    middle = time.perf_counter()
    index = Index(block)
    print(
        f"seed {seed}: {len(index.names):,} names indexed in {middle - start:.2f} s, {len(block) >> 20} MiB,", end=" "
    )
    print(f"opened in {(time.perf_counter() - middle) * 1e3:.1f} ms")
    return index, [names[i] for i in sorted(out)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--popular", default=os.path.join(os.environ.get("ASSAY_FEEDS_DATA", ""), "popular-pypi-names.txt")
    )
    parser.add_argument("--campaigns")
    given = parser.parse_args()
    if not os.path.exists(given.popular):
        print("no list of names: set ASSAY_FEEDS_DATA, or give --popular FILE")
        return 2
    names = read(Path(given.popular).read_bytes(), given.popular)
    for seed in SEEDS:
        index, ham = held_out(names, seed)
        judge(ham[0], index)
        start = time.process_time()
        told = [judge(name, index) for name in ham]
        each = (time.process_time() - start) / len(ham)
        flagged = [one for one in told if one and one.flagged]
        print(
            f"  {each * 1e6:.0f} us a name; false alarms {len(flagged)} of {len(ham)} ({len(flagged) / len(ham):.1%})"
        )
        known = list(index.names)
        made = pairs(random.Random(f"pairs {seed}"), known, 100)
        hits = [(kind, found is not None and found.flagged, found is not None and spelling.normal(found.target) == right)
                for kind, wrong, right in made for found in [judge(wrong, index)]]  # fmt: skip
        total, right = sum(hit for _, hit, _ in hits), sum(hit and same for _, hit, same in hits)
        print(f"  pairs: {total} of {len(hits)} flagged ({total / len(hits):.1%}), {right} with the right target")
        by = Counter(kind for kind, hit, _ in hits if hit)
        print("  " + ", ".join(f"{m.__name__} {by[m.__name__]}%" for m in MECHANISMS))
    if given.campaigns:
        index = Index(build(names))
        reported = {json.loads(path.read_bytes())["affected"][0]["package"]["name"] for path in Path(given.campaigns).rglob("*.json")}  # fmt: skip
        fresh = [name for name in reported if spelling.normal(name) not in index.ranks]
        codes = Counter(found.code for name in fresh if (found := judge(name, index)) and found.flagged)
        print(f"reported names: {codes.total()} of {len(fresh)} flagged: {dict(codes)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
