"""Names of attributes and items that a template makes up from pieces while it is rendered.

What `jinja_fold` can work out is judged by its value. What it cannot (another filter, a text that grows in a loop) is
judged by how it is made: an honest template takes its keys from messages and tools as they are, or writes them out.
"""

from collections.abc import Iterator, Sequence

from jinja2 import nodes

from assaymark.model.formats.jinja_fold import Folder, in_order
from assaymark.model.formats.jinja_gates import Gates, dotted, names_of

_COMPUTED = "an item whose name is computed while rendering"
_NUMBERS = frozenset({"length", "count", "int", "abs", "round", "float"})


class Keys:
    """All (line, what) of one template."""

    def __init__(self, everything: Sequence[nodes.Node], folder: Folder, gates: Gates) -> None:
        """`everything` is the tree as `in_order` gives it."""
        self._folder = folder
        self._gates = gates
        self._assigned: dict[str, list[nodes.Node]] = {}
        for node in everything:
            if isinstance(node, nodes.Assign):
                for name in names_of(node.target):
                    self._assigned.setdefault(name, []).append(node.node)
        self.found = tuple((node.lineno, what) for node in everything for what in self._made_up(node))

    def _made_up(self, node: nodes.Node) -> Iterator[str]:
        if isinstance(node, nodes.Getitem) and not isinstance(node.arg, nodes.Slice):
            table = any(isinstance(value, dict | list | str) for value in self._folder.values(node.node))
            if self._computed(node.arg) or (not table and self._gates.reads(node.arg)):
                yield _COMPUTED
        elif isinstance(node, nodes.Filter) and node.name == "attr" and node.args and self._computed(node.args[0]):
            yield "an attribute whose name is computed while rendering"
        elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr):
            base = node.node.node
            if node.node.attr in {"format", "format_map"} and not self._folder.values(base):
                yield "fields of a format that is computed while rendering"

    def _computed(self, node: nodes.Node) -> bool:
        """Say whether this key is put together from written pieces in a way that is not folded."""
        pending, seen = [node], set[str]()
        while pending:
            part = pending.pop()
            name = dotted(part)
            if name:
                if name not in seen:
                    seen.add(name)
                    for value in self._assigned.get(name, ()):
                        if _grows(value, name):
                            return True
                        pending.append(value)
            elif isinstance(part, nodes.Filter | nodes.Call | nodes.Concat | nodes.Add | nodes.Mod | nodes.Mul):
                counts = isinstance(part, nodes.Filter) and part.name in _NUMBERS
                if not counts and not self._folder.values(part) and _has_text(part):
                    return True
            elif isinstance(part, nodes.CondExpr | nodes.And | nodes.Or):
                pending.extend(part.iter_child_nodes())
        return False


def _grows(value: nodes.Node, name: str) -> bool:
    """`ns.s ~ c`: the name stands in what is assigned to it."""
    return (
        isinstance(value, nodes.Concat | nodes.Add)
        and any(dotted(part) == name for part in in_order(value))
        and not any(isinstance(part, nodes.Const) and isinstance(part.value, int) for part in in_order(value))
    )


def _has_text(node: nodes.Node) -> bool:
    return any(
        isinstance(part, nodes.Const | nodes.TemplateData)
        and isinstance(text := getattr(part, "value", getattr(part, "data", None)), str)
        and any(c.isalpha() or c == "_" for c in text)
        for part in in_order(node)
    )
