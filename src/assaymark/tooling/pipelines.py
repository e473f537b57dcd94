"""Pipelines as YAML: GitHub Actions, GitLab CI, Azure, CircleCI, Argo, Tekton, Kubeflow, DVC, MLproject and their like.

Two rooms share this reader: files that are pipelines by name (this module's `parse`), which must be well-formed, and
any other YAML (`assaymark.tooling.documents`), which may be a template of something else.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from assaymark.core.blob import Blob
from assaymark.core.errors import AssayError
from assaymark.core.format import Context, Item
from assaymark.core.source.yaml_tree import Node, documents, walk
from assaymark.tooling.credentials import Pair, credentials, read_loose, settings
from assaymark.tooling.github import is_workflow, workflow
from assaymark.tooling.shell import unseen_code

_SCRIPT_KEYS = frozenset({
    "run", "script", "before_script", "after_script", "command", "commands", "cmd", "args", "bash", "pwsh", "powershell",
    "sh", "source", "install", "before_install", "setup", "entrypoint", "inlinescript", "setup_commands",
    "initialization_commands", "head_setup_commands", "worker_setup_commands", "postcreatecommand",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class ShellStep:
    """A command of a step that runs what nobody has looked at; `does` completes "this step ..."."""

    line: int
    does: str
    command: str


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Yield what a pipeline holds and does; raises Malformed where it is no YAML."""
    text = read_loose(blob, context.budget, f"pipeline {context.name}")
    yield from read(text)


def read(text: str) -> Iterator[Item]:
    """Yield the views of every document of the text; of one that is no YAML, its credentials before the error."""
    lines = text.split("\n")
    starts = [0, *accumulate(len(line) + 1 for line in lines)]
    pairs: list[Pair] = []
    try:
        for root in documents(text):
            if is_workflow(root):
                yield from workflow(root, lines)
            yield from steps(root)
            pairs.extend(_pairs(root, starts, text))
    except AssayError:
        yield from credentials(text, settings(text))
        raise
    yield from credentials(text, pairs)


def steps(root: Node) -> Iterator[ShellStep]:
    """Commands below the keys that pipelines run, wherever they stand."""
    for node, key in walk(root):
        name = key.text if key is not None and key.kind == "scalar" else ""
        if name.lower() not in _SCRIPT_KEYS:
            continue
        if node.kind == "scalar":
            for seen in unseen_code(node.text):
                yield ShellStep(node.line + seen.line - (0 if node.block else 1), seen.what, seen.excerpt)
        elif node.kind == "sequence" and name in {"command", "args"}:
            # The words of one command: the shell is `command`, its script an element of its own.
            words = " ".join(shlex.quote(item.text) for item in node.items if item.kind == "scalar")
            for seen in unseen_code(words):
                yield ShellStep(node.line, seen.what, seen.excerpt)


def _pairs(root: Node, starts: list[int], text: str) -> Iterator[Pair]:
    """Names and values: of mappings, and of the `name:`/`value:` items that environments are written as."""
    for node, key in walk(root):
        if node.kind == "mapping":
            name, value = node.get("name"), node.get("value")
            if name is not None and value is not None and name.kind == value.kind == "scalar":
                yield name.text, value.text, _place(value, starts, text)
        elif node.kind == "scalar" and key is not None and key.kind == "scalar" and not node.block:
            yield key.text, node.text, _place(node, starts, text)


def _place(node: Node, starts: list[int], text: str) -> int:
    """Offset of a scalar's value in the text."""
    start = starts[min(node.line, len(starts)) - 1]
    at = text.find(node.text[:200], start, start + 4096)
    return at if at >= 0 else start
