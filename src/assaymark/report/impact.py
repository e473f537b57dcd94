"""An answer to "who is affected?" as people and machines read it. Each form takes the head and the hits as JSON objects.

The same objects come from the home's registry and from a server, so the pictures are the same.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from assaymark.core.look import clean

Json = Mapping[str, Any]
SHOWN = 50
"""Hits that the text names; the other forms name all."""
HOW = {
    "trainedOn": "trained on", "testedOn": "tested on", "descendantOf": "made from", "dependsOn": "needs",
    "contains": "contains", "hasDataFile": "reads", "usesTool": "made with", "hasInput": "read", "generatedBy": "written by",
    "hasHost": "runs on", "suppliedBy": "supplied by", "deployedAs": "serves", "names": "is a name of",
}  # fmt: skip
_COLUMNS = (
    "name", "kind", "stage", "owner", "state", "channels", "live_deployments", "ended_deployments", "possibly",
    "exposed_from", "exposed_until", "path", "key",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def text(head: Json, hits: Iterable[Json], *, shown: int = SHOWN) -> Iterator[str]:
    """How many, by stage, and what is live; then each."""
    yield from _summary(head)
    total = head["counts"]["hits"]
    for place, hit in enumerate(hits):
        if place >= shown:
            yield f"\n… and {total - shown:,} more: --format json, csv or html names all\n"
            return
        yield "\n" + "".join(f"{line}\n" for line in _lines(hit))


def _summary(head: Json) -> Iterator[str]:
    counts = head["counts"]
    asked = clean(head["what"]) + (f", as of {head['as_of']}" if head["as_of"] else "")
    asked += f", in the channel {clean(head['channel'])}" if head["channel"] else ""
    if head["withdrawn"]:
        yield f"{asked} was withdrawn at {clean(head['withdrawn'])}: nobody is affected by it\n"
        return
    if not counts["hits"]:
        yield f"nobody is affected by {asked}\n"
    else:
        kinds = ", ".join(f"{number:,} {_plural(kind, number)}" for kind, number in sorted(counts["kinds"].items()))
        yield f"{kinds} affected by {asked}\n"
        stages = sorted(counts["stages"].items(), key=lambda one: (_order(one[0]), one[0]))
        yield "  " + ", ".join(f"{number:,} {_stage(stage)}" for stage, number in stages) + "\n"
        yield f"  {counts['live']:,} live {_plural('deployment', counts['live'])}\n"
        if counts["possibly"]:
            yield f"  {counts['possibly']:,} only possibly: they come from a version that could not be decided\n"
    for seed in head["seeds"][:8]:
        yield f"  asked for: {clean(seed['name'])}" + (f" ({seed['possibly']})" if seed["possibly"] else "") + "\n"
    if head["seeds_total"] > 8:
        yield f"  asked for: {head['seeds_total'] - 8:,} more\n"
    for note in head["notes"]:
        yield f"  note: {clean(note)}\n"


def _lines(hit: Json) -> Iterator[str]:
    mark = "  (possibly)" if hit["possibly"] else ""
    states = sorted({version["state"] for version in hit["versions"]} - {"verified"})
    state = f"  {', '.join(states)}" if states else ""
    yield f"{clean(hit['name'])}  {_stage(hit['stage'])}{state}{mark}"
    others = [clean(version["name"]) for version in hit["versions"][1:]]
    if others:
        yield f"  also     {', '.join(others[:5])}" + (f" and {len(others) - 5} more" if len(others) > 5 else "")
    if hit["owner"]:
        yield f"  owner    {clean(hit['owner'])}"
    if hit["path"]:
        yield f"  path     {way(hit['path'])}"
    yield f"  exposed  {span(hit['exposed_from'], hit['exposed_until'])}"
    for one in hit["deployments"][:10]:
        stands = f"live since {one['since']}" if one["live"] else f"ended {one['until']}"
        yield f"  deployed {clean(one['environment'])}/{clean(one['name'])}: {stands}"
    if len(hit["deployments"]) > 10:
        yield f"  deployed {len(hit['deployments']) - 10:,} more"


def way(path: Iterable[Json]) -> str:
    """A path on one line, from what was asked for."""
    told = ""
    for step in path:
        name = clean(step["name"])
        told = f"{told} ← {HOW.get(step['by'], step['by'])} ← {name}".replace("←  ←", "←") if told else name
    return told


def span(since: str, until: str) -> str:
    """Since and until."""
    return f"{f'since {since}' if since else 'always'}{f' until {until}' if until else ''}"


def _stage(stage: str) -> str:
    return {"none": "in no channel", "outside": "not in the registry"}.get(stage, f"in {clean(stage)}")


def _order(stage: str) -> int:
    return {"production": 0, "staging": 1, "none": 3, "outside": 4}.get(stage, 2)


def _plural(word: str, number: int) -> str:
    return word if number == 1 or word == "data" else f"{word}s"


def as_json(head: Json, hits: Iterable[Json]) -> Iterator[str]:
    """One object, written as it comes."""
    begin = json.dumps(dict(head), indent=2, ensure_ascii=True)
    yield begin.removesuffix("\n}") + ',\n  "hits": ['
    comma = ""
    for hit in hits:
        yield f"{comma}\n    {json.dumps(dict(hit), ensure_ascii=True)}"
        comma = ","
    yield "\n  ]\n}\n" if comma else "]\n}\n"


def as_csv(head: Json, hits: Iterable[Json]) -> Iterator[str]:
    """A row for each hit; no cell is a formula to a spreadsheet."""
    del head
    yield _row(_COLUMNS)
    for hit in hits:
        live = [f"{one['environment']}/{one['name']}" for one in hit["deployments"] if one["live"]]
        ended = [f"{one['environment']}/{one['name']}" for one in hit["deployments"] if not one["live"]]
        names = " ".join(version["name"] for version in hit["versions"]) or hit["name"]
        states = " ".join(sorted({version["state"] for version in hit["versions"]}))
        channels = " ".join(sorted({channel for version in hit["versions"] for channel in version["channels"]}))
        yield _row((
            names, hit["kind"], hit["stage"], hit["owner"], states, channels, " ".join(live), " ".join(ended),
            "possibly" if hit["possibly"] else "", hit["exposed_from"], hit["exposed_until"], way(hit["path"]),
            hit["key"],
        ))  # fmt: skip


def _row(cells: Iterable[str]) -> str:
    target = io.StringIO()
    csv.writer(target).writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in map(clean, cells)])
    return target.getvalue()
