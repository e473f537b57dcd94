"""HTML, SVG and JavaScript in notebook outputs: what would run when a trusted notebook is opened.

Plots of plotly, Bokeh, Vega and the like are scripts too, so a script alone says nothing. What counts is what a plot
has no business with: running code in the kernel, cookies, sending things out, hidden code, scripts of unknown hosts.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_MOST = 8 << 20
_PATTERNS = (
    (re.compile(r"\bkernel\.execute\s*\(\s*(?!cmd_|command\b)"), "runs code in the kernel"),
    (re.compile(r"\bdocument\s*(?:\.\s*cookie|\[\s*['\"]cookie['\"]\s*\])"), "reads cookies"),
    (re.compile(r"\b(?:eval|Function|setTimeout)\s*\(\s*(?:window\.)?(?:atob|unescape|decodeURIComponent)\s*\("), "runs hidden code"),
    (re.compile(r"\bfetch\s*\(\s*['\"`](?:https?:)?//"), "sends a request to another host"),
    (re.compile(r"\.open\s*\(\s*['\"](?:GET|POST|PUT)['\"]\s*,\s*['\"`](?:https?:)?//", re.IGNORECASE), "sends a request to another host"),
    (re.compile(r"\bsendBeacon\s*\("), "sends a request to another host"),
    (re.compile(r"\bnew\s+WebSocket\s*\(\s*['\"`]wss?://(?!localhost|127\.)"), "opens a connection to another host"),
    (re.compile(r"\bnew\s+Image\b[^;]{0,80}\.src\s*=\s*['\"`](?:https?:)?//[^'\"`]+['\"`]\s*\+"), "sends data to another host"),
)  # fmt: skip
_HANDLER = re.compile(
    r"<[a-z][\w:-]*\s(?:[^<>]{0,500}?\s)?on(?:error|load|focus|toggle|begin|animationstart|pageshow)\s*+=\s*+[\"']?+\s*+"
    r"(?!this\.(?:contentDocument|style|height|width)|resize)",
    re.IGNORECASE,
)
_URL = re.compile(
    r"<(?:iframe|object|embed|a|form)\s[^<>]{0,500}?(?:src|data|href|action)\s*=\s*[\"']?\s*javascript:", re.IGNORECASE
)
_SOURCE = re.compile(r"<script\s[^<>]{0,300}?src\s*=\s*[\"']?(?P<url>(?:https?:)?//[^\"'\s>]+)", re.IGNORECASE)
_HOSTS = frozenset({
    "cdn.plot.ly", "cdn.jsdelivr.net", "cdnjs.cloudflare.com", "unpkg.com", "cdn.pydata.org", "cdn.bokeh.org",
    "cdn.holoviz.org", "code.jquery.com", "d3js.org", "ajax.googleapis.com", "www.gstatic.com", "ssl.gstatic.com",
    "cdn.mathjax.org", "requirejs.org", "maxcdn.bootstrapcdn.com", "netdna.bootstrapcdn.com", "stackpath.bootstrapcdn.com",
    "3dmol.org", "3dmol.csb.pitt.edu", "fonts.googleapis.com", "cdn.datatables.net", "openlayers.org", "api.mapbox.com",
    "code.highcharts.com", "www.google.com", "maps.googleapis.com", "colab.research.google.com", "use.fontawesome.com",
    "rawcdn.githack.com", "cdn.rawgit.com", "esm.sh", "cdn.skypack.dev", "wandb.ai", "threejs.org", "vega.github.io",
})  # fmt: skip
"""Hosts that plotting libraries themselves load their scripts from."""


@dataclass(frozen=True, slots=True)
class ActiveContent:
    """Something in an output that acts when the notebook is opened."""

    cell: int
    media: str
    does: str
    line: int
    excerpt: str


def active_content(kind: str, text: str) -> Iterator[tuple[str, str]]:
    """What the content does, each with the piece that shows it; nothing for plain text."""
    text = text[:_MOST]
    if kind == "application/javascript" or (kind in {"text/html", "image/svg+xml"} and "<script" in text.lower()):
        for pattern, does in _PATTERNS:
            match = pattern.search(text)
            if match:
                yield does, _around(text, match.start())
    if kind in {"text/html", "image/svg+xml"}:
        for match in _SOURCE.finditer(text):
            host = match["url"].partition("//")[2].partition("/")[0].lower()
            if host not in _HOSTS:
                yield f"loads a script from {host[:80]}", _around(text, match.start())
                break
        for pattern, does in ((_HANDLER, "runs an event handler on its own"), (_URL, "opens a javascript: address")):
            match = pattern.search(text)
            if match:
                yield does, _around(text, match.start())


def _around(text: str, at: int) -> str:
    start = text.rfind("\n", 0, at) + 1
    start = max(start, at - 60)
    end = text.find("\n", at)
    return text[start : min(end if end >= 0 else len(text), start + 200)].strip()
