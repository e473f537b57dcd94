"""What a Python file would do, read from its source: every call it makes, by the full name of what is called.

    source = calls(data)
    for call in source.deeds(Deed.PROCESS, Deed.EXECUTION):
        ...

Names are followed through imports, aliases, `getattr`, `__import__`, `globals()` and put-together texts (python_folding);
what the well-known ones do is the table in python_deeds. A function that is handed on without being called
(`map(eval, x)`, `Thread(target=os.system)`) counts too, with `called` false. Nothing is imported or run.
"""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.source.python_bindings import FUNCTIONS, Binder, Import
from assaymark.core.source.python_deeds import UNKNOWN, Deed, deed_of
from assaymark.core.source.python_folding import Folder, Ref, Scope
from assaymark.core.source.secrets import looks_secret, redact

__all__ = ["Call", "Class", "Deed", "Import", "PySource", "calls"]

LIMIT = 2 << 20
"""Bytes of one source file."""
_COST = 500_000
"""Tokens, and three for each line: what a syntax tree takes is about half a kilobyte for each."""
_MOST = 20_000
_TOKEN = re.compile(rb"\w+|[^\w\s]")
_LINES = re.compile(r"\r\n|\r|\n")
_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", re.MULTILINE)
_SECRET_PATH = re.compile(
    r"\.ssh/|\.aws/(?:credentials|config)|\.netrc|\.git-credentials|\.kube/config|\.docker/config\.json|/etc/(?:passwd|shadow)"
    r"|huggingface/token|\.pypirc|id_rsa|id_ed25519|Login Data|wallet\.dat|/proc/self/environ|\.config/gcloud"
)
_ESCAPES = frozenset({"__subclasses__", "__globals__", "__builtins__", "f_globals", "f_builtins"})


@dataclass(frozen=True, slots=True)
class Call:
    """One call, or one mention of a function that does something (`called` false)."""

    name: str
    """Dotted, resolved and canonical: `os.system`, `requests.Session().get`; `os.?` where the name is computed."""
    line: int
    scope: str
    """module, class, function, or main (below `if __name__ == "__main__"`)."""
    within: str
    """The function and class it stands in, `Model.forward`; empty at module level."""
    on_import: bool
    """Runs when the file is imported: at module or class level, or in a function that such code reaches."""
    excerpt: str
    deed: Deed | None = None
    strings: tuple[str, ...] = ()
    """Arguments that are, or can be worked out to be, texts; each cut to 300 characters."""
    keywords: tuple[tuple[str, str | int | None], ...] = ()
    """Keyword arguments with a constant value."""
    called: bool = True

    @property
    def hidden(self) -> bool:
        """What is called, or the way to it, is computed: `getattr(os, x)`, `__import__(x)`, `f.__globals__`."""
        parts = self.name.split(".")
        return self.deed is Deed.DYNAMIC and (UNKNOWN in parts or self.name == "__import__")


@dataclass(frozen=True, slots=True)
class Class:
    """A class and its bases, resolved where they are imported, else as written."""

    name: str
    bases: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class PySource:
    """All that was worked out of one file, in source order."""

    calls: tuple[Call, ...]
    imports: tuple[Import, ...]
    classes: tuple[Class, ...]
    urls: tuple[tuple[int, str], ...]
    """Line and text of every constant that holds `://`."""

    def deeds(self, *deeds: Deed) -> Iterator[Call]:
        """Select the calls that do one of these things."""
        return (call for call in self.calls if call.deed in deeds)


def parse_python(source: bytes | str) -> ast.Module:
    """Parse a stranger's source; raises Malformed or OverBudget, warns of nothing."""
    data = source if isinstance(source, bytes) else source.encode("utf-8", "surrogatepass")
    if len(data) > LIMIT:
        raise OverBudget(f"Python source of {len(data):,} bytes, more than the {LIMIT >> 20} MiB that are read")
    lines = data.count(b"\n") + data.count(b"\r") + data.count(b";")
    if len(data) > _COST // 4 and sum(1 for _ in _TOKEN.finditer(data)) + 3 * lines > _COST:
        raise OverBudget("Python source with more statements than are read")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except SyntaxError as error:
        raise Malformed(f"not Python 3: {error.msg} (line {error.lineno or 1})") from None
    except ValueError as error:
        raise Malformed(f"not Python: {error}") from None
    except (RecursionError, MemoryError):
        raise OverBudget("Python source nested too deeply to be read") from None


def calls(source: bytes | str) -> PySource:
    """Read the source of a Python file. Raises Malformed where it is none, OverBudget where it is too big or deep."""
    tree = parse_python(source)
    try:
        reader = _Reader(tree, _split(source))
        reader.walk()
        return reader.result()
    except RecursionError:
        raise OverBudget("Python source nested too deeply to be followed") from None


def _split(source: bytes | str) -> list[str]:
    if isinstance(source, str):
        return _LINES.split(source)
    cookie = _COOKIE.search(source[:400])
    try:
        text = source.decode(cookie[1].decode("ascii", "replace") if cookie else "utf-8", "replace")
    except (LookupError, ValueError):
        text = source.decode("utf-8", "replace")
    return _LINES.split(text)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the walk is: `scope` for names, `kind` and `within` for people; `quiet` inside annotations."""

    scope: Scope
    kind: str = "module"
    within: str = ""
    quiet: bool = False


class _Reader:
    """Second pass: every call and mention, in source order."""

    def __init__(self, tree: ast.Module, lines: list[str]) -> None:
        self._folder = Folder()
        self._binder = Binder(tree, self._folder)
        self._tree = tree
        self._lines = lines
        self._calls: list[Call] = []
        self._classes: list[Class] = []
        self._urls: list[tuple[int, str]] = []
        self._uses: dict[str, set[str]] = {}
        self._functions: dict[str, set[str]] = {}
        self._stack: list[tuple[ast.AST, _Place]] = []

    def walk(self) -> None:
        """Visit every node without recursion."""
        self._stack = [(self._tree, _Place(self._binder.root))]
        while self._stack:
            node, place = self._stack.pop()
            self._visit(node, place)

    def result(self) -> PySource:
        """Give what was seen, with `on_import` filled in."""
        reached = self._reached()
        final = tuple(
            call if call.on_import or call.within not in reached or call.scope != "function" else _on_import(call)
            for call in self._calls
        )
        return PySource(final, tuple(self._binder.imports[:_MOST]), tuple(self._classes), tuple(self._urls))

    def _push(self, nodes: "list[ast.AST] | list[ast.expr] | list[ast.stmt]", place: _Place) -> None:
        self._stack.extend((node, place) for node in reversed(nodes))

    def _visit(self, node: ast.AST, place: _Place) -> None:
        if isinstance(node, (*FUNCTIONS, ast.Lambda)):
            self._function(node, place)
        elif isinstance(node, ast.ClassDef):
            self._class(node, place)
        elif isinstance(node, ast.Call):
            self._call(node, place)
        elif isinstance(node, (ast.Name, ast.Attribute)):
            self._mention(node, place)
        elif isinstance(node, ast.If) and place.kind == "module" and _is_main(node.test):
            self._push(node.orelse, place)
            self._push(node.body, _Place(place.scope, "main", place.within))
        elif isinstance(node, ast.AnnAssign):
            self._push([n for n in (node.target, node.value) if n is not None], place)
            self._push([node.annotation], _Place(place.scope, place.kind, place.within, quiet=True))
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str) and "://" in node.value and len(self._urls) < _MOST:
                self._urls.append((node.lineno, node.value[:300]))
        else:
            if isinstance(node, ast.Subscript) and not place.quiet:
                self._record(node, node, place, called=False)
            inner = self._binder.scopes.get(id(node), place.scope)
            inside = place if inner is place.scope else _Place(inner, place.kind, place.within, place.quiet)
            self._push(list(ast.iter_child_nodes(node)), inside)

    def _function(self, node: "ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda", place: _Place) -> None:
        inner = self._binder.scopes[id(node)]
        if isinstance(node, ast.Lambda):
            # A lambda counts as code of the place it is written in: it is mostly called there, and never by a name.
            self._push([node.body], _Place(inner, place.kind, place.within, place.quiet))
        else:
            self._functions.setdefault(node.name, set()).add(inner.within)
            self._push(node.body, _Place(inner, "function", inner.within))
            self._decorated(node.decorator_list, place)
            notes: list[ast.AST] = [a.annotation for a in _arguments(node.args) if a.annotation is not None]
            self._push(
                [*notes, *([node.returns] if node.returns else [])],
                _Place(place.scope, place.kind, place.within, quiet=True),
            )
        self._push([*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)], place)

    def _class(self, node: ast.ClassDef, place: _Place) -> None:
        inner = self._binder.scopes[id(node)]
        kind = "class" if place.kind in {"module", "class"} else place.kind
        bases = tuple(self._spelled(base, place) for base in node.bases)
        self._classes.append(Class(node.name, bases, node.lineno))
        self._push(node.body, _Place(inner, kind, inner.within))
        self._push([*node.bases, *(k.value for k in node.keywords)], place)
        for base in node.bases:
            if isinstance(base, ast.Name):
                self._use(place, f"{base.id}()")
        self._decorated(node.decorator_list, place)

    def _spelled(self, node: ast.expr, place: _Place) -> str:
        for value in self._folder.values(node, place.scope):
            if isinstance(value, Ref):
                return value.name
        return node.id if isinstance(node, ast.Name) else getattr(node, "attr", UNKNOWN)

    def _decorated(self, decorators: list[ast.expr], place: _Place) -> None:
        """Note decorators: they are called with what they decorate."""
        for decorator in decorators:
            if isinstance(decorator, (ast.Name, ast.Attribute)):
                self._record(decorator, decorator, place, called=True)
        self._push(decorators, _Place(place.scope, place.kind, place.within, quiet=True))

    def _call(self, node: ast.Call, place: _Place) -> None:
        self._record(node.func, node, place, called=True)
        if isinstance(node.func, ast.Name):
            self._use(place, f"{node.func.id}()")
        # `isinstance(x, socket.socket)` asks for a type, it does not hand a function on.
        asks = isinstance(node.func, ast.Name) and node.func.id in {"isinstance", "issubclass"}
        inside = _Place(place.scope, place.kind, place.within, quiet=True) if asks else place
        self._push([*node.args, *(k.value for k in node.keywords)], inside)
        base = node.func
        while isinstance(base, ast.Attribute):
            self._escape(base, place)
            base = base.value
        if not isinstance(base, ast.Name):
            self._push([base], place)

    def _mention(self, node: "ast.Name | ast.Attribute", place: _Place) -> None:
        if isinstance(node.ctx, ast.Load) and not place.quiet:
            self._record(node, node, place, called=False)
        base: ast.expr = node
        while isinstance(base, ast.Attribute):
            self._escape(base, place)
            base = base.value
        if not isinstance(base, ast.Name):
            self._push([base], place)

    def _escape(self, node: ast.Attribute, place: _Place) -> None:
        if node.attr in _ESCAPES:
            self._add(f"{UNKNOWN}.{node.attr}", Deed.DYNAMIC, node, place, called=False)

    def _use(self, place: _Place, name: str) -> None:
        top = place.kind in {"module", "class"}
        self._uses.setdefault("" if top else place.within or "main", set()).add(name)

    def _record(self, function: ast.expr, node: ast.expr, place: _Place, *, called: bool) -> None:
        """Note what `function` resolves to: any call, and mentions of what does something."""
        names = [v.name for v in self._folder.values(function, place.scope) if isinstance(v, Ref)]
        if not names or isinstance(function, ast.Name):
            self._use(place, getattr(function, "id", getattr(function, "attr", "")))
        for name in dict.fromkeys(names):
            deed = deed_of(name)
            if called and isinstance(node, ast.Call):
                deed = self._softened(name, deed, node, place)
            if called or (deed is not None and not name.startswith("types.")):
                self._add(name, deed, node, place, called=called)
            if name == "getattr" and function is not node:
                self._record(node, node, place, called=False)

    def _add(self, name: str, deed: Deed | None, node: ast.expr, place: _Place, *, called: bool) -> None:
        if len(self._calls) >= _MOST and (deed is None or len(self._calls) >= 2 * _MOST):
            return
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
            if deed is None and any(_SECRET_PATH.search(text) for text in strings):
                deed = Deed.SECRETS
        line = self._lines[node.lineno - 1].strip() if node.lineno <= len(self._lines) else ""
        hidden = [v for k, v in keywords if isinstance(v, str) and looks_secret(k, v)]
        excerpt = redact(line[:400], *hidden)[:160]
        on_import = place.kind in {"module", "class"}
        self._calls.append(
            Call(name, node.lineno, place.kind, place.within, on_import, excerpt, deed, strings, keywords, called)
        )

    def _texts(self, node: ast.expr, place: _Place) -> Iterator[str]:
        if isinstance(node, (ast.List, ast.Tuple)):
            for element in node.elts[:32]:
                yield from (v for v in self._folder.values(element, place.scope) if isinstance(v, str))
            return
        for value in self._folder.values(node, place.scope):
            if isinstance(value, str):
                yield value
            elif isinstance(value, tuple):
                yield from (v for v in value[:32] if isinstance(v, str))

    def _softened(self, name: str, deed: Deed | None, node: ast.Call, place: _Place) -> Deed | None:
        """Take back the deed of calls that are harmless with the arguments they have here."""
        given = {k.arg: k.value for k in node.keywords}
        if name in {"torch.load", "torch.serialization.load"}:
            return None if _is_true(given.get("weights_only")) else deed
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

    def _reached(self) -> set[str]:
        """Functions that code at module or class level reaches, by name."""
        reached: set[str] = set()
        pending = [""]
        seen: set[str] = set()
        special: dict[str, set[str]] = {}
        for within in (w for names in self._functions.values() for w in names):
            owner, _, method = within.rpartition(".")
            if method.startswith("__"):
                special.setdefault(f"{owner.rpartition('.')[2]}()", set()).add(within)
        while pending:
            for name in self._uses.get(pending.pop(), set()) - seen:
                seen.add(name)
                found = special.get(name, set()) | self._functions.get(name, set())
                pending.extend(found - reached)
                reached |= found
        return reached


def _on_import(call: Call) -> Call:
    return Call(
        call.name, call.line, call.scope, call.within, True,  # noqa: FBT003 - the one changed field
        call.excerpt, call.deed, call.strings, call.keywords, call.called,
    )  # fmt: skip


def _arguments(given: ast.arguments) -> list[ast.arg]:
    extra = [a for a in (given.vararg, given.kwarg) if a is not None]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *extra]


def _is_main(test: ast.expr) -> bool:
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
