import re

import pytest

from assaymark.report.markdown import LIMIT, render
from tests.report import samples

FENCE = re.compile(r"^(`{3,})text\n.*?\n\1$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<![\\`])(`+)(?!`)(.+?)(?<!`)\1(?!`)")
TAG = re.compile(r"(?<!\\)<(/?)(\w+)([^>]*)>")


def bare(document: str) -> str:
    """The document without its code."""
    return SPAN.sub("", FENCE.sub("", re.sub(r"<code>.*?</code>", "", document)))


def test_the_verdict_is_said_first() -> None:
    lines = render(samples.rich(), samples.RULES).splitlines()
    assert lines[0] == "## ✖ Assaymark: DENY"
    assert lines[2] == "1 critical · 3 high · 2 medium · 2 low in 11 files of `projects/tiny`."
    assert lines[4].startswith("- **deny** `MDL901`: critical: posix.system is called")
    assert "| ▲ high | 3 | 0 | 0 |" in lines
    assert "| ◆ medium | 2 | 1 | 0 |" in lines


def test_a_finding_has_excerpt_why_fix_and_fingerprint() -> None:
    document = render(samples.rich(), samples.RULES)
    assert "```text\n37 | STACK_GLOBAL posix system\n" in document
    assert "- **Fix:** Name the digest: `FROM python:3.12-slim@sha256:…`." in document
    assert "- **Fingerprint:** `75c7a0279d2cb8953f1b5879ae052c39`" in document
    assert "<code>projects/tiny/Dockerfile:1</code></summary>" in document


def test_coverage_and_subject_stand_at_the_end() -> None:
    document = render(samples.rich(), samples.RULES)
    assert "- **Not shown:** 1 ignored, 1 known by the baseline, 4 of another persona" in document
    assert "- **Subject:** `projects/tiny` `assaymark-manifest-v1:" in document
    assert document.rstrip().endswith("</details>")


@pytest.mark.parametrize("name", ["rich", "clean", "empty", "hostile", "big"])
def test_a_comment_has_room_for_it(name: str) -> None:
    document = render(getattr(samples, name)(), samples.RULES)
    assert len(document) <= LIMIT
    assert document.count("<details") == document.count("</details>") or name == "hostile"


def test_what_was_cut_is_counted() -> None:
    report = samples.big()
    document = render(report, samples.RULES)
    shown = document.count("- **Fingerprint:**")
    assert f"**{len(report.findings) - shown:,} more findings not shown here**" in document


def test_a_strangers_text_formats_nothing() -> None:
    document = bare(render(samples.hostile(), samples.hostile_rules()))
    assert {tag for _, tag, _ in TAG.findall(document)} == {"details", "summary", "b"}
    assert {extra for _, _, extra in TAG.findall(document)} == {"", " open"}
    assert "](" not in document.replace("\\](", "")
    assert not re.search(r"^(#|~~~|```|>|\|(?!( | Severity|---)))", document.replace("## ✖", ""), re.MULTILINE)


def test_a_strangers_text_links_and_mentions_nobody() -> None:
    document = bare(render(samples.hostile(), samples.hostile_rules()))
    assert "@\u200beveryone" in document
    assert not re.search(r"[@#]\w", document)
    assert not re.search(r"(?<!\u200b)://", document)
    assert not re.search(r"www\.", document)
    assert not re.search(r":\w+:", document)


def test_code_is_longer_than_the_backticks_in_it() -> None:
    document = render(samples.hostile(), samples.hostile_rules())
    assert "````text\n7 | | a | b |\n" in document.replace("8 | |", "7 | |")
    assert FENCE.findall(document)
