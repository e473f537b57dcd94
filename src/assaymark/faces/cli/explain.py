"""`assay explain`: what a check looks for, why, and how to mend it."""

import json

import click

from assaymark.core.check import Rule, rule_to_json
from assaymark.core.errors import UsageError


@click.command("explain")
@click.argument("rule_id", metavar="[ID]", default="")
@click.option("--format", "form", type=click.Choice(("text", "markdown", "json")), default="text", show_default=True)
def command(rule_id: str, form: str) -> None:
    """Explain the check ID; without ID, list all checks."""
    from assaymark.app import all_rules

    rules = all_rules()
    if not rule_id:
        click.echo(_list(list(rules.values()), form))
        return
    rule = rules.get(rule_id.upper())
    if rule is None and rule_id.upper().startswith("BOM"):
        click.echo(_of_bom(rule_id.upper(), form))
        return
    if rule is None:
        raise UsageError(f"there is no check {rule_id!r}", step="assay explain lists them all")
    click.echo({"text": _text, "markdown": markdown, "json": _json}[form](rule))


def _of_bom(code: str, form: str) -> str:
    """A problem that `assay bom validate` tells of."""
    from assaymark.bom.problems.codes import CODES
    from assaymark.bom.spdx.codes import CODES as MORE

    codes = {**CODES, **MORE}
    found = codes.get(code)
    if found is None:
        raise UsageError(f"there is no problem {code!r} of a bill of materials", step=f"there are {', '.join(codes)}")
    if form == "json":
        record = {
            "id": found.id,
            "title": found.title,
            "severity": found.severity.word,
            "why": found.why,
            "fix": found.fix,
        }
        return json.dumps(record, indent=2)
    if form == "markdown":
        return f"## {found.id}: {found.title}\n\nSeverity: {found.severity.word}\n\n**Why.** {found.why}\n\n**Fix.** {found.fix}"
    texts = (
        click.wrap_text(f"{name}: {text}", 78, "  ", "  ") for name, text in (("Why", found.why), ("Fix", found.fix))
    )
    return "\n".join((f"{found.id}  {found.title}", f"  severity    {found.severity.word}", *texts))


def _list(rules: list[Rule], form: str) -> str:
    if form == "json":
        return json.dumps([_record(rule) for rule in rules], indent=2)
    if form == "markdown":
        return "\n\n".join(markdown(rule) for rule in rules)
    return "\n".join(f"{rule.id}  {rule.severity.word:<8}  {rule.layer:<14}  {rule.title}" for rule in rules)


def _record(rule: Rule) -> dict[str, object]:
    return {"id": rule.id, **rule_to_json(rule), "source": rule.source}


def _json(rule: Rule) -> str:
    return json.dumps(_record(rule), indent=2)


def _facts(rule: Rule) -> list[tuple[str, str]]:
    return [
        ("layer", rule.layer.value),
        ("severity", rule.severity.word + (", holds the verdict" if rule.holds else "")),
        ("confidence", rule.confidence.word),
        ("persona", rule.persona.value),
        ("since", rule.since),
        ("references", ", ".join(rule.refs) or "none"),
        ("source", rule.source),
    ]


def _text(rule: Rule) -> str:
    head = f"{rule.id}  {rule.title}"
    facts = "\n".join(f"  {name:<11} {value}" for name, value in _facts(rule))
    why = click.wrap_text(f"Why: {rule.why}", 78, "  ", "  ")
    fix = click.wrap_text(f"Fix: {rule.fix}", 78, "  ", "  ")
    return f"{head}\n\n{facts}\n\n{why}\n\n{fix}"


def markdown(rule: Rule) -> str:
    """The section of the generated page docs/checks.md."""
    facts = "\n".join(f"| {name} | {value} |" for name, value in _facts(rule))
    return f"## {rule.id}: {rule.title}\n\n| | |\n|---|---|\n{facts}\n\n**Why.** {rule.why}\n\n**Fix.** {rule.fix}"
