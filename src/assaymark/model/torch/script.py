"""TorchScript code, as `torch.jit.load` reads it: every operator, native class and odd construct in it.

The text is Python in form (torch/csrc/jit/serialization/python_print.cpp writes it), but the names mean something
else (import_source.cpp): `torch.f` and a method `x.f()` are the operator `aten::f`, `ops.ns.f` is `ns::f`,
`__torch__.a.b` is code of the archive and `__torch__.torch.classes.ns.C` a class of a native library. Anything that torch
does not write (other characters, other statements, a namespace handed on as a value) makes the code unread: it holds.
"""

import ast
import re
from collections.abc import Iterator

from assaymark.core.errors import AssayError
from assaymark.core.source.python import parse_python
from assaymark.model.torch.operators import ACTING_METHODS, acts, computes, knows_class
from assaymark.model.torch.views import Operator, UnreadProgram

_FOREIGN = re.compile(rb"[^\n\x20-\x7e]")
"""torch escapes every other character (printQuotedString); its lexer and Python's differ in what these do."""
_ALLOWED = (
    ast.Module, ast.ClassDef, ast.FunctionDef, ast.arguments, ast.arg, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr,
    ast.If, ast.For, ast.While, ast.Return, ast.Pass, ast.Break, ast.Continue, ast.Raise, ast.Assert, ast.With,
    ast.withitem, ast.Delete, ast.Call, ast.keyword, ast.Attribute, ast.Name, ast.Constant, ast.Tuple, ast.List, ast.Dict,
    ast.Subscript, ast.Slice, ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Starred, ast.ListComp,
    ast.DictComp, ast.comprehension, ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.Import,
    ast.alias,
)  # fmt: skip
_NAMESPACES = frozenset({"torch", "ops", "__torch__", "rpc"})
_CLASS = ("__torch__", "torch", "classes")
_REMOTE = frozenset({"rpc_async", "rpc_sync", "rpc_remote", "rpc"})
_MOST = 2_000


def read_script(data: bytes, what: str) -> Iterator[Operator | UnreadProgram]:
    """Yield what is not known to compute only; nothing at all for honest code."""
    found = _FOREIGN.search(data)
    if found:
        line = data.count(b"\n", 0, found.start()) + 1
        yield UnreadProgram(what, f"has the byte 0x{found[0][0]:02x}, which torch never writes into code", line)
    try:
        tree = parse_python(data)
    except AssayError as error:
        yield UnreadProgram(what, error.message)
        return
    seen: set[tuple[str, str]] = set()
    for view in _Reader(data.decode("utf-8", "replace").split("\n"), what).read(tree):
        key = (view.name, view.place) if isinstance(view, Operator) else (view.reason, "")
        if key not in seen and len(seen) < _MOST:
            seen.add(key)
            yield view


class _Reader:
    """One walk over the tree, without recursion."""

    def __init__(self, lines: list[str], what: str) -> None:
        self._lines = lines
        self._what = what

    def read(self, tree: ast.Module) -> Iterator[Operator | UnreadProgram]:
        """Visit each node with the place it stands in and the names that its class defines."""
        stack: list[tuple[ast.AST, str, frozenset[str]]] = [(tree, "", frozenset())]
        while stack:
            node, place, own = stack.pop()
            if not isinstance(node, _ALLOWED):
                yield self._unread(node, f"has what TorchScript does not have: {type(node).__name__}")
                continue
            if isinstance(node, ast.ClassDef):
                own = frozenset(_defined(node))
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                place = f"{place}.{node.name}".lstrip(".")
                if node.decorator_list:
                    yield self._unread(node, "has what TorchScript does not have: a decorator")
            if isinstance(node, ast.Import) and any(not a.name.startswith("__torch__") for a in node.names):
                yield self._unread(node, f"imports {node.names[0].name}")
            chain, rest = _chain(node)
            if chain:
                yield from self._judge(node, chain, place, own)
                stack.extend((inner, place, own) for inner in rest)
                continue
            stack.extend((inner, place, own) for inner in reversed(list(ast.iter_child_nodes(node))))

    def _judge(
        self, node: ast.AST, chain: list[str], place: str, own: frozenset[str]
    ) -> Iterator[Operator | UnreadProgram]:
        root, names = chain[0], chain[1:]
        if root in _REMOTE:
            yield self._operator(node, "prim::rpc_async", place)
        elif root not in _NAMESPACES:
            for at, name in enumerate(names):
                if name in ACTING_METHODS and not (root == "self" and at == 0 and name in own):
                    yield self._operator(node, f"aten::{name}", place)
        elif _is_namespace(chain):
            yield self._unread(node, f"hands on the namespace {'.'.join(chain)!r} as a value")
        elif root == "__torch__":
            name = "::".join(chain[3:5])
            if tuple(chain[:3]) == _CLASS and not knows_class(name):
                yield Operator(f"class {name}"[:200], "", place, self._line(node), self._excerpt(node))
        elif root == "ops":
            yield from self._operators(node, names[0], names[1:], place)
        else:
            yield from self._operators(node, "aten", names[names[0] == "autograd" :], place)

    def _operators(self, node: ast.AST, namespace: str, names: list[str], place: str) -> Iterator[Operator]:
        """The operator, and what is read from it: nothing may be."""
        name = f"{namespace}::{'.'.join(names)}"
        if not computes(name):
            yield self._operator(node, name, place)
        for method in names[1:]:
            if method in ACTING_METHODS:
                yield self._operator(node, f"aten::{method}", place)

    def _operator(self, node: ast.AST, name: str, place: str) -> Operator:
        return Operator(name[:200], acts(name), place[:200], self._line(node), self._excerpt(node))

    def _unread(self, node: ast.AST, reason: str) -> UnreadProgram:
        return UnreadProgram(self._what, reason, self._line(node))

    @staticmethod
    def _line(node: ast.AST) -> int | None:
        return getattr(node, "lineno", None)

    def _excerpt(self, node: ast.AST) -> str:
        line = self._line(node) or 0
        return self._lines[line - 1].strip()[:160] if 0 < line <= len(self._lines) else ""


def _chain(node: ast.AST) -> tuple[list[str], list[ast.AST]]:
    """The dotted name that this node is, `getattr(x, "y")` as `x.y`, and the nodes below that are not part of it.

    The root is `?` where it is no name. Empty where the node is no name at all.
    """
    names: list[str] = []
    rest: list[ast.AST] = []
    while True:
        if isinstance(node, ast.Attribute):
            names.append(node.attr)
            node = node.value
        elif _is_getattr(node):
            names.append(node.args[1].value)  # type: ignore[attr-defined] # as _is_getattr has seen
            rest += [*node.args[2:], *node.keywords]  # type: ignore[attr-defined]
            node = node.args[0]  # type: ignore[attr-defined]
        elif isinstance(node, ast.Name):
            return [node.id, *reversed(names)], rest
        elif names:
            return ["?", *reversed(names)], [node, *rest]
        else:
            return [], []


def _is_namespace(chain: list[str]) -> bool:
    """A name that stands for many operators or classes: as a value it could be read from under another name."""
    if chain[0] == "__torch__":
        return tuple(chain) in {_CLASS[:1], _CLASS[:2], _CLASS, (*_CLASS, *chain[3:4])}
    return len(chain) == 1 or (chain[0] == "ops" and len(chain) == 2) or chain == ["torch", "autograd"]


def _is_getattr(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "getattr"
        and len(node.args) >= 2
        and isinstance(node.args[1], ast.Constant)
        and isinstance(node.args[1].value, str)
    )


def _defined(node: ast.ClassDef) -> Iterator[str]:
    """Names that a class gives to its methods and attributes."""
    for inner in node.body:
        if isinstance(inner, ast.FunctionDef):
            yield inner.name
        elif isinstance(inner, ast.AnnAssign) and isinstance(inner.target, ast.Name):
            yield inner.target.id
