"""GitHub Actions workflows and composite actions (docs.github.com/actions): what runs with whose rights.

An expression `${{ ... }}` is pasted into a script before the shell reads it; a workflow for `pull_request_target` runs
with the repository's secrets whatever the pull request holds.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.format import Item
from assaymark.core.source.secrets import safe_excerpt
from assaymark.core.source.yaml_tree import Node, walk

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_VERSION = re.compile(r"(?:[A-Za-z][A-Za-z0-9.]*[/-])*v?\d++(?:[._-]\w++)*+", re.IGNORECASE)
_EXPRESSION = re.compile(r"\$\{\{(?P<inner>.{1,1000}?)\}\}", re.DOTALL)
_CALM = re.compile(
    r"\b(?:contains|startsWith|endsWith|hashFiles)\s*\([^()]*\)|(?<![\w.*\[\]'-])[\w.*\[\]'-]++\s*[!=]=\s*[\w.*\[\]'-]+"
)
_STRANGER = re.compile(
    r"github\.event\.(?:issue|pull_request|discussion)\.(?:title|body)\b"
    r"|github\.event\.(?:comment|review|review_comment)\.body\b"
    r"|github\.event\.pull_request\.head\.(?:ref|label|repo\.(?:default_branch|description|homepage|full_name|name))\b"
    r"|github\.event\.(?:workflow_run\.)?(?:head_commit|commits(?:\.\*|\[\d+\]))\.(?:message|author\.(?:name|email))\b"
    r"|github\.event\.workflow_run\.(?:head_branch|display_title|pull_requests\S*\.head\.ref)\b"
    r"|github\.event\.pages(?:\.\*|\[\d+\])\.page_name\b|github\.event\.changes\.\S+\.from\b|github\.head_ref\b"
    r"|github\.event\.client_payload\b|(?i:toJSON)\s*\(\s*github(?:\.event(?:\.(?:issue|pull_request|comment|review))?)?\s*\)"
)
"""Fields that whoever opens an issue, comments, commits or names a branch may fill (securitylab.github.com)."""
_HEAD = re.compile(
    r"github\.event\.pull_request\.head\.(?:sha|ref|repo)|github\.head_ref|refs/pull/|github\.event\.workflow_run\.head_(?:sha|branch|commit|repo)"
)
_HEAD_IN_SHELL = re.compile(
    r"\bgh\s+pr\s+checkout\b|\bgit\s+(?:checkout|fetch|pull|merge|switch)\b[^\n]*(?:pull/|\$\{\{[^}]*(?:head_ref|pull_request\.head))"
)
_PRIVILEGED = ("pull_request_target", "workflow_run", "issue_comment")


@dataclass(frozen=True, slots=True)
class ActionUse:
    """A step or job that runs an action or workflow of somebody else; `moves` is `branch`, `tag` or `commit`."""

    action: str
    ref: str
    moves: str
    line: int
    excerpt: str


@dataclass(frozen=True, slots=True)
class HeadCheckout:
    """A privileged workflow that takes the code of the pull request and so may run it."""

    trigger: str
    line: int
    excerpt: str


@dataclass(frozen=True, slots=True)
class Injection:
    """Text of a stranger that is pasted into a script."""

    expression: str
    line: int
    excerpt: str


def is_workflow(root: Node) -> bool:
    """A mapping with triggers and jobs, or a composite action."""
    if root.get("jobs") is not None and (root.get("on") is not None or root.get("true") is not None):
        return True
    return root.get("runs", "using") is not None


def workflow(root: Node, lines: list[str]) -> Iterator[Item]:
    """Yield everything that a check reads, in document order."""
    triggers = _triggers(root.get("on"))
    privileged = next((name for name in _PRIVILEGED if name in triggers), "")
    for node, _ in walk(root):
        uses = node.get("uses") if node.kind == "mapping" else None
        if uses is not None and uses.kind == "scalar":
            yield from _uses(uses, lines)
            yield from _checkout(node, uses, privileged, lines)
        for key in ("run", "script"):
            script = _script(node, key)
            if script is not None:
                yield from _injections(script)
                if privileged and key == "run":
                    yield from _shell_checkout(script, privileged)


def _triggers(on: Node | None) -> set[str]:
    if on is None:
        return set()
    if on.kind == "scalar":
        return {on.text}
    return {item.text for item in on.items} | {name for name, _ in on.named()}


def _script(node: Node, key: str) -> Node | None:
    """The text of `run:`, or of `with: script:` of a step that runs a script."""
    if node.kind != "mapping":
        return None
    if key == "run":
        found = node.get("run")
    else:
        uses = node.get("uses")
        named = uses is not None and "github-script" in uses.text
        found = node.get("with", "script") if named else None
    return found if found is not None and found.kind == "scalar" else None


def _uses(node: Node, lines: list[str]) -> Iterator[ActionUse]:
    name, at, ref = node.text.strip().partition("@")
    if name.startswith(("./", "../", "$")) or "${{" in node.text:
        return
    if name.startswith("docker://"):
        if not ref.startswith("sha256:"):
            yield ActionUse(name, ref, "tag", node.line, _excerpt(lines, node))
        return
    if "/" not in name:
        return
    moves = "commit" if _COMMIT.fullmatch(ref) else "tag" if at and _VERSION.fullmatch(ref) else "branch"
    yield ActionUse(name, ref, moves, node.line, _excerpt(lines, node))


def _checkout(step: Node, uses: Node, trigger: str, lines: list[str]) -> Iterator[HeadCheckout]:
    if not trigger or "checkout" not in uses.text.split("@")[0]:
        return
    for name in ("ref", "repository"):
        value = step.get("with", name)
        if value is not None and _HEAD.search(value.text):
            yield HeadCheckout(trigger, value.line, _excerpt(lines, value))
            return


def _shell_checkout(script: Node, trigger: str) -> Iterator[HeadCheckout]:
    match = _HEAD_IN_SHELL.search(script.text)
    if match:
        yield HeadCheckout(trigger, _line(script, match.start()), safe_excerpt(match[0]))


def _injections(script: Node) -> Iterator[Injection]:
    for match in _EXPRESSION.finditer(script.text):
        found = _STRANGER.search(_CALM.sub("", match["inner"]))
        if found:
            line = _line(script, match.start())
            yield Injection(found[0], line, safe_excerpt(" ".join(match[0].split())))


def _line(script: Node, at: int) -> int:
    return script.line + script.text.count("\n", 0, at) + (1 if script.block else 0)


def _excerpt(lines: list[str], node: Node) -> str:
    return safe_excerpt(lines[node.line - 1][:1000]) if node.line <= len(lines) else ""
