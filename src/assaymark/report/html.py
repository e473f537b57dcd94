"""One self-contained page that people like to look at: it asks the network for nothing and runs no script.

The only style is the inline sheet, allowed by its hash, so even text that broke out of its escape could neither load
nor run anything.
"""

import base64
import hashlib
import re
import shlex
from collections import Counter
from collections.abc import Mapping
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from assaymark.core.check import Rule
from assaymark.core.finding import Finding, Severity
from assaymark.core.record import dataclass
from assaymark.core.scan import ScanReport
from assaymark.core.subject import Layer
from assaymark.report import summary

_OPEN = 3
"""Findings whose details stand open, so that the page explains itself at first sight."""
_ROWS_OPEN = 40
_SHORT_LIST = 8
_LAYERS = {
    Layer.DATA: "datasets, tables, labels",
    Layer.MODEL: "weights and checkpoints",
    Layer.LIBRARY: "requirements and lockfiles",
    Layer.INFRA: "images, builds, deployments",
    Layer.TOOLING: "notebooks, trackers, pipelines",
    Layer.PLATFORM: "what the scanner could not look at",
}
_CODE = re.compile(r"`([^`]+)`")
_LINKS = (
    (re.compile(r"CWE:(\d{1,6})"), "https://cwe.mitre.org/data/definitions/{}.html"),
    (re.compile(r"ATLAS:(AML\.T\d{4}(?:\.\d{3})?)"), "https://atlas.mitre.org/techniques/{}"),
    (re.compile(r"CVE:(CVE-\d{4}-\d{4,7})"), "https://www.cve.org/CVERecord?id={}"),
)


@dataclass(frozen=True, slots=True)
class _Band:
    """One severity's part of a layer's bar, in percent of its width."""

    severity: Severity
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class _LayerCard:
    layer: Layer
    about: str
    counts: Mapping[Severity, int]
    ran: int
    bands: tuple[_Band, ...]


def render(report: ScanReport, rules: Mapping[str, Rule]) -> str:
    """Verdict, layers, findings, coverage, files and how to prove it, in one file."""
    style = (files(__package__) / "templates" / "report.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return _environment().get_template("report.html.j2").render(
        report=report,
        rules=rules,
        summary=summary,
        style=Markup(style),  # noqa: S704 - our own file
        style_hash=f"sha256-{digest}",
        counts=summary.by_severity(report.findings),
        fetched=summary.fetched(report),
        layers=_layers(report),
        reasons=summary.gathered(report.verdict),
        outcomes=report.outcomes,
        per_file=Counter(finding.where.path for finding in report.findings),
        analysed=sum(file.analysed for file in report.files),
        ran=sum(number > 0 for number in report.checks.values()),
        command=_command(report),
        open_findings=_OPEN,
        open_rows=_ROWS_OPEN,
        short_list=_SHORT_LIST,
    ) + "\n"  # fmt: skip


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(str(__package__), "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "line": summary.one_line,
        "place": summary.place,
        "size": summary.size,
        "plural": summary.plural,
        "times": summary.times,
        "resolved": summary.resolved,
        "prose": _prose,
        "excerpt": _excerpt,
        "link": _link,
        "layer": summary.layer_of,
    }
    return environment


def _layers(report: ScanReport) -> list[_LayerCard]:
    """The five layers, and the platform's own row when it has something to say."""
    found: dict[Layer, list[Finding]] = {layer: [] for layer in _LAYERS}
    for finding in report.findings:
        found[summary.layer_of(finding.id)].append(finding)
    ran = Counter(summary.layer_of(rule_id) for rule_id, number in report.checks.items() if number)
    most = max((len(findings) for findings in found.values()), default=0)
    return [
        _LayerCard(layer, about, counts := summary.by_severity(found[layer]), ran[layer], _bands(counts, most))
        for layer, about in _LAYERS.items()
        if layer is not Layer.PLATFORM or found[layer]
    ]


def _bands(counts: Mapping[Severity, int], most: int) -> tuple[_Band, ...]:
    bands: list[_Band] = []
    start = 0.0
    for severity, number in counts.items():
        if number:
            width = round(100 * number / most, 2)
            bands.append(_Band(severity, round(start, 2), width))
            start += width
    return tuple(bands)


def _command(report: ScanReport) -> str:
    """The line that makes this report again."""
    given = [summary.place(root.given) for root in report.roots]
    options = ["--"] if any(path.startswith("-") for path in given) else []
    return shlex.join(["assay", "scan", *options, *given])


def _prose(text: str) -> Markup:
    """One line; what stands between backticks is code."""
    parts = _CODE.split(summary.one_line(text))
    pieces = [Markup("<code>{}</code>").format(part) if index % 2 else part for index, part in enumerate(parts)]
    return Markup("").join(pieces)


def _excerpt(finding: Finding) -> str:
    return "\n".join(f"{gutter} | {line}" for gutter, line in summary.excerpt(finding))


def _link(ref: str) -> str:
    """Where a reference can be read; empty when it is none that we know."""
    for pattern, address in _LINKS:
        found = pattern.fullmatch(ref)
        if found:
            return address.format(found[1])
    return ""
