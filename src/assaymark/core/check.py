"""A check is one decorated function in one file; this is the decorator and the table it fills.

The type of the function's parameter says what it reads; `core.look` calls it for every view of that type.
Title, Why and Fix live in the docstring, so `explain`, the docs and SARIF can never be missing or stale.
"""

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from assaymark.core.finding import Confidence, Hit, Persona, Severity
from assaymark.core.subject import Layer

CheckFunction = Callable[[Any], Iterator[Hit]]
_PREFIX = {
    "MDL": Layer.MODEL,
    "DAT": Layer.DATA,
    "LIB": Layer.LIBRARY,
    "INF": Layer.INFRA,
    "TLG": Layer.TOOLING,
    "CHK": Layer.PLATFORM,
}
_ID = re.compile(r"([A-Z]{3})\d{3}")
_DOC = re.compile(r"\s*(?P<title>\S[^\n]*)\n\s*\n\s*Why: (?P<why>.+?)\n\s*Fix: (?P<fix>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Rule:
    """Everything a check says of itself. `view` is None for the runner's own rules (CHK)."""

    id: str
    layer: Layer
    severity: Severity
    confidence: Confidence
    persona: Persona
    holds: bool
    since: str
    refs: tuple[str, ...]
    title: str
    why: str
    fix: str
    view: type | None
    run: CheckFunction | None
    source: str


def rule_to_json(rule: Rule) -> dict[str, Any]:
    """What a reader is told of a rule; the id stands outside where rules are keyed by it."""
    return {
        "title": rule.title,
        "layer": rule.layer.value,
        "severity": rule.severity.word,
        "confidence": rule.confidence.word,
        "persona": rule.persona.value,
        "holds": rule.holds,
        "since": rule.since,
        "refs": list(rule.refs),
        "why": rule.why,
        "fix": rule.fix,
    }


RULES: dict[str, Rule] = {}
"""Every rule imported so far, by id. `load_checks` fills it."""


def check(
    rule_id: str,
    *,
    layer: Layer,
    severity: Severity,
    confidence: Confidence = Confidence.HIGH,
    persona: Persona = Persona.REGULAR,
    holds: bool = False,
    since: str,
    refs: tuple[str, ...] = (),
) -> Callable[[CheckFunction], CheckFunction]:
    """Register the decorated function as the rule `rule_id`.

    `holds` marks a rule that says "could not vouch for it": its findings hold the verdict at any severity.
    `refs` are `SCHEME:ID` (ATLAS, CWE, OWASP-LLM, OWASP-ML, NIST-SSDF, CVE). Raises TypeError for a duplicate id, a
    prefix of another layer, or a docstring without title, `Why:` and `Fix:`.
    """

    def register(function: CheckFunction) -> CheckFunction:
        view = _view_type(function)
        _add(
            Rule(
                rule_id, layer, severity, confidence, persona, holds, since, refs,
                *_docstring(rule_id, function.__doc__), view, function, function.__module__,
            )
        )  # fmt: skip
        return function

    return register


def runner_rule(
    rule_id: str, *, severity: Severity, holds: bool = True, since: str, refs: tuple[str, ...] = (), doc: str
) -> str:
    """Register a rule that the runner itself raises; returns the id."""
    title, why, fix = _docstring(rule_id, doc)
    _add(
        Rule(
            rule_id, Layer.PLATFORM, severity, Confidence.HIGH, Persona.REGULAR, holds, since, refs,
            title, why, fix, None, None, __name__,
        )
    )  # fmt: skip
    return rule_id


def _add(rule: Rule) -> None:
    match = _ID.fullmatch(rule.id)
    if not match or _PREFIX.get(match[1]) is not rule.layer:
        message = f"{rule.id}: not an id of layer {rule.layer}"
        raise TypeError(message)
    known = RULES.get(rule.id)
    if known is not None and known.source != rule.source:
        message = f"{rule.id}: already used by {known.source}"
        raise TypeError(message)
    RULES[rule.id] = rule


def _docstring(rule_id: str, doc: str | None) -> tuple[str, str, str]:
    match = _DOC.match(doc or "")
    if not match:
        message = f"{rule_id}: the docstring needs a title line, then 'Why:' and 'Fix:'"
        raise TypeError(message)
    title, why, fix = (" ".join(match[part].split()) for part in ("title", "why", "fix"))
    return title.rstrip("."), why, fix


def _view_type(function: CheckFunction) -> type:
    annotations = [note for name, note in function.__annotations__.items() if name != "return"]
    if len(annotations) != 1 or not isinstance(annotations[0], type):
        message = f"{function.__module__}.{function.__qualname__}: takes one parameter, annotated with its view's class"
        raise TypeError(message)
    return annotations[0]


def load_checks(package: str) -> tuple[Rule, ...]:
    """Import every module of a check package and return its rules, sorted by id."""
    paths = importlib.import_module(package).__path__
    for module in pkgutil.iter_modules(paths):
        importlib.import_module(f"{package}.{module.name}")
    inside = f"{package}."
    known = list(RULES.values())  # another thread may be importing others
    return tuple(sorted((r for r in known if r.source.startswith(inside)), key=lambda r: r.id))
