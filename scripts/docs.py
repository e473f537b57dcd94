"""Writes the pages that are derived from the code: every check, every command, the map of references.

`--check` writes nothing and fails when a page, or README's help block, is not what the code says.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import click

from assaymark.app import all_rules
from assaymark.core.check import Rule
from assaymark.faces.cli import assay
from assaymark.faces.cli.explain import markdown

ROOT = Path(__file__).resolve().parent.parent
_NOTE = "<!-- written by `python3 dev.py docs` from the code; do not edit -->\n\n"
_LAYERS = ("model", "data", "library", "infrastructure", "tooling", "platform")


def checks(rules: Mapping[str, Rule]) -> str:
    """docs/checks.md: what `assay explain` says of each check, by layer."""
    lines = [f"# Checks\n\n{_NOTE}{len(rules)} checks. `assay explain ID` prints the same text.\n"]
    for layer in _LAYERS:
        mine = [rule for rule in rules.values() if rule.layer == layer]
        rows = "\n".join(f"| [{r.id}](#{_anchor(r)}) | {r.severity.word} | {r.title} |" for r in mine)
        lines.append(f"## Layer: {layer}\n\n| id | severity | title |\n|---|---|---|\n{rows}\n")
    lines += [markdown(rule) + "\n" for rule in rules.values()]
    return "\n".join(lines)


def _anchor(rule: Rule) -> str:
    return re.sub(r"[^a-z0-9 _-]", "", f"{rule.id}: {rule.title}".lower()).replace(" ", "-")


def references(rules: Mapping[str, Rule]) -> str:
    """docs/coverage.md: which checks speak to which entry of ATLAS, OWASP, CWE, CVE and others."""
    by_ref: dict[str, list[str]] = defaultdict(list)
    for rule in rules.values():
        for ref in rule.refs:
            by_ref[ref].append(rule.id)
    rows = "\n".join(f"| {ref} | {', '.join(ids)} |" for ref, ids in sorted(by_ref.items()))
    return f"# Coverage by reference\n\n{_NOTE}| reference | checks |\n|---|---|\n{rows}\n"


def commands() -> str:
    """docs/cli.md: the help of every command."""
    return f"# Command line\n\n{_NOTE}" + "\n".join(_help(assay, "assay"))


def interface() -> str:
    """docs/schemas/openapi.json: what the server answers to under /api/v1."""
    from assaymark.faces.http.app import OWN, bare_app
    from assaymark.faces.http.contract import text
    from assaymark.faces.http.services import Services

    return text(bare_app(Services(None), OWN))  # type: ignore[arg-type] # nothing is asked


def _help(command: click.Command, name: str) -> list[str]:
    context = click.Context(command, info_name=name, max_content_width=100, help_option_names=["-h", "--help"])
    pages = [f"## {name}\n\n```text\n{command.get_help(context)}\n```\n"]
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            inner = command.get_command(context, below)
            if inner is not None:
                pages += _help(inner, f"{name} {below}")
    return pages


def main() -> int:
    """Write or check."""
    rules = all_rules()
    pages = {"docs/checks.md": checks(rules), "docs/coverage.md": references(rules), "docs/cli.md": commands()}
    pages["docs/schemas/openapi.json"] = interface()
    schemas = ROOT / "src" / "assaymark" / "report" / "schema"
    pages |= {f"docs/schemas/{path.name}": path.read_text() for path in sorted(schemas.glob("*.json"))}
    stale = [name for name, text in pages.items() if not (ROOT / name).exists() or (ROOT / name).read_text() != text]
    if "--check" not in sys.argv:
        for name in stale:
            (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / name).write_text(pages[name])
            print("wrote", name)
        return 0
    for name in stale:
        print(f"{name} is not what the code says (run: python3 dev.py docs)", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
