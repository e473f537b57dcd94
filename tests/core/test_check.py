"""Registration: whatever a check forgets to say of itself is an error at import."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from assaymark.core.check import RULES, check, load_checks, runner_rule
from assaymark.core.finding import Confidence, Hit, Persona, Severity
from assaymark.core.subject import Layer


class View:
    """Any class at all."""


DOC = """Something is wrong.

Why: It matters,
    a lot.
Fix: Mend it.
"""


@pytest.fixture(autouse=True)
def _own_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assaymark.core.check.RULES", {})


def function(doc: str | None = DOC, module: str = "somewhere", **annotations: object) -> object:
    def checker(view: View) -> Iterator[Hit]:
        yield Hit("x")

    checker.__doc__ = doc
    checker.__module__ = module
    if annotations:
        checker.__annotations__ = annotations
    return checker


def register(rule_id: str = "MDL901", checker: object = None, **axes: object) -> object:
    axes = {"layer": Layer.MODEL, "severity": Severity.HIGH, "since": "0.1"} | axes
    return check(rule_id, **axes)(checker or function())


def table() -> dict[str, object]:
    from assaymark.core import check as module

    return module.RULES


def test_everything_is_taken_from_the_decorator_and_the_docstring() -> None:
    checker = function()
    assert (
        register(checker=checker, refs=("CWE:1",), holds=True, persona=Persona.AUDITOR, confidence=Confidence.LOW)
        is checker
    )
    rule = table()["MDL901"]
    assert (rule.title, rule.why, rule.fix) == ("Something is wrong", "It matters, a lot.", "Mend it.")
    assert (rule.severity, rule.confidence, rule.persona) == (Severity.HIGH, Confidence.LOW, Persona.AUDITOR)
    assert (rule.holds, rule.refs, rule.since, rule.layer) == (True, ("CWE:1",), "0.1", Layer.MODEL)
    assert (rule.view, rule.run, rule.source) == (View, checker, "somewhere")


def test_an_id_is_used_once() -> None:
    register(checker=function(module="one"))
    with pytest.raises(TypeError, match=r"MDL901: already used by one"):
        register(checker=function(module="two"))


@pytest.mark.parametrize(
    "doc",
    [
        None,
        "",
        "Title only.",
        "Title.\n\nWhy: because.",
        "Title.\n\nFix: mend.",
        "Title.\n\nFix: mend.\nWhy: because.",
        "Title.\nWhy: no blank line.\nFix: mend.",
        "\n\nWhy: no title.\nFix: mend.",
        "Title.\n\nWhy: \nFix: mend.",
        "Title.\n\nWhy: because.\nFix: ",
    ],
)
def test_a_docstring_without_title_why_or_fix_is_refused(doc: str | None) -> None:
    with pytest.raises(TypeError, match="MDL901: the docstring needs a title line, then 'Why:' and 'Fix:'"):
        register(checker=function(doc))
    assert "MDL901" not in table()


@pytest.mark.parametrize(
    ("rule_id", "layer"),
    [
        ("DAT901", Layer.MODEL),
        ("MDL901", Layer.DATA),
        ("CHK901", Layer.MODEL),
        ("XYZ901", Layer.MODEL),
        ("MDL90", Layer.MODEL),
        ("MDL9012", Layer.MODEL),
        ("mdl901", Layer.MODEL),
        ("", Layer.MODEL),
    ],
)
def test_an_id_of_another_layer_is_refused(rule_id: str, layer: Layer) -> None:
    with pytest.raises(TypeError, match="not an id of layer"):
        register(rule_id, layer=layer)


@pytest.mark.parametrize(
    "annotations",
    [
        {"one": View, "two": View, "return": None},
        {"return": None},
        {"view": "View", "return": None},
        {"view": list[int], "return": None},
    ],
)
def test_a_check_reads_one_view_named_by_its_class(annotations: dict[str, object]) -> None:
    with pytest.raises(TypeError, match="takes one parameter, annotated with its view's class"):
        register(checker=function(DOC, "somewhere", **annotations))


def test_rules_of_the_runner_hold_and_read_no_view() -> None:
    assert runner_rule("CHK901", severity=Severity.LOW, since="0.1", doc=DOC) == "CHK901"
    rule = table()["CHK901"]
    assert (rule.layer, rule.holds, rule.view, rule.run) == (Layer.PLATFORM, True, None, None)
    with pytest.raises(TypeError, match="docstring"):
        runner_rule("CHK902", severity=Severity.LOW, since="0.1", doc="nothing")


def test_load_checks_imports_a_package_and_gives_its_rules_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assaymark.core.check.RULES", RULES)
    rules = load_checks("assaymark.model.checks.pickle")
    assert {f"MDL00{n}" for n in range(1, 8)} < {rule.id for rule in rules}
    assert all(rule.source.startswith("assaymark.model.checks.pickle.") for rule in rules)


def test_layers_and_ids_agree_in_what_is_loaded() -> None:
    for rule_id, layer in (
        ("MDL", Layer.MODEL),
        ("DAT", Layer.DATA),
        ("LIB", Layer.LIBRARY),
        ("INF", Layer.INFRA),
        ("TLG", Layer.TOOLING),
    ):
        register(f"{rule_id}902", layer=layer)
    assert SimpleNamespace(**table()).MDL902.layer is Layer.MODEL
