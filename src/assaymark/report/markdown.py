"""GitHub and GitLab Markdown for a pull request comment or a step summary.

At most 60,000 characters (a comment takes 65,536); what did not fit is counted. Texts of strangers stand in code or
are escaped, so that none of them formats, links, mentions or embeds anything.
"""

import html
import re
from collections.abc import Iterable, Iterator, Mapping

from assaymark.core.check import Rule
from assaymark.core.finding import Finding
from assaymark.core.scan import Gap, ScanReport
from assaymark.report import summary

LIMIT = 60_000
_TAIL = 8_000
"""Room kept for what stands after the findings: coverage and the note of what was cut."""
_ROWS = 12
_SHORT = 300
_OPEN = 3
_SPECIAL = re.compile(r"([\\`*_\[\]#|~<>&$])")
_STARTING = re.compile(r"^(\d*)([-+=.):])")
"""What formats at the start of a line only."""
_CODE = re.compile(r"`([^`]+)`")
_TICKS = re.compile(r"`+")
_LINKING = re.compile(r"(?<=[@#])|(?=://)|(?<=www)(?=\.)|(?<=:)(?=\w+:)", re.IGNORECASE)
"""Where a mention, an issue, a link or an emoji would be made of bare text; broken by a character without width."""
_ENTITIES = {ord(mark): f"&#{ord(mark)};" for mark in "\\`*_[]|~$"}
_ZERO_WIDTH = "\u200b"


def render(report: ScanReport, rules: Mapping[str, Rule]) -> str:
    """The verdict, findings in `<details>`, worst first, then coverage."""
    head = "\n".join([*_verdict(report), "", *_counts(report), ""])
    tail = "\n".join(_coverage(report))
    room = LIMIT - max(_TAIL, len(tail) + 500) - len(head)
    blocks: list[str] = []
    shown = 0
    for finding in report.findings:
        block = "\n".join(_finding(report, rules, finding, is_open=shown < _OPEN))
        if len(block) + 1 > room:
            break
        room -= len(block) + 1
        blocks.append(block)
        shown += 1
    blocks += _cut(report.findings[shown:])
    return "\n".join([head, *blocks, tail]) + "\n"


def _verdict(report: ScanReport) -> Iterator[str]:
    verdict = report.verdict
    counts = summary.count_words(summary.by_severity(report.findings))
    yield f"## {summary.OUTCOME_GLYPH[verdict.outcome]} Assaymark: {verdict.outcome.value.upper()}"
    yield ""
    named = ", ".join(_code(root.given, _SHORT) for root in report.roots[:_ROWS])
    more = f" and {len(report.roots) - _ROWS} more" if len(report.roots) > _ROWS else ""
    yield f"{counts} in {summary.plural(len(report.files), 'file')} of {named}{more}."
    yield ""
    reasons = summary.gathered(verdict)
    for reason in reasons[:_ROWS]:
        code = f"{_code(reason.code, 40)}{summary.times(reason.count)}"
        yield f"- **{reason.outcome.value}** {code}: {_prose(reason.message, _SHORT)}"
    if len(reasons) > _ROWS:
        yield f"- and {len(reasons) - _ROWS} more reasons"
    if not reasons:
        yield f"- {summary.OUTCOME_MEANING[verdict.outcome]}"


def _counts(report: ScanReport) -> Iterator[str]:
    yield "| Severity | Findings | Ignored | Known |"
    yield "|---|--:|--:|--:|"
    found = summary.by_severity(report.findings)
    ignored = summary.by_severity(entry.finding for entry in report.ignored)
    known = summary.by_severity(report.known)
    for severity in summary.SEVERITIES:
        glyph = summary.SEVERITY_GLYPH[severity]
        yield f"| {glyph} {severity.word} | {found[severity]:,} | {ignored[severity]:,} | {known[severity]:,} |"


def _finding(report: ScanReport, rules: Mapping[str, Rule], finding: Finding, *, is_open: bool) -> Iterator[str]:
    place = summary.place(report.locate(finding.where))
    title = summary.one_line(finding.title)
    yield "<details open>" if is_open else "<details>"
    yield (
        f"<summary>{summary.SEVERITY_GLYPH[finding.severity]} <b>{finding.severity.word}</b> "
        f"<code>{_html(finding.id)}</code> {_unlinked(_html(_short(title, _SHORT)))}"
        f" · <code>{_html(_short(place, _SHORT))}</code></summary>"
    )
    yield ""
    times = f" (seen {finding.count:,} times)" if finding.count > 1 else ""
    yield f"{_prose(finding.message, 1_000)}{times}"
    yield ""
    if finding.excerpt:
        yield _fence("\n".join(f"{gutter} | {line}" for gutter, line in summary.excerpt(finding))[:1_000])
        yield ""
    rule = rules.get(finding.id)
    if rule:
        yield f"- **Why:** {_prose(rule.why, 1_000)}"
        yield f"- **Fix:** {_prose(rule.fix, 1_000)}"
        if rule.refs:
            yield f"- **References:** {', '.join(_code(ref, 60) for ref in rule.refs[:_ROWS])}"
    yield f"- **Fingerprint:** {_code(finding.fingerprint, 64)}"
    yield ""
    yield "</details>"
    yield ""


def _cut(findings: tuple[Finding, ...]) -> list[str]:
    """An honest word on what did not fit."""
    if not findings:
        return []
    ids = summary.by_id(findings)
    named = ", ".join(f"{_code(rule_id, 40)}{summary.times(number)}" for rule_id, number in ids[:_ROWS])
    more = f" and {len(ids) - _ROWS:,} other ids" if len(ids) > _ROWS else ""
    number = summary.plural(len(findings), "more finding")
    return [f"**{number} not shown here**, for want of room: {named}{more}. The json and html forms have them all.", ""]


def _coverage(report: ScanReport) -> Iterator[str]:
    analysed = sum(file.analysed for file in report.files)
    ran = sum(number > 0 for number in report.checks.values())
    yield "<details>"
    yield (
        f"<summary>Coverage: {summary.plural(len(report.files), 'file')}, {summary.size(report.bytes)}, "
        f"{analysed:,} parsed, {summary.plural(ran, 'check')} ran</summary>"
    )
    yield ""
    seen = [f"{_code(name, 60)} {number:,}" for name, number in summary.formats_seen(report)]
    yield f"- **Bytes:** {summary.bytes_seen(report)}"
    yield f"- **Formats:** {_some(seen) or 'none that is known'}"
    yield f"- **Checks:** {ran:,} ran, {len(report.checks) - ran:,} had nothing to read"
    got = summary.fetched(report)
    if got:
        yield f"- **Fetched:** {got}"
    yield f"- **Left out:** {_gaps(report.gaps)}"
    yield f"- **Excluded:** {_gaps(report.excluded)}"
    yield (
        f"- **Not shown:** {len(report.ignored):,} ignored, {len(report.known):,} known by the baseline, "
        f"{report.hidden:,} of another persona"
    )
    for root in report.roots[:_ROWS]:
        if root.source:
            yield f"- **Resolved:** {_code(summary.resolved(root.source), 512)}"
        if root.subject:
            yield f"- **Subject:** {_code(root.given, _SHORT)} {_code(str(root.subject.digest), 128)}"
    yield f"- **Policy:** {_code(report.verdict.policy, 128)}"
    yield f"- **Scanner:** assaymark {_code(report.tool.version, 40)} {_code(report.tool.checkset, 128)}"
    yield ""
    yield "</details>"


def _gaps(gaps: tuple[Gap, ...]) -> str:
    if not gaps:
        return "nothing"
    reasons = [
        f"{_prose(why, 120)} (and {number - 1:,} alike)" if number > 1 else _prose(why, 120)
        for why, number in summary.alike(gaps)
    ]
    return f"{len(gaps):,}: {_some(reasons, between='; ')}"


def _some(parts: list[str], between: str = ", ") -> str:
    more = f"{between}and {len(parts) - _ROWS:,} more" if len(parts) > _ROWS else ""
    return between.join(parts[:_ROWS]) + more


def _prose(text: str, limit: int) -> str:
    """One line in which nothing is Markdown but what stands between backticks, which is code."""
    parts = _CODE.split(_short(summary.one_line(text), limit))
    line = "".join(_code(part, limit) if index % 2 else _plain(part) for index, part in enumerate(parts))
    return _STARTING.sub(r"\1\\\2", line)


def _plain(text: str) -> str:
    return _unlinked(_SPECIAL.sub(r"\\\1", text))


def _unlinked(text: str) -> str:
    return _LINKING.sub(_ZERO_WIDTH, text)


def _code(text: str, limit: int) -> str:
    """A code span longer than any run of backticks inside it. Never used in a table, where `|` would end the cell."""
    text = _short(summary.one_line(text), limit) or " "
    ticks = "`" * (_longest(text) + 1)
    return f"{ticks} {text} {ticks}" if "`" in text else f"{ticks}{text}{ticks}"


def _fence(text: str) -> str:
    fence = "`" * max(3, _longest(text) + 1)
    return f"{fence}text\n{text}\n{fence}"


def _longest(text: str) -> int:
    runs: Iterable[str] = _TICKS.findall(text)
    return max(map(len, runs), default=0)


def _html(text: str) -> str:
    """For a line of HTML, in which some readers look for Markdown still."""
    return html.escape(summary.one_line(text)).translate(_ENTITIES)


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
