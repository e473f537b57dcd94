"""The answer as one page: a picture in layers, and a table of all. No script, nothing fetched; the sheet is allowed by its hash."""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from html import escape

from assaymark.core.look import clean
from assaymark.report.impact import HOW, Json, span, text, way

DRAWN = 60
"""Nodes of the picture at most."""
_WIDTH, _HEIGHT, _COLUMN, _ROW, _TOP = 190, 30, 250, 42, 50
_STYLE = """
:root{color-scheme:light dark;--ink:#1b1e22;--paper:#fafaf8;--card:#fff;--line:#bbb;--seed:#a10f3c;--model:#0b5394;--live:#74500a}
@media (prefers-color-scheme:dark){:root{--ink:#e7e8ea;--paper:#131518;--card:#1b1e22;--line:#555;--seed:#ff8fa9;--model:#8fc1ff;--live:#ecc35c}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:2rem}
pre{white-space:pre-wrap}.scroll{overflow-x:auto}table{border-collapse:collapse}
td,th{border-bottom:1px solid var(--line);padding:.3rem .6rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}
svg text{font:12px system-ui,sans-serif;fill:var(--ink)}svg .head{font-weight:600}
svg rect{fill:var(--card);stroke:var(--line)}svg .seed rect{stroke:var(--seed);stroke-width:2}
svg .model rect{stroke:var(--model)}svg .deployment rect{stroke:var(--live)}svg path{fill:none;stroke:var(--line)}
"""
_HEADS = ("Asked for", "Libraries, data, bases", "Models", "Deployments")


def page(head: Json, hits: Iterable[Json]) -> Iterator[str]:
    """The page, in pieces; the picture is of the first hits."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    title = escape(clean(str(head["what"])))
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>Affected by {title} · Assaymark</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>Affected by {title}</h1>\n<pre>{escape(''.join(text(head, ())))}</pre>\n"
    )
    rest = iter(hits)
    picture = _Picture()
    first = []
    for hit in rest:
        first.append(hit)
        if not picture.add(hit):
            break
    if first:
        yield f'<div class="scroll">{picture.svg()}</div>\n'
        if len(picture.hits) < head["counts"]["hits"]:
            yield f"<p>{len(picture.hits):,} of {head['counts']['hits']:,} hits are drawn; the table has all.</p>\n"
    names = ("Model", "Stage", "Owner", "Path", "Exposed", "Deployments")
    yield '<div class="scroll"><table>\n<thead><tr>' + "".join(f'<th scope="col">{name}</th>' for name in names)
    yield "</tr></thead>\n<tbody>\n"
    for part in (first, rest):
        yield from map(_row, part)
    yield "</tbody>\n</table></div>\n</body>\n</html>\n"


def _row(hit: Json) -> str:
    served = [
        f"{d['environment']}/{d['name']} ({'live' if d['live'] else 'ended ' + d['until']})" for d in hit["deployments"]
    ]
    names = ", ".join(version["name"] for version in hit["versions"]) or hit["name"]
    stage = hit["stage"] + (" (possibly)" if hit["possibly"] else "")
    cells = (
        names,
        stage,
        hit["owner"],
        way(hit["path"]),
        span(hit["exposed_from"], hit["exposed_until"]),
        ", ".join(served),
    )
    return "<tr>" + "".join(f"<td>{escape(clean(cell))}</td>" for cell in cells) + "</tr>\n"


class _Picture:
    """Nodes in columns by layer."""

    def __init__(self) -> None:
        self.hits: set[str] = set()
        self._nodes: dict[str, tuple[int, str]] = {}
        self._edges: dict[tuple[str, str], str] = {}

    def add(self, hit: Json) -> bool:
        """Draw a hit with its path and deployments; False where there is no room for it."""
        nodes: dict[str, tuple[int, str]] = {}
        edges: dict[tuple[str, str], str] = {}
        before = ""
        for place, step in enumerate(hit["path"]):
            is_hit = place == len(hit["path"]) - 1
            name = step["key"] or f"hidden {place} of {hit['key']}"
            layer = 2 if is_hit or ("@" in step["name"] and step["kind"] == "model") else 1
            nodes[name] = (0 if not place and not is_hit else layer, step["name"])
            if before:
                edges[before, name] = HOW.get(step["by"], step["by"])
            before = name
        for one in hit["deployments"]:
            if one["live"]:
                name = f"deployment:{one['environment']}/{one['name']}"
                nodes[name] = (3, f"{one['environment']}/{one['name']}")
                edges[before, name] = "runs as"
        if len(self._nodes.keys() | nodes.keys()) > DRAWN:
            return False
        for name, (layer, called) in nodes.items():
            old = self._nodes.get(name, (layer, called))
            self._nodes[name] = (max(old[0], layer) if 0 not in {old[0], layer} else 0, called)
        self._edges |= edges
        self.hits.add(hit["key"])
        return True

    def svg(self) -> str:
        """The picture."""
        rows = [0, 0, 0, 0]
        at: dict[str, tuple[int, int]] = {}
        boxes = []
        for name, (layer, called) in self._nodes.items():
            x, y = layer * _COLUMN + 10, _TOP + rows[layer] * _ROW
            rows[layer] += 1
            at[name] = (x, y)
            word = ("seed", "carrier", "model", "deployment")[layer]
            full = clean(called)
            short = full if len(full) <= 28 else f"{full[:13]}…{full[-13:]}"
            boxes.append(
                f'<g class="{word}"><title>{escape(full)}</title><rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="5"/>'
                f'<text x="{x + 8}" y="{y + 20}">{escape(short)}</text></g>'
            )
        lines = []
        for (source, target), how in self._edges.items():
            (x, y), (u, v) = at[source], at[target]
            begin, end = x + _WIDTH, u if u > x else u + _WIDTH
            lean = 40 if u > x else 60
            far = end - lean if u > x else end + lean
            curve = f"M{begin} {y + 15}C{begin + lean} {y + 15} {far} {v + 15} {end} {v + 15}"
            lines.append(f'<path d="{curve}"><title>{escape(how)}</title></path>')
        heads = [f'<text class="head" x="{10 + n * _COLUMN}" y="25">{name}</text>' for n, name in enumerate(_HEADS)]
        width, height = 4 * _COLUMN, _TOP + max(rows) * _ROW + 10
        drawn = "".join((*heads, *lines, *boxes))
        return f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" height="{height}" viewBox="0 0 {width} {height}">{drawn}</svg>'
