"""For people at a terminal: findings worst first and by file, then coverage, then the verdict.

A finding takes at most 8 lines. Severity and verdict are words and glyphs; colour only adds to them.
"""

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from assaymark.core.check import Rule
from assaymark.core.finding import Confidence, Finding, Severity
from assaymark.core.scan import Gap, ScanReport
from assaymark.core.verdict import Outcome
from assaymark.report import summary

_SHOWN = 50
"""Findings shown in full; the rest are counted by id unless asked for."""
_SHOWN_OF_A_RULE = 5
_REASONS = 5
_LINES = 8
_WIDEST = 120
_LABEL = 12
_SEVERITY_COLOUR = {
    Severity.CRITICAL: "1;31",
    Severity.HIGH: "31",
    Severity.MEDIUM: "33",
    Severity.LOW: "36",
    Severity.INFO: "2",
}
_OUTCOME_COLOUR = {Outcome.ALLOW: "1;32", Outcome.DENY: "1;31", Outcome.HOLD: "1;33"}


def render(
    report: ScanReport,
    rules: Mapping[str, Rule],
    *,
    color: bool = False,
    verbose: bool = False,
    quiet: bool = False,
    width: int | None = None,
) -> str:
    """`quiet` gives the verdict line alone, `verbose` leaves nothing out; `width` None never wraps."""
    page = _Page(report, rules, color=color, verbose=verbose, width=width)
    lines = [page.verdict_line()] if quiet else [*page.findings(), *page.coverage(), "", *page.verdict()]
    return "\n".join(map(_inert, lines)) + "\n"


def _inert(line: str) -> str:
    """A CI runner obeys lines that begin, white space aside, with `::` or `##[`: a folded message must not make one."""
    start = line.lstrip()
    return line if not start.startswith(("::", "##[")) else f"{line[: len(line) - len(start)]}· {start}"


class _Page:
    def __init__(
        self, report: ScanReport, rules: Mapping[str, Rule], *, color: bool, verbose: bool, width: int | None
    ) -> None:
        self.report = report
        self.rules = rules
        self.color = color
        self.verbose = verbose
        self.width = min(max(width, 40), _WIDEST) if width is not None else None

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and text else text

    # findings

    def findings(self) -> Iterator[str]:
        shown, rest = self.choose()
        explained: set[str] = set()
        for group in summary.by_file(shown):
            for finding in group:
                yield from self.finding(finding, explain=finding.id not in explained)
                yield ""
                explained.add(finding.id)
        if rest:
            yield from self.rest(rest)
            yield ""

    def choose(self) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
        """What is shown in full, and what is counted: a rule that is broken everywhere must not bury the others."""
        if self.verbose:
            return self.report.findings, ()
        shown: list[Finding] = []
        rest: list[Finding] = []
        of_rule: Counter[str] = Counter()
        for finding in self.report.findings:
            of_rule[finding.id] += 1
            (shown if of_rule[finding.id] <= _SHOWN_OF_A_RULE and len(shown) < _SHOWN else rest).append(finding)
        return tuple(shown), tuple(rest)

    def finding(self, finding: Finding, *, explain: bool) -> Iterator[str]:
        """The lines of one finding. Why and fix stand once for each rule: further on they would only repeat."""
        yield self.heading(finding)
        where = summary.place(self.report.locate(finding.where))
        yield f"  --> {where}  {self.paint(f'fingerprint {finding.fingerprint[:12]}', '2')}"
        rule = self.rules.get(finding.id)
        message = self.fold("    = ", summary.one_line(finding.message), 2)
        why = self.fold("  why ", summary.one_line(rule.why), 1) if rule and explain else []
        fix = self.fold("  fix ", summary.one_line(rule.fix), 2) if rule and explain else []
        free = _LINES - 2 - len(message) - len(why) - len(fix)
        yield from self.excerpt(finding, max(free, 1))
        yield from message
        yield from why
        yield from fix

    def heading(self, finding: Finding) -> str:
        glyph = summary.SEVERITY_GLYPH[finding.severity]
        severity = self.paint(f"{glyph} {finding.severity.word.upper()}", _SEVERITY_COLOUR[finding.severity])
        notes = []
        if finding.count > 1:
            notes.append(f"seen {finding.count:,} times")
        if finding.confidence is not Confidence.HIGH:
            notes.append(f"{finding.confidence.word} confidence")
        if finding.holds:
            notes.append("holds the verdict")
        title = summary.one_line(finding.title)
        tail = self.paint(f" ({', '.join(notes)})", "2") if notes else ""
        return f"{severity} {self.paint(finding.id, '1')} {self.paint(title, '1')}{tail}"

    def excerpt(self, finding: Finding, most: int) -> Iterator[str]:
        lines = summary.excerpt(finding)
        for index, (gutter, line) in enumerate(lines[:most]):
            shown = f"{line} …" if index == most - 1 and len(lines) > most else line
            yield f"      {self.paint(f'{gutter} |', '34')} {self.fit(shown, len(gutter) + 9)}"

    def rest(self, findings: tuple[Finding, ...]) -> Iterator[str]:
        ids = [f"{rule_id}{summary.times(number)}" for rule_id, number in summary.by_id(findings)]
        more = summary.plural(len(findings), "more finding")
        yield f"{self.paint(f'… and {more}', '1')}, not shown (-v shows all):"
        yield from self.wrap("  ", " · ".join(ids))

    # coverage

    def coverage(self) -> Iterator[str]:
        report = self.report
        analysed = sum(file.analysed for file in report.files)
        looked = f"{summary.plural(len(report.files), 'file')}, {summary.size(report.bytes)}"
        unread = len(report.files) - analysed
        yield from self.row("Looked at", f"{looked} · {analysed:,} parsed, {unread:,} by name and first bytes only")
        yield from self.row("Bytes", summary.bytes_seen(report))
        yield from self.sources()
        seen = [f"{summary.one_line(name)} {number:,}" for name, number in summary.formats_seen(report)]
        yield from self.row("Formats", self.some(seen, 12, ", ") or "none that is known")
        yield from self.row("Checks", f"{len(report.checks):,} ran")
        if self.verbose:
            yield from self.items(
                f"{summary.one_line(name)} {summary.plural(n, 'file')}" for name, n in sorted(report.checks.items())
            )
        yield from self.gaps("Left out", report.gaps, "nothing")
        yield from self.gaps("Excluded", report.excluded, "no path")
        yield from self.row("Not shown", self.hidden())
        if self.verbose:
            yield from self.items(
                f"{entry.finding.id} {summary.place(report.locate(entry.finding.where))} "
                f"[{entry.finding.fingerprint[:12]}] until {summary.one_line(entry.expires)}, "
                f"{summary.one_line(entry.owner)}: {summary.one_line(entry.reason)}"
                for entry in report.ignored
            )

    def sources(self) -> Iterator[str]:
        """What remote paths stood for, and how much of them was read."""
        for root in self.report.roots:
            if root.source is not None:
                yield from self.row("Resolved", summary.place(summary.resolved(root.source)))
        got = summary.fetched(self.report)
        if got:
            yield from self.row("Fetched", got)
        if self.verbose:
            yield from self.items(
                f"{summary.place(file.path)}: {summary.fetched_of(file, file.fetched)}"
                for file in self.report.files
                if file.fetched
            )

    def hidden(self) -> str:
        report = self.report
        parts = (
            f"{len(report.ignored):,} ignored",
            f"{len(report.known):,} known by the baseline",
            f"{report.hidden:,} of another persona",
        )
        return " · ".join(parts)

    def gaps(self, label: str, gaps: tuple[Gap, ...], nothing: str) -> Iterator[str]:
        if not gaps:
            yield from self.row(label, nothing)
        elif self.verbose:
            yield from self.row(label, f"{len(gaps):,}")
            yield from self.items(f"{summary.place(gap.what)}: {summary.one_line(gap.why)}" for gap in gaps)
        else:
            reasons = [f"{why} (and {n - 1:,} alike)" if n > 1 else why for why, n in summary.alike(gaps)]
            yield from self.row(label, f"{len(gaps):,}: {self.some(reasons, 4, '; ')}")

    def some(self, parts: list[str], most: int, between: str) -> str:
        if self.verbose or len(parts) <= most:
            return between.join(parts)
        return f"{between.join(parts[:most])}{between}and {len(parts) - most:,} more"

    def row(self, label: str, text: str) -> Iterator[str]:
        lines = list(self.wrap(" " * _LABEL, text))
        yield self.paint(label.ljust(_LABEL), "2") + lines[0][_LABEL:]
        yield from lines[1:]

    def items(self, texts: Iterable[str]) -> Iterator[str]:
        for text in texts:
            yield f"{' ' * _LABEL}- {text}"

    # verdict

    def verdict_line(self) -> str:
        report = self.report
        outcome = report.verdict.outcome
        word = self.paint(f"{summary.OUTCOME_GLYPH[outcome]} {outcome.value.upper()}", _OUTCOME_COLOUR[outcome])
        counts = [summary.count_words(summary.by_severity(report.findings))]
        holds = sum(finding.holds for finding in report.findings)
        if holds:
            counts.append(f"{holds:,} could not be vouched for")
        if report.ignored:
            counts.append(f"{len(report.ignored):,} ignored")
        if report.known:
            counts.append(f"{len(report.known):,} known")
        return f"{word}  {' · '.join(counts)} in {summary.plural(len(report.files), 'file')}"

    def verdict(self) -> Iterator[str]:
        yield self.verdict_line()
        outcome = self.report.verdict.outcome
        reasons = summary.gathered(self.report.verdict)
        shown = reasons if self.verbose else reasons[:_REASONS]
        for reason in shown:
            code = f"{summary.one_line(reason.code)}{summary.times(reason.count)}"
            head = f"  {reason.outcome.value} {code}: "
            yield from self.fold(head, summary.one_line(reason.message), 1)
        if len(reasons) > len(shown):
            yield f"  and {len(reasons) - len(shown):,} more (-v shows all)"
        if not reasons:
            yield f"  {summary.OUTCOME_MEANING[outcome]}"
        if self.report.findings:
            yield self.paint(f"  more: assay explain {self.report.findings[0].id}", "2")

    # lines

    def wrap(self, indent: str, text: str) -> list[str]:
        if self.width is None:
            return [indent + text]
        lines = textwrap.wrap(text, self.width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
        return lines or [indent]

    def fit(self, text: str, used: int) -> str:
        """Text on one line of which `used` columns are taken."""
        room = len(text) if self.width is None else self.width - used
        return text if len(text) <= room else f"{text[: room - 2]} …"

    def fold(self, head: str, text: str, most: int) -> list[str]:
        """`head` and text on at most that many lines; what does not fit ends in `…`."""
        if self.width is None:
            return [head + text]
        return textwrap.wrap(
            text,
            max(self.width, len(head) + 20),
            initial_indent=head,
            subsequent_indent=" " * len(head),
            max_lines=most,
            placeholder=" …",
            break_on_hyphens=False,
        ) or [head.rstrip()]
