"""The second pass of `python`: every call and mention, in source order, with what it does and when."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from assaymark.core.errors import OverBudget
from assaymark.core.source.python_bindings import FUNCTIONS, Binder
from assaymark.core.source.python_deeds import ACTING, UNKNOWN, Deed, canonical, deed_of
from assaymark.core.source.python_folding import Folder, Ref, Scope
from assaymark.core.source.python_labels import SECRET_PATH
from assaymark.core.source.python_seen import Call, Class, PySource
from assaymark.core.source.secrets import looks_secret, redact

_MOST = 20_000
_ESCAPES = frozenset(
    {"__subclasses__", "__globals__", "__builtins__", "f_globals", "f_builtins", "__loader__", "load_module"}
)
_ARGUMENTS_DECIDE = frozenset({"numpy.load", "numpy.lib.npyio.load", "yaml.load", "yaml.load_all"})
_ASKS = frozenset({"getattr", "hasattr", "vars", "dir", "isinstance", "issubclass", "id", "repr"})
_DOTTED = re.compile(r"[A-Za-z_]\w{0,30}(?:\.\w{1,40}){1,4}")
_INNER = re.compile(
    r"\{[{%][^{}]{0,300}__(?:globals|subclasses|builtins|import|mro)__|@\w+(?:\.\w+){0,4}\.(?:os|sys|subprocess|builtins)\.\w+\("
)
"""Text of a template (jinja2) or a query (pandas) that steps out of its language."""
_NAMED = (Deed.PROCESS, Deed.EXECUTION, Deed.UNPICKLING, Deed.NATIVE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the walk is: `scope` for names, `kind` and `within` for people; `quiet` inside annotations."""

    scope: Scope
    kind: str = "module"
    within: str = ""
    quiet: bool = False


@dataclass(slots=True)
class Reach:
    """Which function uses which names, over all files of a program; what is left is what importing them reaches."""

    uses: dict[str, set[str]] = field(default_factory=dict)
    functions: dict[str, set[str]] = field(default_factory=dict)

    def use(self, place: Place, name: str) -> None:
        """Note that code of this place reads or calls (`name()`) something."""
        top = place.kind in {"module", "class"}
        self.uses.setdefault("" if top else place.within or "main", set()).add(name)

    def reached(self) -> set[str]:
        """Functions that code at module or class level reaches, by name."""
        reached: set[str] = set()
        pending = [""]
        seen: set[str] = set()
        special: dict[str, set[str]] = {}
        for within in (w for names in self.functions.values() for w in names):
            owner, _, method = within.rpartition(".")
            if method.startswith("__"):
                special.setdefault(f"{owner.rpartition('.')[2]}()", set()).add(within)
            if within == "__getattr__":
                # The loader asks the module for the class that the configuration names.
                reached.add(within)
                pending.append(within)
        while pending:
            for name in self.uses.get(pending.pop(), set()) - seen:
                seen.add(name)
                found = special.get(name, set()) | self.functions.get(name, set())
                pending.extend(found - reached)
                reached |= found
        return reached


class Reader:
    """Reads one file of a program; `folder` and `reach` are shared by its files."""

    def __init__(self, binder: Binder, folder: Folder, reach: Reach, lines: list[str]) -> None:
        self._folder = folder
        self._binder = binder
        self._reach = reach
        self._lines = lines
        self._calls: list[Call] = []
        self._classes: list[Class] = []
        self._urls: list[tuple[int, str]] = []
        self._plain: set[int] = set()
        """Expressions that only give a module another name, or ask it for an attribute."""
        self._stack: list[tuple[ast.AST, Place]] = []

    def walk(self) -> None:
        """Visit every node without recursion."""
        self._stack = [(self._binder.tree, Place(self._binder.root))]
        while self._stack:
            node, place = self._stack.pop()
            self._visit(node, place)

    def result(self, reached: set[str]) -> PySource:
        """Give what was seen, with `on_import` filled in."""
        final = tuple(
            call if call.on_import or call.within not in reached or call.scope != "function" else _on_import(call)
            for call in self._calls
        )
        return PySource(final, tuple(self._binder.imports[:_MOST]), tuple(self._classes), tuple(self._urls))

    def _push(self, nodes: "list[ast.AST] | list[ast.expr] | list[ast.stmt]", place: Place) -> None:
        self._stack.extend((node, place) for node in reversed(nodes))

    def _visit(self, node: ast.AST, place: Place) -> None:
        if isinstance(node, (*FUNCTIONS, ast.Lambda)):
            self._function(node, place)
        elif isinstance(node, ast.ClassDef):
            self._class(node, place)
        elif isinstance(node, ast.Call):
            self._call(node, place)
        elif isinstance(node, (ast.Name, ast.Attribute)):
            self._mention(node, place)
        elif isinstance(node, ast.If) and place.kind == "module" and is_main(node.test):
            self._push(node.orelse, place)
            self._push(node.body, Place(place.scope, "main", place.within))
        elif (
            isinstance(node, ast.Assign)
            and place.scope.kind != "class"
            and all(isinstance(t, ast.Name) for t in node.targets)
        ):
            self._plain.add(id(node.value))
            self._push([*node.targets, node.value], place)
        elif isinstance(node, ast.AnnAssign):
            self._push([n for n in (node.target, node.value) if n is not None], place)
            self._push([node.annotation], Place(place.scope, place.kind, place.within, quiet=True))
        elif isinstance(node, ast.Constant):
            self._constant(node, place)
        else:
            if isinstance(node, ast.Subscript) and not place.quiet:
                self._record(node, node, place, called=False)
            inner = self._binder.scopes.get(id(node), place.scope)
            inside = place if inner is place.scope else Place(inner, place.kind, place.within, place.quiet)
            self._push(list(ast.iter_child_nodes(node)), inside)

    def _constant(self, node: ast.Constant, place: Place) -> None:
        text = node.value
        if not isinstance(text, str):
            return
        if "://" in text and len(self._urls) < _MOST:
            self._urls.append((node.lineno, text[:300]))
        if place.quiet and "(" in text and len(text) < 1000:
            # An annotation kept as text is evaluated by `typing.get_type_hints`.
            self._annotation(text, node, place)
        elif _INNER.search(text):
            # A template or query that is evaluated: what it reaches for is written in it.
            self._add("jinja2.Template", Deed.EXECUTION, node, place, called=False)
        elif _DOTTED.fullmatch(text) and deed_of(canonical(text)) in _NAMED:
            # What resolves texts to functions is legion: the name of one that acts is as good as the function.
            self._add(canonical(text), deed_of(canonical(text)), node, place, called=False)

    def _annotation(self, text: str, node: ast.Constant, place: Place) -> None:
        try:
            tree = ast.parse(text.strip(), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return
        for inner in ast.walk(tree):
            if isinstance(inner, ast.Call):
                for value in self._folder.values(inner.func, place.scope):
                    if isinstance(value, Ref) and deed_of(value.name) in _NAMED:
                        self._add(value.name, deed_of(value.name), node, place, called=False)

    def _function(self, node: "ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda", place: Place) -> None:
        inner = self._binder.scopes[id(node)]
        if isinstance(node, ast.Lambda):
            # A lambda counts as code of the place it is written in: it is mostly called there, and never by a name.
            self._push([node.body], Place(inner, place.kind, place.within, place.quiet))
        else:
            self._reach.functions.setdefault(node.name, set()).add(inner.within)
            self._push(node.body, Place(inner, "function", inner.within))
            self._decorated(node.decorator_list, place)
            notes: list[ast.AST] = [a.annotation for a in arguments(node.args) if a.annotation is not None]
            self._push(
                [*notes, *([node.returns] if node.returns else [])],
                Place(place.scope, place.kind, place.within, quiet=True),
            )
        self._push([*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)], place)

    def _class(self, node: ast.ClassDef, place: Place) -> None:
        inner = self._binder.scopes[id(node)]
        kind = "class" if place.kind in {"module", "class"} else place.kind
        bases = tuple(self._spelled(base, place) for base in node.bases)
        self._classes.append(Class(node.name, bases, node.lineno))
        self._push(node.body, Place(inner, kind, inner.within))
        self._push([*node.bases, *(k.value for k in node.keywords)], place)
        for keyword in node.keywords:
            if isinstance(keyword.value, ast.Name):
                self._reach.use(place, f"{keyword.value.id}()")
        for base in node.bases:
            if isinstance(base, ast.Name):
                self._reach.use(place, f"{base.id}()")
        self._decorated(node.decorator_list, place)

    def _spelled(self, node: ast.expr, place: Place) -> str:
        for value in self._folder.values(node, place.scope):
            if isinstance(value, Ref):
                return value.name
        return node.id if isinstance(node, ast.Name) else getattr(node, "attr", UNKNOWN)

    def _decorated(self, decorators: list[ast.expr], place: Place) -> None:
        """Note decorators: they are called with what they decorate."""
        for decorator in decorators:
            if isinstance(decorator, (ast.Name, ast.Attribute)):
                self._record(decorator, decorator, place, called=True)
                self._reach.use(place, f"{getattr(decorator, 'id', getattr(decorator, 'attr', ''))}()")
        self._push(decorators, Place(place.scope, place.kind, place.within, quiet=True))

    def _call(self, node: ast.Call, place: Place) -> None:
        self._record(node.func, node, place, called=True)
        if isinstance(node.func, ast.Name) and node.func.id in _ASKS and node.args:
            self._plain.add(id(node.args[0]))
            self._asked_for(node, place)
        if isinstance(node.func, ast.Name):
            self._reach.use(place, f"{node.func.id}()")
        if id(node) not in self._plain:
            for value in self._folder.values(node, place.scope):
                if isinstance(value, Ref) and value.name in ACTING:
                    self._add(f"{value.name}.{UNKNOWN}", Deed.DYNAMIC, node, place, called=False)
        # `isinstance(x, socket.socket)` asks for a type, it does not hand a function on.
        asks = isinstance(node.func, ast.Name) and node.func.id in {"isinstance", "issubclass"}
        inside = Place(place.scope, place.kind, place.within, quiet=True) if asks else place
        self._push([*node.args, *(k.value for k in node.keywords)], inside)
        base = node.func
        while isinstance(base, ast.Attribute):
            self._escape(base, place)
            base = base.value
        if not isinstance(base, ast.Name):
            self._plain.add(id(base))
            self._push([base], place)

    def _asked_for(self, node: ast.Call, place: Place) -> None:
        """`getattr(x, "__globals__")`: the way out of any object at all, spelled as a text."""
        if len(node.args) > 1:
            for value in self._folder.values(node.args[1], place.scope):
                if isinstance(value, str) and value in _ESCAPES:
                    self._add(f"{UNKNOWN}.{value}", Deed.DYNAMIC, node, place, called=False)

    def _mention(self, node: "ast.Name | ast.Attribute", place: Place) -> None:
        if isinstance(node.ctx, ast.Load) and not place.quiet:
            self._record(node, node, place, called=False)
        base: ast.expr = node
        while isinstance(base, ast.Attribute):
            self._escape(base, place)
            base = base.value
        if not isinstance(base, ast.Name):
            self._plain.add(id(base))
            self._push([base], place)

    def _escape(self, node: ast.Attribute, place: Place) -> None:
        if node.attr in _ESCAPES:
            self._add(f"{UNKNOWN}.{node.attr}", Deed.DYNAMIC, node, place, called=False)
        elif (node.attr == "__code__" and not isinstance(node.ctx, ast.Load)) or (
            node.attr == "replace" and isinstance(node.value, ast.Attribute) and node.value.attr == "__code__"
        ):
            self._add("types.CodeType", Deed.EXECUTION, node, place, called=False)

    def _record(self, function: ast.expr, node: ast.expr, place: Place, *, called: bool) -> None:
        """Note what `function` resolves to: any call, and mentions of what does something."""
        names = [v.name for v in self._folder.values(function, place.scope) if isinstance(v, Ref)]
        if not names or isinstance(function, ast.Name):
            self._reach.use(place, getattr(function, "id", getattr(function, "attr", "")))
        for name in dict.fromkeys(names):
            deed = deed_of(name)
            if called and isinstance(node, ast.Call):
                deed = self._softened(name, deed, node, place)
            if not called and name in _ARGUMENTS_DECIDE:
                continue
            holder = name.partition(".__dict__")[0]
            if holder != name and holder in ACTING:
                # All that the module has, to be searched.
                self._add(f"{holder}.{UNKNOWN}", Deed.DYNAMIC, node, place, called=False)
            if called or (deed is not None and not name.startswith("types.")):
                self._add(name, deed, node, place, called=called)
            elif name in ACTING and id(node) not in self._plain:
                self._add(f"{name}.{UNKNOWN}", Deed.DYNAMIC, node, place, called=False)
            if name == "getattr" and function is not node:
                self._record(node, node, place, called=False)

    def _add(self, name: str, deed: Deed | None, node: ast.expr, place: Place, *, called: bool) -> None:
        if len(self._calls) >= _MOST:
            if deed is None:
                return
            if len(self._calls) >= 2 * _MOST:
                raise OverBudget(f"Python source with more than {2 * _MOST:,} calls that do something")
        strings: tuple[str, ...] = ()
        keywords: tuple[tuple[str, str | int | None], ...] = ()
        if isinstance(node, ast.Call):
            strings = tuple(
                text[:300] for a in (*node.args, *(k.value for k in node.keywords)) for text in self._texts(a, place)
            )[:16]
            keywords = tuple(
                (k.arg, k.value.value)
                for k in node.keywords
                if k.arg and isinstance(k.value, ast.Constant) and isinstance(k.value.value, (str, int, type(None)))
            )
            if deed is None and any(SECRET_PATH.search(text) for text in strings):
                deed = Deed.SECRETS
        line = self._lines[node.lineno - 1].strip() if node.lineno <= len(self._lines) else ""
        hidden = [v for k, v in keywords if isinstance(v, str) and looks_secret(k, v)]
        excerpt = redact(line[:400], *hidden)[:160]
        on_import = place.kind in {"module", "class"}
        self._calls.append(
            Call(name, node.lineno, place.kind, place.within, on_import, excerpt, deed, strings, keywords, called)
        )

    def _texts(self, node: ast.expr, place: Place) -> Iterator[str]:
        if isinstance(node, (ast.List, ast.Tuple)):
            for element in node.elts[:32]:
                yield from (v for v in self._folder.values(element, place.scope) if isinstance(v, str))
            return
        for value in self._folder.values(node, place.scope):
            if isinstance(value, str):
                yield value
            elif isinstance(value, tuple):
                yield from (v for v in value[:32] if isinstance(v, str))

    def _softened(self, name: str, deed: Deed | None, node: ast.Call, place: Place) -> Deed | None:  # noqa: PLR0911 - one case a function
        """Take back the deed of calls that are harmless with the arguments they have here."""
        given = {k.arg: k.value for k in node.keywords}
        if name in {"torch.load", "torch.serialization.load"}:
            return None if _is_true(given.get("weights_only")) else deed
        if name.endswith("load_model") and "safe_mode" in given and _is_false(given["safe_mode"]):
            return Deed.EXECUTION
        if name == "pickle.loads" and node.args and isinstance(node.args[0], ast.Call):
            # A copy: what is unpickled was pickled on the spot.
            return None if Ref("pickle.dumps") in self._folder.values(node.args[0].func, place.scope) else deed
        if name in {"numpy.load", "numpy.lib.npyio.load"}:
            flag = given.get("allow_pickle", node.args[2] if len(node.args) > 2 else None)
            return deed if flag is not None and not _is_false(flag) else None
        if name in {"yaml.load", "yaml.load_all"}:
            loader = given.get("Loader", node.args[1] if len(node.args) > 1 else None)
            named = [v.name for v in self._folder.values(loader, place.scope) if isinstance(v, Ref)]
            return None if any(n.endswith(("SafeLoader", "BaseLoader")) for n in named) else deed
        if name in {"__import__", "importlib.import_module", "importlib.__import__"}:
            first = node.args[0] if node.args else given.get("name")
            return None if any(isinstance(v, str) for v in self._folder.values(first, place.scope)) else deed
        return deed


def _on_import(call: Call) -> Call:
    return Call(
        call.name, call.line, call.scope, call.within, True,  # noqa: FBT003 - the one changed field
        call.excerpt, call.deed, call.strings, call.keywords, call.called,
    )  # fmt: skip


def arguments(given: ast.arguments) -> list[ast.arg]:
    """Every parameter of a function, `*args` and `**kwargs` at the end."""
    extra = [a for a in (given.vararg, given.kwarg) if a is not None]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *extra]


def is_main(test: ast.expr) -> bool:
    """Say whether this is the test of `if __name__ == "__main__"`, whose body no import runs."""
    return (
        isinstance(test, ast.Compare)
        and isinstance(test.left, ast.Name)
        and test.left.id == "__name__"
        and len(test.ops) == 1
        and isinstance(test.ops[0], ast.Eq)
        and isinstance(test.comparators[0], ast.Constant)
        and test.comparators[0].value == "__main__"
    )


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False
