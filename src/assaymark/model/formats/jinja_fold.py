"""Which constants the expressions of a template can have: enough folding to see a name that is put together.

Flow-insensitive and bounded: a name has every constant that is assigned to it anywhere, an expression at most eight
values. Evaluation goes from the leaves up over a flat list, so that no nesting can exhaust the stack.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, product
from typing import Any

from jinja2 import nodes

Values = tuple[Any, ...]
"""Constants that an expression can have; empty where none is known."""

_MOST = 8
"""Values kept for one expression."""
_LONGEST = 4096
"""Characters or items of one value."""
_PASSES = 4
"""Rounds of assignment; each follows one more `set a = b`."""
_NOTHING = nodes.Const(None)
"""An omitted bound of a slice."""


def in_order(tree: nodes.Node) -> Iterator[nodes.Node]:
    """Every node, parents before children, in the order of the text."""
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(list(node.iter_child_nodes())))


class Folder:
    """Constant values of the nodes of one tree."""

    def __init__(self, everything: Sequence[nodes.Node]) -> None:
        """`everything` is the tree as `in_order` gives it."""
        self._values: dict[int, Values] = {id(_NOTHING): (None,)}
        self._names: dict[str, Values] = {}
        self._macros = {node.name: node for node in everything if isinstance(node, nodes.Macro)}
        self.own_names = set(self._macros)
        """Names that the template itself defines."""
        for _ in range(_PASSES):
            before = dict(self._names), dict(self._values)
            for node in reversed(everything):
                self._values[id(node)] = self._fold(node)
            for node in everything:
                self._assign(node)
            if before == (self._names, self._values):
                break

    def values(self, node: nodes.Node) -> Values:
        """The constants that this node can have."""
        return self._values.get(id(node), ())

    def texts(self, node: nodes.Node) -> list[str]:
        """Those of them that are texts."""
        return [value for value in self.values(node) if isinstance(value, str)]

    def _learn(self, name: str, values: Iterable[object]) -> None:
        self.own_names.add(name)
        known = self._names.get(name, ())
        self._names[name] = _bounded((*known, *(v for v in values if v not in known)))

    def _assign(self, node: nodes.Node) -> None:
        """Take in what a statement gives to a name."""
        if isinstance(node, nodes.Assign):
            self._unpack(node.target, self.values(node.node))
            if isinstance(node.target, nodes.Name) and isinstance(node.node, nodes.Call):
                for pair in node.node.kwargs:  # set ns = namespace(key=value)
                    self._learn(f"{node.target.name}.{pair.key}", self.values(pair.value))
        elif isinstance(node, nodes.AssignBlock):
            self._unpack(node.target, self._body(node.body))
        elif isinstance(node, nodes.For):
            items = [item for value in self.values(node.iter) if isinstance(value, list | str | dict) for item in value]
            self._unpack(node.target, _bounded(items))
        elif isinstance(node, nodes.With):
            for target, value in zip(node.targets, node.values, strict=False):
                self._unpack(target, self.values(value))
        elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in self._macros:
            for parameter, argument in zip(self._macros[node.node.name].args, node.args, strict=False):
                self._learn(parameter.name, self.values(argument))
            for pair in node.kwargs:
                self._learn(pair.key, self.values(pair.value))
        elif isinstance(node, nodes.Macro):
            defaults = zip(reversed(node.args), reversed(node.defaults), strict=False)
            for parameter, default in defaults:
                self._learn(parameter.name, self.values(default))

    def _unpack(self, target: nodes.Node, values: Values) -> None:
        if isinstance(target, nodes.Name):
            self._learn(target.name, values)
        elif isinstance(target, nodes.NSRef):
            self._learn(f"{target.name}.{target.attr}", values)
        elif isinstance(target, nodes.Tuple):
            rows = [value for value in values if isinstance(value, list) and len(value) == len(target.items)]
            for at, item in enumerate(target.items):
                self._unpack(item, tuple(row[at] for row in rows))

    def _body(self, body: Iterable[nodes.Node]) -> Values:
        """What a block of text and constants renders to."""
        parts: list[nodes.Node] = []
        for statement in body:
            if isinstance(statement, nodes.Output):
                parts.extend(statement.nodes)
            elif not isinstance(statement, nodes.Assign):
                return ()
        return self._each(parts, lambda *pieces: "".join(map(str, pieces)).strip())

    def _each(self, parts: Sequence[nodes.Node], function: Callable[..., object]) -> Values:
        """The function's result for every combination of the parts' values."""
        if len(parts) > _LONGEST:
            return ()
        choices = [self.values(part) for part in parts]
        return _bounded(_computed(function, chosen) for chosen in product(*choices))

    def _fold(self, node: nodes.Node) -> Values:
        values: Values = ()
        match node:
            case nodes.Const():
                values = _bounded((node.value,))
            case nodes.TemplateData():
                values = _bounded((node.data,))
            case nodes.Name():
                values = self._names.get(node.name, ())
            case nodes.List() | nodes.Tuple():
                values = self._each(node.items, lambda *items: list(items))
            case nodes.Dict():
                pairs = ((key, pair.value) for pair in node.items for key in self.values(pair.key)[:1])
                values = self._dictionary(pairs)
            case nodes.Concat():
                values = self._each(node.nodes, lambda *pieces: "".join(map(str, pieces)))
            case nodes.And() | nodes.Or():
                values = _bounded((*self.values(node.left), *self.values(node.right)))
            case nodes.Add() | nodes.Sub() | nodes.Mul() | nodes.Mod() | nodes.Pow():
                values = self._each((node.left, node.right), _BINARY[type(node)])
            case nodes.Neg():
                values = self._each((node.node,), lambda value: -value)
            case nodes.CondExpr():
                values = _bounded((*self.values(node.expr1), *(self.values(node.expr2) if node.expr2 else ())))
            case nodes.Getattr(node=nodes.Name() as owner):
                values = self._names.get(f"{owner.name}.{node.attr}", ())
            case nodes.Getitem():
                values = self._item(node)
            case nodes.Filter():
                values = self._filter(node)
            case nodes.Call():
                values = self._call(node)
        return values

    def _item(self, node: nodes.Getitem) -> Values:
        if not isinstance(node.arg, nodes.Slice):
            return self._each((node.node, node.arg), lambda value, at: value[at])
        bounds = [node.arg.start, node.arg.stop, node.arg.step]
        parts = [bound or _NOTHING for bound in bounds]
        return self._each((node.node, *parts), lambda value, *slicing: value[slice(*slicing)])

    def _filter(self, node: nodes.Filter) -> Values:
        function = _FILTERS.get(node.name)
        parts = [node.node, *node.args, *(pair.value for pair in node.kwargs)]
        return self._each([part for part in parts if part is not None], function) if function else ()

    def _call(self, node: nodes.Call) -> Values:
        target = node.node
        if isinstance(target, nodes.Getattr):
            function = _METHODS.get(target.attr)
            return self._each((target.node, *node.args), function) if function else ()
        if isinstance(target, nodes.Name) and target.name == "dict":
            return self._dictionary((pair.key, pair.value) for pair in node.kwargs)
        if isinstance(target, nodes.Name) and target.name in self._macros:
            return self._body(self._macros[target.name].body)
        return ()

    def _dictionary(self, pairs: Iterable[tuple[object, nodes.Node]]) -> Values:
        """A dict whose keys are known; an unknown value is None, as it is the keys that get joined."""
        found = {}
        for key, node in islice(pairs, _LONGEST):
            if not isinstance(key, str | int):
                return ()
            found[key] = next(iter(self.values(node)), None)
        return (found,)


_FAILED = object()


def _computed(function: Callable[..., object], arguments: Sequence[object]) -> object:
    try:
        return function(*arguments)
    except (TypeError, ValueError, IndexError, KeyError, AttributeError, OverflowError):
        return _FAILED


def _bounded(values: Iterable[object]) -> Values:
    """The first few values of a kind and size that is worth following."""
    kept: list[object] = []
    for value in islice(values, 4 * _MOST):
        if _weight(value, _LONGEST) <= _LONGEST and value not in kept:
            kept.append(value)
    return tuple(kept[:_MOST])


def _weight(value: object, room: int) -> int:
    """Characters and items of a value, counted until they exceed `room`; what is not worth following exceeds it."""
    if value is None or isinstance(value, bool | float):
        return 1
    if isinstance(value, int):
        return 1 if abs(value) < 1 << 63 else room + 1
    if isinstance(value, str):
        return 1 + len(value)
    total = 1
    for item in (
        (*value, *value.values()) if isinstance(value, dict) else value if isinstance(value, list) else (_FAILED,)
    ):
        total += room if item is _FAILED else _weight(item, room - total)
        if total > room:
            break
    return total


def _add(left: Any, right: Any) -> object:
    """Texts, lists and small numbers."""
    return left + right


def _repeat(left: Any, right: Any) -> object:
    """`"_" * 2`, either way round."""
    value, times = (right, left) if isinstance(left, int) else (left, right)
    if isinstance(times, int) and isinstance(value, str | list) and len(value) * times <= _LONGEST:
        return value * times
    raise ValueError


def _power(left: Any, right: Any) -> object:
    """A size that is written as one, `10**9`."""
    if isinstance(left, int) and isinstance(right, int) and abs(left) < 1 << 16 and 0 <= right < 64:
        return left**right
    raise ValueError


def _percent(left: Any, right: Any) -> object:
    """`"%s%s" % ("a", "b")`; a field of more than three digits is not padding."""
    if not isinstance(left, str) or "*" in left or re.search(r"\d{4}", left):
        raise ValueError
    return left % (tuple(right) if isinstance(right, list) else right)


def _braces(template: Any, *arguments: object) -> object:
    """`"{}{}".format("a", "b")` with plain fields; any other field stays as it is written."""
    if not isinstance(template, str) or re.search(r"\{[^{}]*[:!][^{}]*\}", template):
        raise ValueError  # formatted numbers, which may spell a name
    positions = iter(range(len(arguments)))

    def fill(match: re.Match[str]) -> str:
        return str(arguments[int(match[1]) if match[1] else next(positions, len(arguments))])

    return re.sub(r"\{(\d{0,3})\}", fill, template)


def _joined(value: Any, separator: object = "", *_: object) -> object:
    return str(separator).join(map(str, value))


def _text_method(name: str) -> Callable[..., object]:
    """A method of str, on a text only and with no way to make it long."""

    def call(value: Any, *arguments: object) -> object:
        if not isinstance(value, str) or len(value) * (1 + len(str(arguments))) > 1 << 20:
            raise TypeError
        return getattr(value, name)(*arguments)

    return call


_BINARY: dict[type[nodes.Node], Callable[..., object]] = {
    nodes.Add: _add,
    nodes.Sub: lambda left, right: left - right,
    nodes.Mul: _repeat,
    nodes.Mod: _percent,
    nodes.Pow: _power,
}
_SAME: dict[str, Callable[..., object]] = {
    name: _text_method(name)
    for name in ("lower", "upper", "title", "capitalize", "swapcase", "replace", "removeprefix", "removesuffix")
}
_METHODS: dict[str, Callable[..., object]] = _SAME | {
    **{name: _text_method(name) for name in ("strip", "lstrip", "rstrip", "split", "rsplit", "casefold")},
    "join": lambda separator, items: _joined(items, separator),
    "format": _braces,
    "__add__": _add,
    "__mul__": _repeat,
    "__mod__": _percent,
}
_FILTERS: dict[str, Callable[..., object]] = _SAME | {
    "join": _joined,
    "format": lambda value, *arguments: _percent(value, list(arguments)),
    "trim": _text_method("strip"),
    "string": str,
    "safe": lambda value: value,
    "escape": lambda value: value,
    "e": lambda value: value,
    "forceescape": lambda value: value,
    "default": lambda value, *_: value,
    "d": lambda value, *_: value,
    "reverse": lambda value: value[::-1],
    "list": list,
    "first": lambda value: next(iter(value)),
    "last": lambda value: list(value)[-1],
    "int": lambda value, *_: int(value),
}
