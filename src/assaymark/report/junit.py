"""JUnit XML for CI servers (the schema of Jenkins' xUnit plugin, junit-10.xsd, which GitLab reads too).

The counts agree with the verdict: what denies is a failure, what holds is an error, so a run is green exactly when the
verdict is allow. Findings that do neither pass and say so in their output; ignored, known and left-out are skipped.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from assaymark.core.check import Rule
from assaymark.core.finding import Finding
from assaymark.core.scan import ScanReport
from assaymark.core.verdict import Outcome
from assaymark.report import summary

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 (2.2, Char) has no place for, not even escaped."""
_ATTRIBUTE = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}


@dataclass(slots=True)
class _Case:
    name: str
    result: str = ""
    """`failure`, `error` or `skipped`; empty for a pass."""
    kind: str = ""
    message: str = ""
    detail: str = ""


@dataclass(slots=True)
class _Suite:
    name: str
    cases: list[_Case] = field(default_factory=list)

    def count(self, result: str) -> int:
        return sum(case.result == result for case in self.cases)


def render(report: ScanReport, rules: Mapping[str, Rule]) -> str:
    """A suite for each layer with a case for each finding, one for the files without any, one for the verdict."""
    suites = [suite for suite in (*_layers(report, rules), _files(report), _verdict(report)) if suite.cases]
    return "\n".join(_document(report, suites)) + "\n"


def _layers(report: ScanReport, rules: Mapping[str, Rule]) -> Iterator[_Suite]:
    suites = {layer: _Suite(f"assay.{layer}") for layer in summary.LAYER_OF.values()}
    denying, holding = _refs(report, Outcome.DENY), _refs(report, Outcome.HOLD)
    for finding in report.findings:
        case = _case(report, rules, finding)
        if finding.fingerprint in denying:
            case.result = "failure"
        elif finding.fingerprint in holding or finding.holds:
            case.result = "error"
        suites[summary.layer_of(finding.id)].cases.append(case)
    for entry in report.ignored:
        case = _case(report, rules, entry.finding)
        case.result = "skipped"
        case.message = f"ignored until {entry.expires} by {entry.owner}: {entry.reason}"
        suites[summary.layer_of(entry.finding.id)].cases.append(case)
    for finding in report.known:
        case = _case(report, rules, finding)
        case.result = "skipped"
        case.message = f"known by the baseline: {finding.message}"
        suites[summary.layer_of(finding.id)].cases.append(case)
    yield from suites.values()


def _case(report: ScanReport, rules: Mapping[str, Rule], finding: Finding) -> _Case:
    """Named by what does not move, so that a CI server follows it from run to run."""
    where = finding.where
    member = f"!{where.member}" if where.member else ""
    place = summary.place(f"{report.typed(where.path)}{member}")
    name = f"{finding.id} {place}: {summary.one_line(finding.title)} [{finding.fingerprint[:12]}]"
    rule = rules.get(finding.id)
    message = f"{finding.severity.word}: {summary.one_line(finding.message)}"
    lines = [message, f"at {summary.place(report.locate(where))}"]
    lines += [f"{gutter} | {line}" for gutter, line in summary.excerpt(finding)]
    lines += [f"Why: {summary.one_line(rule.why)}", f"Fix: {summary.one_line(rule.fix)}"] if rule else []
    lines.append(f"Fingerprint: {finding.fingerprint}")
    return _Case(name, "", finding.id, message, "\n".join(lines))


def _files(report: ScanReport) -> _Suite:
    """Analysed files that nothing was found in, and what was left out of any file."""
    spoken_of = {finding.where.path for finding in report.findings}
    suite = _Suite("assay.files")
    suite.cases += [
        _Case(report.typed(file.path)) for file in report.files if file.analysed and file.path not in spoken_of
    ]
    suite.cases += [_Case(f"left out: {gap.what}", "skipped", "gap", gap.why) for gap in report.gaps]
    suite.cases += [_Case(f"excluded: {gap.what}", "skipped", "excluded", gap.why) for gap in report.excluded]
    return suite


def _verdict(report: ScanReport) -> _Suite:
    """Reasons that no finding stands for: missing evidence, nothing that could be looked at."""
    suite = _Suite("assay.verdict")
    told = {finding.fingerprint for finding in report.findings}
    for number, reason in enumerate(report.verdict.reasons, 1):
        if told.isdisjoint(reason.refs):
            result = "failure" if reason.outcome is Outcome.DENY else "error"
            suite.cases.append(_Case(f"{reason.code} {number}", result, reason.code, reason.message))
    return suite


def _refs(report: ScanReport, outcome: Outcome) -> set[str]:
    return {ref for reason in report.verdict.reasons if reason.outcome is outcome for ref in reason.refs}


def _document(report: ScanReport, suites: list[_Suite]) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    total: dict[str, str | int] = {
        "tests": sum(len(suite.cases) for suite in suites),
        "failures": sum(suite.count("failure") for suite in suites),
        "errors": sum(suite.count("error") for suite in suites),
    }
    yield f'<testsuites name="assay scan"{_attributes(total)}>'
    for suite in suites:
        counts: dict[str, str | int] = {
            "name": suite.name,
            "tests": len(suite.cases),
            "failures": suite.count("failure"),
            "errors": suite.count("error"),
            "skipped": suite.count("skipped"),
            "timestamp": report.at,
        }
        yield f"  <testsuite{_attributes(counts)}>"
        for case in suite.cases:
            yield from _testcase(suite.name, case)
        yield "  </testsuite>"
    yield "</testsuites>"


def _testcase(suite: str, case: _Case) -> Iterator[str]:
    start = f"    <testcase{_attributes({'classname': suite, 'name': case.name})}"
    if case.result:
        about = _attributes({"type": case.kind, "message": case.message})
        yield f"{start}><{case.result}{about}>{_text(case.detail)}</{case.result}></testcase>"
    elif case.detail:
        yield f"{start}><system-out>{_text(case.detail)}</system-out></testcase>"
    else:
        yield f"{start}/>"


def _attributes(values: Mapping[str, str | int]) -> str:
    return "".join(f" {name}={quoteattr(_legal(str(value)), _ATTRIBUTE)}" for name, value in values.items())


def _text(text: str) -> str:
    return escape(_legal(text))


def _legal(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", summary.safe(text))
