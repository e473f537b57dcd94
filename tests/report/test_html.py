import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from assaymark.core.scan import Root, ScanReport
from assaymark.report.html import render
from tests.report import samples

VOID = {"meta", "link", "input", "br", "rect"}
TAGS = {
    "html", "head", "meta", "title", "link", "style", "body", "a", "header", "div", "p", "b", "time", "h1", "h2", "h3",
    "span", "ul", "li", "code", "nav", "main", "section", "dl", "dt", "dd", "svg", "rect", "fieldset", "legend",
    "label", "input", "details", "summary", "pre", "table", "caption", "thead", "tbody", "tr", "th", "td", "br", "footer",
}  # fmt: skip


class Page(HTMLParser):
    """Elements, attributes and text, with every tag closed in order."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(document)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]

    def values(self, attribute: str) -> list[str]:
        return [attrs[attribute] or "" for _, attrs in self.elements if attribute in attrs]


def page(name: str) -> tuple[str, Page]:
    rules = samples.hostile_rules() if name == "hostile" else samples.RULES
    document = render(getattr(samples, name)(), rules)
    return document, Page(document)


@pytest.mark.parametrize("name", ["rich", "clean", "empty", "hostile"])
def test_it_is_well_formed_and_accessible(name: str) -> None:
    document, read = page(name)
    assert document.startswith("<!doctype html>\n")
    assert read.all("html") == [{"lang": "en"}]
    for landmark in ("header", "nav", "main", "footer", "h1", "title"):
        assert len(read.all(landmark)) == 1
    ids = read.values("id")
    assert len(ids) == len(set(ids))
    assert set(read.values("aria-labelledby")) <= set(ids)
    assert {href[1:] for href in read.values("href") if href.startswith("#")} <= set(ids)
    assert all(attrs.get("scope") == "col" for attrs in read.all("th"))


@pytest.mark.parametrize("name", ["rich", "clean", "empty", "hostile"])
def test_it_asks_the_network_for_nothing_and_runs_nothing(name: str) -> None:
    document, read = page(name)
    assert {tag for tag, _ in read.elements} <= TAGS
    assert not [a for _, attrs in read.elements for a in attrs if a.startswith("on") or a in {"src", "srcset", "style"}]
    assert read.all("link") == [{"rel": "icon", "href": "data:,"}]
    style = re.search(r"<style>(.*?)</style>", document, re.DOTALL)
    assert style
    assert not re.search(r"url\(|@import|expression", style[1])
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = next(attrs["content"] for attrs in read.all("meta") if attrs.get("http-equiv"))
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    outward = [attrs for attrs in read.all("a") if not (attrs["href"] or "").startswith("#")]
    assert all(attrs["rel"] == "noreferrer noopener" for attrs in outward)
    known = ("https://cwe.mitre.org/", "https://atlas.mitre.org/", "https://www.cve.org/")
    assert all((attrs["href"] or "").startswith(known) for attrs in outward)


def test_a_strangers_text_is_text() -> None:
    document, read = page("hostile")
    assert "<script" not in document
    assert "<img" not in document
    text = " ".join(read.text)
    assert "</script></style></details><script>alert(1)</script>" in text
    assert "{{ 7 * 7 }} {% raw %}" in text


def test_the_verdict_is_a_word_and_a_glyph() -> None:
    for name, glyph, word in (("rich", "✖", "DENY"), ("clean", "✔", "ALLOW"), ("empty", "‖", "HOLD")):
        document, _ = page(name)
        assert f'<span class="glyph" aria-hidden="true">{glyph}</span> {word}</h1>' in document


def test_a_finding_has_all_that_a_reader_needs() -> None:
    _, read = page("rich")
    text = " ".join(" ".join(read.text).split())
    for part in (
        "critical MDL901 A pickle starts a command when the model is loaded",
        "projects/tiny/checkpoints/epoch-3.pt!epoch-3/data.pkl @37",
        "37 | STACK_GLOBAL posix system",
        "Why torch.load and joblib.load run whatever",
        "Fix Do not load it.",
        "References CWE:502 ATLAS:AML.T0011.000 OWASP-LLM:LLM03",
        "Seen 3 times, high confidence",
        "Fingerprint 75c7a0279d2cb8953f1b5879ae052c39",
        "More assay explain MDL901",
    ):
        assert part in text
    assert "https://cwe.mitre.org/data/definitions/502.html" in read.values("href")
    assert "https://atlas.mitre.org/techniques/AML.T0010.003" in read.values("href")


def test_findings_can_be_filtered_without_script() -> None:
    document, read = page("rich")
    shown = {attrs["id"] for attrs in read.all("input")}
    assert {"show-critical", "show-low", "show-model", "show-platform"} <= shown
    for name in shown:
        assert f"#findings:has(#{name}:not(:checked))" in document


def test_every_layer_is_there_even_when_nothing_was_met() -> None:
    document, _ = page("empty")
    for layer in ("data", "model", "library", "infrastructure", "tooling"):
        assert f"<h3>{layer}</h3>" in document
    assert document.count("no check had anything to read") == 5
    assert "nothing could be looked at, which is not the same as clean" in document


def test_set_aside_coverage_files_and_proof() -> None:
    report = samples.rich()
    _, read = page("rich")
    text = " ".join(" ".join(read.text).split())
    assert "1 ignored · 1 known by the baseline · 4 of another persona" in text
    assert "reviewed: phone numbers" in text
    assert "model/.cache named in assaymark.toml" in text
    assert all(file.sha256 and file.sha256 in text for file in report.files)
    assert str(report.roots[0].subject.digest) in text
    assert "Reproduce with assay scan projects/tiny" in text


def test_the_line_that_reproduces_it_is_quoted() -> None:
    roots = tuple(Root(given, given, is_folder=True, subject=None) for given in ("-x", "a b"))
    report = ScanReport(samples.AT, samples.TOOL, roots, (), (), samples.judge(()))
    assert "assay scan -- -x &#39;a b&#39;" in render(report, {})


def test_colours_have_contrast_in_both_schemes() -> None:
    """WCAG 2.2, 1.4.3: at least 4.5 to 1 for text."""
    document, _ = page("clean")
    schemes = [
        dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", root))
        for root in re.findall(r":root {(.*?)}", document, re.DOTALL)
    ]
    assert len(schemes) == 3
    schemes = schemes[:2]  # the third is for print, and takes its verdict colours from these
    for scheme in schemes:
        for ink in ("ink", "muted", "link", "critical", "high", "medium", "low", "info"):
            for ground in ("paper", "card", "sunk"):
                assert contrast(scheme[ink], scheme[ground]) >= 4.5, (ink, ground)
        for ground in ("deny", "hold", "allow"):
            assert contrast("#ffffff", scheme[ground]) >= 4.5, ground


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_print_and_narrow_screens_are_thought_of() -> None:
    document, _ = page("clean")
    assert "@media print" in document
    assert "::details-content" in document
    assert "@media (max-width" in document
    assert "prefers-reduced-motion" in document
