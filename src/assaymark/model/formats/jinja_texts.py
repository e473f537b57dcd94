"""What a template writes that nobody is meant to see, and what it writes without end."""

import re
from collections.abc import Iterator, Sequence

from jinja2 import nodes

from assaymark.model.formats.jinja_fold import Folder, in_order

_QUIET = re.compile(
    r"\b(?:secretly|covertly)\b|\b(?:never|do not|don[\u2019']t|must not|without)\b[^.\n]{0,30}\b(?:tell|mention|reveal|disclose|inform)"
    r"(?:ing)?\b[^.\n]{0,20}\b(?:this|these|it\b|that you|your instructions)",
    re.IGNORECASE,
)
_UNSEEN = re.compile("[\U000e0020-\U000e007f\u202a-\u202e\u2066-\u2069]")
"""Tag characters, which show as nothing and are read by models, and marks that turn the direction of text."""
_MANY = 1_000_000
_NESTED = 10_000


def conceals(everything: Sequence[nodes.Node]) -> Iterator[tuple[int, str]]:
    """(line, what) of every such text."""
    for node in everything:
        text = getattr(node, "data" if isinstance(node, nodes.TemplateData) else "value", None)
        if isinstance(text, str):
            unseen = _UNSEEN.search(text)
            if unseen:
                yield node.lineno, f"the invisible character U+{ord(unseen[0]):04X}"
            quiet = _QUIET.search(text)
            if quiet:
                yield node.lineno, repr(quiet[0][:120])


def endless(everything: Sequence[nodes.Node], folder: Folder) -> Iterator[tuple[int, str]]:
    """(line, what) of loops and texts of a size that is written out and too large to be meant."""
    for node in everything:
        numbers = [abs(n) for part in node.iter_child_nodes() for n in folder.values(part) if isinstance(n, int)]
        if (
            isinstance(node, nodes.Mul)
            and max(numbers, default=0) > _MANY
            and not all(isinstance(value, int) for part in (node.left, node.right) for value in folder.values(part))
        ):
            yield node.lineno, f"a text {max(numbers):,} times"
        elif isinstance(node, nodes.Pow) and max(numbers, default=0) > 1_000:
            yield node.lineno, "a power without bounds"
        elif isinstance(node, nodes.Pow) and any(isinstance(part, nodes.Pow) for part in node.iter_child_nodes()):
            yield node.lineno, "a power of a power"
        elif isinstance(node, nodes.Call) and _length(node, folder) > _MANY:
            yield node.lineno, f"a range of {_length(node, folder):,}"
        elif isinstance(node, nodes.For) and _length(node.iter, folder) > _NESTED:
            inner = (part for statement in node.body for part in in_order(statement) if isinstance(part, nodes.For))
            if any(_length(part.iter, folder) > _NESTED for part in inner):
                yield node.lineno, "long ranges in one another"


def _length(node: nodes.Node, folder: Folder) -> int:
    """The bound of a `range()` with constant arguments."""
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == "range":
        return max((abs(n) for part in node.args for n in folder.values(part) if isinstance(n, int)), default=0)
    return 0
