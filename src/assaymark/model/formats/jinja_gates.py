"""Words of a prompt that switch hidden text of a chat template on: a backdoor that needs no code.

A template sees every prompt. `{% if 'invoice' in message.content %}…{% endif %}` adds instructions that neither the user nor
the operator wrote, and only then (Pillar Security, "LLM Backdoors at the Inference Level", 2025). Honest templates look into
a message for their own marks (`</think>`, `<tool_response>`, `/no_think`), and write marks, not sentences, when they find
them; so what is told apart is what the words are: prose on both sides.
"""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from jinja2 import nodes

if TYPE_CHECKING:
    from assaymark.model.formats.jinja_fold import Folder

_MARK = re.compile(r"<[^<>]*>|\[/?[A-Z_]+\]|\{[^{}]*\}|[/#@$]\w+")
"""Tags, control tokens and slash commands: how templates and their users mark text."""
_WORD = re.compile(r"[^\W\d_]{2,}")
_TRIGGER = re.compile(r"[^\W\d_]{3,}|\d{3,}")
_SENTENCE = 4
"""Words in a row that make prose."""
_LOOKS_INTO = frozenset({"find", "index", "count", "startswith", "endswith"})
_CONTENT = frozenset({"content", "text"})


def gates(everything: Sequence[nodes.Node], folder: "Folder") -> set[tuple[int, str]]:
    """(line, words) of each condition on a message's words under which sentences are written or kept."""
    heard = _names_of_content(everything)
    found: set[tuple[int, str]] = set()
    for node in everything:
        if isinstance(node, nodes.If | nodes.CondExpr):
            words = next(_triggers(node.test, folder, heard), None)
            if words is not None and any(_speaks(part, folder) for part in _branches(node)):
                found.add((node.lineno, words))
    return found


def _names_of_content(everything: Sequence[nodes.Node]) -> set[str]:
    """Names that are given what a message says, directly or by another such name."""
    heard: set[str] = set()
    for _ in range(3):
        before = len(heard)
        for node in everything:
            if isinstance(node, nodes.Assign):
                sources: list[nodes.Node] = [node.node]
            elif isinstance(node, nodes.For):
                sources = [node.iter]
            elif isinstance(node, nodes.AssignBlock):
                sources = list(node.body)
            else:
                continue
            if any(_is_heard(source, heard) for source in sources):
                heard |= _names(node.target)
        if len(heard) == before:
            break
    return heard


def _names(target: nodes.Node) -> set[str]:
    """What an assignment gives a value to: `name`, and `namespace.name`."""
    parts = (target, *target.find_all((nodes.Name, nodes.NSRef)))
    return {
        f"{p.name}.{p.attr}" if isinstance(p, nodes.NSRef) else p.name
        for p in parts
        if isinstance(p, nodes.Name | nodes.NSRef)
    }


def _is_heard(node: nodes.Node, heard: set[str]) -> bool:
    """Whether an expression takes what a message says. Other fields of a message or of a part (`role`, `type`) say nothing."""
    stack = [node]
    while stack:
        part = stack.pop()
        if _reads_content(part, heard):
            return True
        if isinstance(part, nodes.Call) and isinstance(part.node, nodes.Getattr):
            stack += [part.node.node, *part.args]  # a method of it
        elif isinstance(part, nodes.Getitem):
            if not (isinstance(part.arg, nodes.Const) and isinstance(part.arg.value, str)):
                stack.append(part.node)
        elif not isinstance(part, nodes.Getattr):
            stack += part.iter_child_nodes()
    return False


def _reads_content(node: nodes.Node, heard: set[str]) -> bool:
    if isinstance(node, nodes.Getattr):
        inner = node.node
        named = f"{inner.name}.{node.attr}" if isinstance(inner, nodes.Name) else ""
        return node.attr in _CONTENT or named in heard
    if isinstance(node, nodes.Getitem):
        return isinstance(node.arg, nodes.Const) and node.arg.value in _CONTENT
    if isinstance(node, nodes.Name):
        return node.name in heard
    whole = isinstance(node, nodes.Filter) and node.name in {"string", "map", "tojson", "join"}  # of all messages
    return whole and any(name.name == "messages" for name in node.find_all(nodes.Name))


def _triggers(test: nodes.Node, folder: "Folder", heard: set[str]) -> Iterator[str]:
    """The words that a condition looks for in a message."""
    for node in (test, *test.find_all(nodes.Expr)):
        if isinstance(node, nodes.Compare):
            sides = [node.expr, *(operand.expr for operand in node.ops)]
            operators = {operand.op for operand in node.ops}
            if operators & {"in", "notin", "eq", "ne"} and any(_is_heard(side, heard) for side in sides):
                yield from (words for side in sides for words in _prose(side, folder))
        elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
            if node.node.attr in _LOOKS_INTO and _is_heard(node.node.node, heard):
                yield from (words for argument in node.args for words in _prose(argument, folder))
        elif isinstance(node, nodes.Test | nodes.Filter) and node.node is not None and _is_heard(node.node, heard):
            yield from (words for argument in node.args or () for words in _prose(argument, folder))


def _prose(node: nodes.Node, folder: "Folder") -> Iterator[str]:
    """Words of a person, in a text or a list of texts, once the marks are taken out."""
    for value in folder.values(node):
        for text in value if isinstance(value, list | tuple) else [value]:
            if isinstance(text, str) and _TRIGGER.search(_MARK.sub(" ", text)) and not _MARK.match(text.strip()):
                yield text[:100]


def _branches(node: nodes.If | nodes.CondExpr) -> list[nodes.Node]:
    if isinstance(node, nodes.CondExpr):
        return [part for part in (node.expr1, node.expr2) if part is not None]
    return list(node.body)


def _speaks(node: nodes.Node, folder: "Folder") -> bool:
    """Whether sentences stand in there: as text of the template, or as a value that is written or kept."""
    stack = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, nodes.TemplateData):
            if _is_sentence(part.data):
                return True
        elif isinstance(part, nodes.Call) and isinstance(part.node, nodes.Name) and part.node.name == "raise_exception":
            continue  # a complaint to the caller
        elif isinstance(part, nodes.Expr) and any(map(_is_sentence, folder.texts(part))):
            return True
        else:
            stack += part.iter_child_nodes()
    return False


def _is_sentence(text: str) -> bool:
    return len(_WORD.findall(_MARK.sub(" ", text))) >= _SENTENCE
