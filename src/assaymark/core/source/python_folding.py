"""Names and constants of a Python file, worked out without running it.

A name may be bound many times, so it stands for every value it is ever bound to: `s = os.system; s("x"); s = print`
calls both. Values are strings, bytes, numbers, tuples of them, and `Ref`s to what an import or builtin provides.
"""

import ast
import builtins
from collections.abc import Iterable

from assaymark.core.errors import OverBudget
from assaymark.core.source.python_deeds import STDLIB, UNKNOWN, canonical
from assaymark.core.source.python_scope import Scope
from assaymark.core.source.python_values import (
    DECODERS,
    Ref,
    Value,
    arithmetic,
    decoded,
    from_numbers,
    is_table,
    joined,
    member,
    percent,
    small,
    text_method,
    unknown_item,
)

__all__ = ["Folder", "Ref", "Scope", "Value"]

_DEPTH = 60
_VALUES = 12
_STEPS = 1_000_000
_CHARACTERS = 64 << 20
"""Of all texts that are put together in all."""
_MADE = (ast.Call, ast.BinOp, ast.JoinedStr, ast.ListComp, ast.GeneratorExp)
_ELEMENTS = 20_000
"""Elements of comprehensions that are worked out in all."""
_BY_NAME = frozenset(
    {"__import__", "importlib.import_module", "importlib.__import__", "pkgutil.resolve_name", "pydoc.locate"}
)
_LAST = 1 << 30  # a line after all others
_BUILTINS = frozenset(dir(builtins)) | {"__builtins__", "execfile", "get_ipython", "unicode", "reduce"}


class Folder:
    """Evaluates expressions to the values they may have. `fields` are attributes of objects, by attribute name."""

    def __init__(self) -> None:
        self.fields: dict[str, list[tuple[ast.expr, Scope]]] = {}
        self.stars: list[str] = []
        self.modules: dict[str, Scope] = {}
        """Files of the same program by the name that `python_program` gave their modules."""
        self.steps = _STEPS
        self._busy: set[tuple[int, str]] = set()
        self._steps = 0
        self._characters = 0
        self._known: dict[tuple[int, int], tuple[Value, ...]] = {}
        self._cut = 0
        """How often a value was given up: too deep, or asked for while it is being worked out."""
        self._kept: list[Scope] = []
        """Scopes made on the way: what is known is kept by their identity."""
        self._deep = 0
        self._asked: set[tuple[int, str]] = set()
        """Names that were asked for while they were being worked out."""

    def values(self, node: ast.expr | None, scope: Scope, depth: int = 0) -> tuple[Value, ...]:
        """Every known value of the expression, at most a dozen; nothing where it cannot be known."""
        self._steps += 1
        if self._steps > self.steps:
            raise OverBudget("the Python source binds its names in more ways than are followed")
        if node is None or depth > _DEPTH:
            self._deep += depth > _DEPTH
            self._cut += depth > _DEPTH
            return ()
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            return ()
        key = (id(node), id(scope))
        if key in self._known:
            return self._known[key]
        cut = self._cut
        found: Iterable[Value] = method(node, scope, depth + 1)
        result = tuple(dict.fromkeys(found))[:_VALUES]
        if isinstance(node, _MADE):
            self._characters += sum(len(v) for v in result if isinstance(v, (str, bytes, tuple)))
            if self._characters > _CHARACTERS:
                raise OverBudget("the Python source puts more text together than is followed")
        if cut == self._cut and isinstance(node, (ast.Call, ast.BinOp, ast.ListComp, ast.GeneratorExp)):
            self._known[key] = result
        return result

    def text(self, node: ast.expr | None, scope: Scope, depth: int = 0) -> str | None:
        """Return the expression's only value when that is a text."""
        values = self.values(node, scope, depth)
        return values[0] if len(values) == 1 and isinstance(values[0], str) else None

    # --- names

    def lookup(self, name: str, scope: Scope, line: int = 0, depth: int = 0) -> tuple[Value, ...]:
        """Say what a name read at `line` may stand for: the nearest scope that binds it, else what Python itself gives."""
        at: Scope | None = scope
        while at is not None:
            bound = name in at.names and name not in at.elsewhere and (at.kind != "class" or at is scope)
            if bound and at.kind in {"function", "comprehension"}:
                return self._bound(name, at, depth)
            if bound:
                found = self._bound(name, at, depth)
                return found if at.firm.get(name, line) < line else (*found, *self._given(name))
            at = at.parent
        return self._given(name)

    def _given(self, name: str) -> tuple[Value, ...]:
        starred = [canonical(f"{module}.{name}") for module in self.stars if module.split(".")[0] in STDLIB]
        return (*(Ref(s) for s in starred), *((Ref(canonical(name)),) if name in _BUILTINS else ()))

    def _bound(self, name: str, scope: Scope, depth: int) -> tuple[Value, ...]:
        if name in scope.known:
            return scope.known[name]
        key = (id(scope), name)
        if key in self._busy:
            self._cut += 1
            self._asked.add(key)
            return ()
        self._busy.add(key)
        deep, asked = self._deep, self._asked
        self._asked = set()
        found: dict[Value, None] = {}
        for value, origin in scope.names[name]:
            if isinstance(value, ast.expr):
                found.update(dict.fromkeys(self.values(value, origin, depth)))
            elif value is not None:
                found[value] = None
        self._busy.discard(key)
        # Things come before texts: a dozen harmless texts must not push a function out.
        ordered = sorted(found, key=lambda v: not isinstance(v, Ref))
        result = tuple(ordered[:_VALUES])
        self._asked.discard(key)
        if deep == self._deep and not self._asked:
            # What was cut short here may be known when it is asked for from elsewhere.
            scope.known[name] = result
        self._asked |= asked
        return result

    # --- expressions, by the lower-case name of their node type

    def _name(self, node: ast.Name, scope: Scope, depth: int) -> Iterable[Value]:
        return self.lookup(node.id, scope, node.lineno, depth)

    def _constant(self, node: ast.Constant, _scope: Scope, _depth: int) -> Iterable[Value]:
        value = node.value
        return (value,) if isinstance(value, (str, bytes, int)) and small(value) else ()

    def _namedexpr(self, node: "ast.NamedExpr | ast.Await", scope: Scope, depth: int) -> Iterable[Value]:
        return self.values(node.value, scope, depth)

    _await = _namedexpr

    def _ifexp(self, node: ast.IfExp, scope: Scope, depth: int) -> Iterable[Value]:
        return (*self.values(node.body, scope, depth), *self.values(node.orelse, scope, depth))

    def _boolop(self, node: ast.BoolOp, scope: Scope, depth: int) -> Iterable[Value]:
        return tuple(v for part in node.values[:_VALUES] for v in self.values(part, scope, depth))

    def _attribute(self, node: ast.Attribute, scope: Scope, depth: int) -> Iterable[Value]:
        names = [node.attr]
        base = node.value
        while isinstance(base, ast.Attribute):
            names.append(base.attr)
            base = base.value
        return self._members(self.values(base, scope, depth), names[::-1], depth)

    def _members(self, bases: tuple[Value, ...], names: list[str], depth: int) -> list[Ref]:
        """What stands at `base.a.b`; of an unknown base, what is stored anywhere under the last name."""
        found: list[Ref] = []
        for base in bases:
            own = self.modules.get(base.name) if isinstance(base, Ref) else None
            if own is not None and depth <= _DEPTH:
                inner = self.lookup(names[0], own, _LAST, depth + 1)
                if len(names) > 1:
                    found.extend(self._members(inner, names[1:], depth + 1))
                else:
                    found.extend(v for v in inner if isinstance(v, Ref))
            elif isinstance(base, Ref):
                name = base.name
                for attr in names:
                    name = member(name, attr)
                found.append(Ref(name))
        key = (-1, names[-1])
        if not found and names[-1] in self.fields and key not in self._busy:
            self._busy.add(key)
            for expression, where in self.fields[names[-1]][: _VALUES * 4]:
                found.extend(v for v in self.values(expression, where, depth) if isinstance(v, Ref))
            self._busy.discard(key)
        return found

    def _subscript(self, node: ast.Subscript, scope: Scope, depth: int) -> Iterable[Value]:
        for base in self.values(node.value, scope, depth):
            if isinstance(node.slice, ast.Slice):
                if isinstance(base, (str, bytes, tuple)):
                    yield from self._sliced(base, node.slice, scope, depth)
                continue
            keys = self.values(node.slice, scope, depth)
            if not keys and isinstance(base, Ref):
                yield from unknown_item(base.name)
            for key in keys:
                if isinstance(base, Ref) and isinstance(key, str):
                    yield from self._item(base.name, key, scope)
                elif isinstance(base, (str, bytes, tuple)) and isinstance(key, int) and -len(base) <= key < len(base):
                    yield base[key]

    def _item(self, name: str, key: str, scope: Scope) -> Iterable[Value]:
        if name in {"globals()", "locals()", "vars()"}:
            yield from self.lookup(key, scope)
        elif name == "sys.modules":
            yield Ref(canonical(key))
        elif name == "builtins" or name.endswith((".__dict__", ".vars()")):
            yield Ref(member(name.removesuffix(".__dict__").removesuffix(".vars()"), key))

    def _sliced(
        self, base: "str | bytes | tuple[Value, ...]", node: ast.Slice, scope: Scope, depth: int
    ) -> Iterable[Value]:
        bounds = []
        for part in (node.lower, node.upper, node.step):
            value = self.values(part, scope, depth) if part is not None else (None,)
            if len(value) != 1 or not (value[0] is None or isinstance(value[0], int)):
                return
            bounds.append(value[0])
        if bounds[2] != 0:
            yield base[slice(*bounds)]

    def _unaryop(self, node: ast.UnaryOp, scope: Scope, depth: int) -> Iterable[Value]:
        if isinstance(node.op, ast.USub):
            yield from (-v for v in self.values(node.operand, scope, depth) if isinstance(v, int))

    def _binop(self, node: ast.BinOp, scope: Scope, depth: int) -> Iterable[Value]:
        lefts = self.values(node.left, scope, depth)
        rights = self.values(node.right, scope, depth) if lefts else ()
        for left in lefts:
            for right in rights:
                if isinstance(node.op, ast.Add) and type(left) is type(right) and not isinstance(left, Ref):
                    total = left + right  # type: ignore[operator] # of one type, as just asked
                    if small(total):
                        yield total
                elif isinstance(node.op, ast.Mod) and isinstance(left, str) and isinstance(right, (str, tuple)):
                    yield from percent(left, right if isinstance(right, tuple) else (right,))
                elif isinstance(node.op, ast.Div) and isinstance(right, str):
                    yield right
                elif isinstance(left, int) and isinstance(right, int):
                    yield from arithmetic(node.op, left, right)

    def _listcomp(self, node: "ast.ListComp | ast.GeneratorExp", scope: Scope, depth: int) -> Iterable[Value]:
        """`chr(c ^ 7) for c in b"..."`: an element for each one of what is iterated over."""
        first = node.generators[0]
        if len(node.generators) > 1 or first.ifs or not isinstance(first.target, ast.Name):
            return
        found = self.values(first.iter, scope, depth)
        source = found[0] if len(found) == 1 else ()
        if not isinstance(source, (str, bytes, tuple)) or not 0 < len(source) <= 512 or len(self._kept) > _ELEMENTS:
            return
        items: list[Value] = []
        for element in source:
            inner = Scope("comprehension", scope.within, scope)
            inner.bind(first.target.id, element)
            worth = self.values(node.elt, inner, depth)
            if len(worth) != 1:
                return
            items.append(worth[0])
            self._kept.append(inner)
        if small(made := tuple(items)):
            yield made

    _generatorexp = _listcomp

    def _joinedstr(self, node: ast.JoinedStr, scope: Scope, depth: int) -> Iterable[Value]:
        parts: list[Value] = []
        for part in node.values:
            inner = part.value if isinstance(part, ast.FormattedValue) and part.format_spec is None else part
            values = self.values(inner, scope, depth)
            if len(values) != 1 or not isinstance(values[0], (str, int)):
                return
            parts.append(values[0])
        yield from joined(parts)

    def _tuple(self, node: "ast.Tuple | ast.List", scope: Scope, depth: int) -> Iterable[Value]:
        items = []
        for element in node.elts[:512]:
            values = self.values(element, scope, depth)
            if not values:
                return
            items.append(values[0])
        if small(made := tuple(items)):
            yield made

    _list = _tuple

    def _call(self, node: ast.Call, scope: Scope, depth: int) -> Iterable[Value]:
        function = node.func
        if isinstance(function, ast.Attribute):
            bases = self.values(function.value, scope, depth)
            yield from self._method(node, function.attr, bases, scope, depth)
            called: Iterable[Value] = self._members(bases, [function.attr], depth)
        else:
            called = self.values(function, scope, depth)
        for value in called:
            if isinstance(value, Ref):
                yield from self._called(value.name, node, scope, depth)

    def _method(self, node: ast.Call, name: str, bases: tuple[Value, ...], scope: Scope, depth: int) -> Iterable[Value]:
        """Calls whose result follows from the object itself."""
        if name == "__getattribute__" and len(node.args) == 1:
            yield from self._attributes([b for b in bases if isinstance(b, Ref)], node.args[0], scope, depth)
        texts = [b for b in bases if not isinstance(b, Ref)]
        arguments = [self.values(a, scope, depth) for a in node.args] if texts else []
        if all(len(a) == 1 for a in arguments):
            for base in texts:
                yield from text_method(base, name, [a[0] for a in arguments])

    def _called(self, name: str, node: ast.Call, scope: Scope, depth: int) -> Iterable[Value]:  # noqa: C901, PLR0912 - one case a function
        """What a function gives that leads to other functions; see `_computed` for those of texts and numbers."""
        first = node.args[0] if node.args else None
        if name in {"getattr", "object.__getattribute__", "type.__getattribute__"} and len(node.args) >= 2:
            yield from self._attributes(self.values(first, scope, depth), node.args[1], scope, depth)
        elif name in _BY_NAME:
            texts = [v for v in self.values(first, scope, depth) if isinstance(v, str)]
            for text in texts:
                whole = name != "__import__" or any(k.arg == "fromlist" for k in node.keywords) or len(node.args) > 3
                yield Ref(canonical((text if whole else text.split(".")[0]).replace(":", ".")))
            if not texts:
                yield Ref(UNKNOWN)
        elif name == "vars" and first is not None:
            yield from (Ref(f"{v.name}.__dict__") for v in self.values(first, scope, depth) if isinstance(v, Ref))
        elif name == "type" and isinstance(first, ast.Lambda):
            yield Ref("types.FunctionType")
        elif name == "type" and isinstance(first, ast.Attribute) and first.attr == "__code__":
            yield Ref("types.CodeType")
        elif name in {"types.MappingProxyType", "dict", "collections.ChainMap"} and first is not None:
            yield from (v for v in self.values(first, scope, depth) if isinstance(v, Ref) and is_table(v.name))
        elif name == "functools.partial" and first is not None:
            yield from (v for v in self.values(first, scope, depth) if isinstance(v, Ref))
        elif name.endswith((".get", ".pop", ".setdefault", ".__getitem__")) and is_table(name.rpartition(".")[0]):
            keys = [v for v in self.values(first, scope, depth) if isinstance(v, str)] if first is not None else []
            yield from (v for key in keys for v in self._item(name.rpartition(".")[0], key, scope))
            yield from () if keys else unknown_item(name.rpartition(".")[0])
        elif name == "operator.itemgetter" and first is not None:
            yield from (Ref(f"{name}:{v}") for v in self.values(first, scope, depth) if isinstance(v, str))
        elif name.startswith("operator.itemgetter:"):
            for value in self.values(first, scope, depth):
                if isinstance(value, Ref):
                    yield from self._item(value.name, name.partition(":")[2], scope)
        elif name == "operator.attrgetter" and first is not None:
            yield from (Ref(f"{name}:{v}") for v in self.values(first, scope, depth) if isinstance(v, str))
        elif name.startswith("operator.attrgetter:"):
            attr = name.partition(":")[2]
            yield from (Ref(member(v.name, attr)) for v in self.values(first, scope, depth) if isinstance(v, Ref))
        else:
            yield from self._computed(name, node, scope, depth)

    def _computed(self, name: str, node: ast.Call, scope: Scope, depth: int) -> Iterable[Value]:  # noqa: C901, PLR0912 - one case a function
        first = node.args[0] if node.args else None
        if name == "chr":
            yield from (chr(v) for v in self.values(first, scope, depth) if isinstance(v, int) and 0 <= v < 0x110000)
        elif name in DECODERS:
            for value in self.values(first, scope, depth):
                yield from decoded(DECODERS[name], value)
        elif name in {"str", "bytes", "bytearray"} and first is not None:
            for value in self.values(first, scope, depth):
                if name == "str" and isinstance(value, bytes) and len(node.args) > 1:
                    yield from decoded(self.text(node.args[1], scope, depth) or "", value)
                elif isinstance(value, (str, bytes)):
                    yield value
                elif name != "str" and isinstance(value, tuple):
                    yield from from_numbers(value)
        elif name == "ord" and first is not None:
            yield from (ord(v) for v in self.values(first, scope, depth) if isinstance(v, str) and len(v) == 1)
        elif name == "reversed" and first is not None:
            yield from (v[::-1] for v in self.values(first, scope, depth) if isinstance(v, (str, bytes, tuple)))
        elif name == "map" and len(node.args) == 2:
            yield from self._mapped(node.args[0], node.args[1], scope, depth)
        elif name == "codecs.decode" and len(node.args) > 1:
            codec = self.text(node.args[1], scope, depth)
            for value in self.values(first, scope, depth):
                yield from decoded(codec or "", value)
        elif len(name) < 200:
            yield Ref(f"{name}()")

    def _mapped(self, function: ast.expr, given: ast.expr, scope: Scope, depth: int) -> Iterable[Value]:
        """`map(chr, (115, 121))`, the one that hides names in practice."""
        if Ref("chr") in self.values(function, scope, depth):
            for value in self.values(given, scope, depth):
                numbers = tuple(value) if isinstance(value, (bytes, tuple)) else ()
                if numbers and all(isinstance(n, int) and 0 <= n < 0x110000 for n in numbers):
                    yield tuple(chr(n) for n in numbers if isinstance(n, int))

    def _attributes(self, bases: Iterable[Value], node: ast.expr, scope: Scope, depth: int) -> Iterable[Value]:
        names = [v for v in self.values(node, scope, depth) if isinstance(v, str)] or [UNKNOWN]
        for base in bases:
            if isinstance(base, Ref):
                yield from (Ref(member(base.name, name)) for name in names)
