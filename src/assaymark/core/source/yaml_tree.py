"""YAML as plain nodes with line numbers and tags: nothing is constructed, aliases are shared, never expanded.

`events` is libyaml's own parser under limits; `documents` builds trees from it. Scalars stay texts: `on`, `1.0` and
`~` are what is written, which is what a check wants to see.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from assaymark.core.errors import Malformed, OverBudget

LIMIT = 2 << 20
"""Characters of one YAML text."""
_EVENTS = 200_000
_DEPTH = 100
_ALIASES = 10_000


@dataclass(slots=True, eq=False)
class Node:
    """A scalar (`text`), a sequence (`items`) or a mapping (`pairs`); `kind` says which."""

    kind: str
    line: int
    tag: str = ""
    """Only where one is written; `!!x` in its long form `tag:yaml.org,2002:x`."""
    text: str = ""
    block: bool = False
    """A `|` or `>` scalar: its text begins on the line after `line`."""
    quoted: bool = False
    items: "list[Node]" = field(default_factory=list)
    pairs: "list[tuple[Node, Node]]" = field(default_factory=list)

    def get(self, *path: str) -> "Node | None":
        """The value below these keys, or None; of a key that stands twice, the last, as loaders do."""
        node: Node | None = self
        for key in path:
            found = [value for name, value in node.pairs if name.kind == "scalar" and name.text == key] if node else []
            node = found[-1] if found else None
        return node

    def named(self) -> "Iterator[tuple[str, Node]]":
        """The pairs of a mapping whose keys are texts."""
        return ((key.text, value) for key, value in self.pairs if key.kind == "scalar")


def events(text: str) -> Iterator[Any]:
    """Yield libyaml's events; raises Malformed where the text is no YAML, OverBudget beyond the limits."""
    import yaml

    if len(text) > LIMIT:
        raise OverBudget(f"YAML of {len(text):,} characters, more than the {LIMIT >> 20} MiB that are read")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    depth = aliases = 0
    try:
        for count, event in enumerate(yaml.parse(text, Loader=loader)):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            elif isinstance(event, yaml.AliasEvent):
                aliases += 1
            if count > _EVENTS or depth > _DEPTH or aliases > _ALIASES:
                raise OverBudget(
                    f"YAML with more than {_EVENTS:,} parts, {_DEPTH} levels or {_ALIASES:,} aliases (bombs look so)"
                )
            yield event
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" (line {mark.line + 1})" if mark else ""
        raise Malformed(f"not YAML: {error.problem or error.context}{where}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise Malformed(f"not YAML: {str(error).splitlines()[0]}") from None


def documents(text: str) -> Iterator[Node]:
    """The root of each document, as soon as it is complete; raises as `events` does."""
    import yaml

    stack: list[Node] = []
    keys: list[Node | None] = []
    anchors: dict[str, Node] = {}
    for event in events(text):
        if isinstance(event, yaml.CollectionEndEvent):
            node = stack.pop()
            keys.pop()
            if not stack:
                yield node
            continue
        if isinstance(event, yaml.DocumentStartEvent):
            anchors = {}
        made = _node(event, anchors)
        if made is None:
            continue
        if stack:
            _put(stack[-1], keys, made)
        if isinstance(event, yaml.CollectionStartEvent):
            stack.append(made)
            keys.append(None)
        elif not stack:
            yield made


def walk(root: Node) -> Iterator[tuple[Node, Node | None]]:
    """Every node once, in order, with the key it stands under; aliases that lead back up end."""
    seen: set[int] = set()
    pending: list[tuple[Node, Node | None]] = [(root, None)]
    while pending:
        node, key = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node, key
        pending.extend((item, key) for item in reversed(node.items))
        pending.extend((value, name) for name, value in reversed(node.pairs))


def _node(event: Any, anchors: dict[str, Node]) -> Node | None:
    import yaml

    if not isinstance(event, yaml.NodeEvent):
        return None
    line = event.start_mark.line + 1 if event.start_mark else 1
    if isinstance(event, yaml.AliasEvent):
        known = anchors.get(event.anchor or "")
        if known is None:
            raise Malformed(f"not YAML: alias *{str(event.anchor)[:50]} of nothing (line {line})")
        return known
    tag = getattr(event, "tag", None) or ""
    if isinstance(event, yaml.ScalarEvent):
        style = event.style or ""
        node = Node("scalar", line, tag, event.value, block=style in {"|", ">"}, quoted=style in {"'", '"'})
    else:
        node = Node("mapping" if isinstance(event, yaml.MappingStartEvent) else "sequence", line, tag)
    if event.anchor:
        anchors[event.anchor] = node
    return node


def _put(parent: Node, keys: list[Node | None], node: Node) -> None:
    if parent.kind == "sequence":
        parent.items.append(node)
    elif keys[-1] is None:
        keys[-1] = node
    else:
        parent.pairs.append((keys[-1], node))
        keys[-1] = None
