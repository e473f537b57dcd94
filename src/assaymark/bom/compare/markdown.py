"""Comparison and score as Markdown for a comment on a change; what strangers wrote stands in code and formats nothing."""

from collections.abc import Iterator

from assaymark.bom.compare.diff import Diff
from assaymark.bom.compare.text import count, profile_title, severities, shown
from assaymark.bom.score import Score
from assaymark.core.finding import Severity
from assaymark.core.look import clean

_ROWS = 200
_GAPS = 10


def diff_markdown(found: Diff, threshold: Severity) -> str:
    """One table a layer."""
    return "\n".join(_diff(found, threshold)) + "\n"


def _diff(found: Diff, threshold: Severity) -> Iterator[str]:
    if not found.changes:
        yield f"**No change** between the bills of materials: {count(found.same, 'component')} alike."
        return
    stops = found.worst is not None and found.worst >= threshold
    yield f"**{count(len(found.changes), 'change')}** ({severities(found)}), {'to be looked at' if stops else f'none is {threshold.word} or worse'}."
    layer = ""
    for change in found.changes[:_ROWS]:
        if change.layer != layer:
            layer = change.layer
            yield from ("", f"### {layer}", "", "| | what | before | now | why |", "|---|---|---|---|---|")
        name = f"{change.name} ({change.role})" if change.role else change.name
        cells = (
            f"**{change.severity.word}**",
            f"{_code(name)} {_words(change.what)}",
            _code(shown(change.old)),
            _code(shown(change.new)),
            _words(change.why),
        )
        yield f"| {' | '.join(cells)} |"
    if len(found.changes) > _ROWS:
        yield ""
        yield f"and {len(found.changes) - _ROWS} more"


def score_markdown(measured: Score) -> str:
    """The profiles in a table, and what costs most in each."""
    return "\n".join(_score(measured)) + "\n"


def _score(measured: Score) -> Iterator[str]:
    yield "| profile | verifiable | stated | met | partly | missing |"
    yield "|---|---:|---:|---:|---:|---:|"
    for profile in measured.profiles:
        states = [element.state for element in profile.elements]
        numbers = " | ".join(str(states.count(state)) for state in ("met", "partly", "missing"))
        yield f"| {_words(profile_title(profile))} | {profile.verifiable:.1f} % | {profile.stated:.1f} % | {numbers} |"
    for profile in measured.profiles:
        if profile.gaps:
            yield from ("", f"<details><summary>What costs most in {profile.profile.name}</summary>", "")
            yield from ("| points | element | next step |", "|---:|---|---|")
            yield from (
                f"| {gap.lost:.1f} | {_words(gap.element.name)} | {_code(gap.fix)} |" for gap in profile.gaps[:_GAPS]
            )
            yield from ("", "</details>")


def _code(text: str) -> str:
    """Anybody's text as code in a cell of a table; a bar would end the cell, in code as well."""
    plain = clean(text, 200).replace("|", "¦").replace("\n", " ")
    if not plain:
        return ""
    fence = "``" if "`" in plain else "`"
    return f"{fence} {plain.replace('``', '` `')} {fence}" if "`" in plain else f"{fence}{plain}{fence}"


def _words(text: str) -> str:
    """Our own words, and names of facts that a document may have made up."""
    plain = clean(text, 300).replace("\n", " ")
    return "".join(f"\\{mark}" if mark in "\\`*_[]<>|#~$@" else mark for mark in plain)
