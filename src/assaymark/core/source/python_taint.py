"""Which data reaches which call: the third pass, over all files of a program at once.

Every name, attribute, function result and expression is a node; data goes along edges (assignment, argument, element,
operand, receiver), found in one walk. Labels (`python_labels`) are then carried along them, each at most once to each
node: linear in the size of the source. Order is not looked at: what a name holds anywhere, it may hold everywhere.
"""

import ast
from collections import defaultdict, deque
from collections.abc import Iterable

from assaymark.core.errors import OverBudget
from assaymark.core.source.python_bindings import FUNCTIONS, Binder
from assaymark.core.source.python_folding import Folder, Ref, Scope
from assaymark.core.source.python_labels import (
    INPUTS,
    MUTATORS,
    SETTINGS,
    WORDS,
    Label,
    clears,
    member_label,
    sink_of,
    source_of,
    text_label,
)
from assaymark.core.source.python_reader import is_main
from assaymark.core.source.python_seen import Flow
from assaymark.core.source.python_sinks import At, Key, Sink, carried_out, is_text, writes
from assaymark.core.source.secrets import redact

_EDGES = 2_000_000
_FLOWS = 200
_SILENT = (ast.Compare, ast.Constant)


class Taint:
    """Add each file, then ask for its `flows`."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._edges: dict[Key, list[Key]] = defaultdict(list)
        self._count = 0
        self._seeds: list[tuple[Key, Label, str]] = []
        self._sinks: list[Sink] = []
        self._functions: set[str] = set()
        self._named: dict[int, str] = {}
        """Lambdas that are given a name."""
        self._lines: dict[str, list[str]] = {}
        self._quiet: set[int] = set()
        self._stack: list[tuple[ast.AST, At]] = []
        self._binder: Binder

    def add(self, path: str, binder: Binder, lines: list[str]) -> None:
        """Walk one file."""
        self._binder = binder
        self._lines[path] = lines
        self._stack = [(binder.tree, At(path, binder.root))]
        while self._stack:
            node, at = self._stack.pop()
            self._visit(node, at)

    def flows(self, reached: set[str]) -> dict[str, list[Flow]]:
        """All flows by the file that they end in; `reached` are the functions that importing reaches."""
        labels = self._carried()
        found: dict[str, list[Flow]] = defaultdict(list)
        for sink in self._sinks:
            flow = self._flow(sink, labels, reached)
            if flow is not None and len(found[sink.at.path]) < _FLOWS:
                found[sink.at.path].append(flow)
        return found

    def _carried(self) -> dict[Key, dict[Label, str]]:
        labels: dict[Key, dict[Label, str]] = defaultdict(dict)
        pending: deque[tuple[Key, Label, str]] = deque(self._seeds)
        while pending:
            key, label, origin = pending.popleft()
            if label in labels[key]:
                continue
            labels[key][label] = origin
            pending.extend((to, label, origin) for to in self._edges.get(key, ()))
        return labels

    def _flow(self, sink: Sink, labels: dict[Key, dict[Label, str]], reached: set[str]) -> Flow | None:
        line = self._lines[sink.at.path][sink.line - 1].strip() if sink.line <= len(self._lines[sink.at.path]) else ""
        on_import = sink.at.on_import or (sink.at.within in reached and not sink.at.main)
        for label in sink.watched:
            for key in sink.given:
                if label in labels.get(key, ()):
                    origin = labels[key][label]
                    return Flow(
                        WORDS[label],
                        origin,
                        sink.what,
                        sink.name,
                        sink.line,
                        sink.at.within,
                        on_import,
                        redact(line)[:160],
                    )
        if sink.said:
            return Flow(sink.said, "", sink.what, sink.name, sink.line, sink.at.within, on_import, redact(line)[:160])
        return None

    # --- nodes and edges

    def _edge(self, source: Key, to: Key) -> None:
        self._count += 1
        if self._count > _EDGES:
            raise OverBudget("the Python source has more ways for data than are followed")
        self._edges[source].append(to)

    def _variable(self, name: str, scope: Scope) -> Key:
        at: Scope | None = scope
        while at is not None:
            if name in at.names and name not in at.elsewhere and (at.kind != "class" or at is scope):
                return ("v", id(at), name)
            at = at.parent
        return ("g", name)

    def _store(self, target: ast.expr, value: Key, at: At) -> None:
        """Let what `value` holds go where the target is."""
        pending = [target]
        while pending:
            to = pending.pop()
            if isinstance(to, ast.Name):
                self._edge(value, self._variable(to.id, at.scope))
            elif isinstance(to, ast.Attribute):
                self._edge(value, ("f", to.attr))
                self._into(to.value, value, at)
            elif isinstance(to, ast.Subscript):
                self._into(to.value, value, at)
            elif isinstance(to, ast.Starred):
                pending.append(to.value)
            elif isinstance(to, (ast.Tuple, ast.List)):
                pending.extend(to.elts)

    def _into(self, holder: ast.expr, value: Key, at: At) -> None:
        """Put it into an object: its name holds it then; `self` is left out, its attributes are nodes of their own."""
        while isinstance(holder, (ast.Subscript, ast.Call)):
            holder = holder.value if isinstance(holder, ast.Subscript) else holder.func
        if isinstance(holder, ast.Name) and holder.id not in {"self", "cls"}:
            self._edge(value, self._variable(holder.id, at.scope))
        elif isinstance(holder, ast.Attribute):
            self._edge(value, ("f", holder.attr))

    # --- the walk

    def _visit(self, node: ast.AST, at: At) -> None:  # noqa: C901, PLR0912 - one case a kind of node
        if isinstance(node, (*FUNCTIONS, ast.Lambda)):
            self._function(node, at)
            return
        if isinstance(node, ast.ClassDef):
            inner = self._binder.scopes[id(node)]
            below = At(at.path, inner, None, inner.within, at.on_import, at.main)
            self._stack.extend((child, below) for child in node.body)
            self._stack.extend((child, at) for child in (*node.decorator_list, *node.bases))
            return
        inner = self._binder.scopes.get(id(node), at.scope)
        below = at if inner is at.scope else At(at.path, inner, at.function, at.within, at.on_import, at.main)
        if isinstance(node, ast.Call):
            self._call(node, at)
        elif isinstance(node, ast.Constant):
            label = text_label(node.value) if isinstance(node.value, str) and len(node.value) < 1000 else None
            if label is not None:
                self._seeds.append((id(node), label, f"{str(node.value)[:80]!r} in line {node.lineno}"))
        elif isinstance(node, ast.Name):
            self._edge(self._variable(node.id, at.scope), id(node))
            if node.id == "__file__":
                self._seeds.append((id(node), Label.OWN, f"__file__ in line {node.lineno}"))
        elif isinstance(node, ast.Attribute):
            self._attribute(node, at)
        elif isinstance(node, ast.Subscript):
            self._edge(id(node.value), id(node))
            self._item(node, at)
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr)):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(node.value, ast.Lambda) and isinstance(target, (ast.Name, ast.Attribute)):
                    self._named[id(node.value)] = getattr(target, "id", getattr(target, "attr", ""))
                if node.value is not None:
                    self._store(target, id(node.value), at)
                    self._setting(target, at)
            if isinstance(node, ast.NamedExpr):
                self._edge(id(node.value), id(node))
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            self._store(node.target, id(node.iter), below)
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            self._store(node.optional_vars, id(node.context_expr), at)
        elif isinstance(node, (ast.Return, ast.Yield, ast.YieldFrom)) and node.value is not None:
            self._edge(id(node.value), at.function)
        elif isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp)):
            self._edge(id(node.elt), id(node))
        elif isinstance(node, ast.DictComp):
            self._edge(id(node.value), id(node))
        elif isinstance(node, ast.expr) and not isinstance(node, _SILENT):
            for child in ast.iter_child_nodes(node):
                self._edge(id(child), id(node))
        children = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.If) and at.function is None and is_main(node.test):
            below = At(at.path, at.scope, None, at.within, on_import=False, main=True)
        self._stack.extend((child, below) for child in reversed(children))

    def _function(self, node: "ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda", at: At) -> None:
        inner = self._binder.scopes[id(node)]
        given = node.args
        names = tuple(a.arg for a in (*given.posonlyargs, *given.args))
        result = ("r", id(node))
        within = at.within if isinstance(node, ast.Lambda) else inner.within
        on_import = at.on_import and isinstance(node, ast.Lambda)
        below = At(at.path, inner, result, within, on_import, at.main)
        self._edge(result, id(node))
        method = at.scope.kind == "class"
        if isinstance(node, ast.Lambda):
            # Called where it stands, `(lambda x: ...)(y)`, or by the name that it is given.
            self._parameters(self._named.get(id(node), ""), inner, names, result, bound=False)
            self._edge(id(node.body), result)
            self._stack.append((node.body, below))
        else:
            bound = method and names[:1] in {("self",), ("cls",)}
            self._functions.add(node.name)
            # Whoever is handed the function gets what it gives.
            self._edge(result, self._variable(node.name, at.scope))
            self._parameters(node.name, inner, names, result, bound=bound)
            if method and node.name in {"__init__", "__new__", "__call__"}:
                self._parameters(at.scope.within.rpartition(".")[2], inner, names[1:], result, bound=False)
            self._stack.extend((child, below) for child in node.body)
            self._stack.extend((child, at) for child in node.decorator_list)
            if node.name in INPUTS and method:
                for extra in (*names[1:], *(a.arg for a in given.kwonlyargs)):
                    self._seeds.append((("v", id(inner), extra), Label.INPUT, f"{within}({extra})"))
        defaults = (*given.defaults, *(d for d in given.kw_defaults if d is not None))
        self._stack.extend((child, at) for child in defaults)

    def _attribute(self, node: ast.Attribute, at: At) -> None:
        self._edge(id(node.value), id(node))
        if isinstance(node.ctx, ast.Load):
            self._edge(("f", node.attr), id(node))
        label = member_label(node.attr)
        if label is not None:
            self._seeds.append((id(node), label, f".{node.attr} in line {node.lineno}"))
        if id(node) not in self._quiet and Ref("os.environ") in self._folder.values(node, at.scope):
            self._seeds.append((id(node), Label.SECRET, f"os.environ in line {node.lineno}"))

    def _call(self, node: ast.Call, at: At) -> None:
        names = [v.name for v in self._folder.values(node.func, at.scope) if isinstance(v, Ref)]
        given = [*node.args, *(k.value for k in node.keywords)]
        strings = tuple(v for a in given for v in self._folder.values(a, at.scope) if isinstance(v, str))
        for name in dict.fromkeys(names):
            label = source_of(name, strings)
            if label is not None:
                self._seeds.append((id(node), label, f"{name} in line {node.lineno}"))
            if name.startswith("os.environ.") and isinstance(node.func, ast.Attribute):
                self._quiet.add(id(node.func.value))
            self._sink(node, name, given, strings, at)
        own = self._receivers(node, given, at)
        if not any(clears(name) for name in names):
            self._edge(id(node.func), id(node))
            known = isinstance(node.func, ast.Name) and not names and own in self._functions
            for value in [] if known else given:
                self._edge(id(value), id(node))

    def _receivers(self, node: ast.Call, given: list[ast.expr], at: At) -> str:
        """Hand what is given to the function and to the object that is called; returns the name of the function."""
        function = node.func
        if isinstance(function, ast.Lambda):
            self._named[id(function)] = f"lambda {id(function)}"
        own = self._named.get(id(function)) or getattr(function, "id", getattr(function, "attr", ""))
        if own:
            self._arguments(node, own, method=isinstance(function, ast.Attribute))
        if isinstance(function, ast.Attribute) and function.attr in MUTATORS:
            for value in given:
                self._into(function.value, id(value), at)
        if isinstance(function, ast.Attribute) and function.attr in {"write_text", "write_bytes", "symlink_to"}:
            self._add("writes", function.attr, (Label.SITE, Label.STARTUP, Label.SECRET), [function.value], node, at)
        return str(own)

    def _parameters(self, name: str, inner: Scope, names: tuple[str, ...], result: Key, *, bound: bool) -> None:
        """Tie a function to all calls of its name: each name has one node for each position, so this stays linear."""
        for position, parameter in enumerate(names):
            to = ("v", id(inner), parameter)
            self._edge(("p", name, False, position), to)
            if not bound:
                self._edge(("p", name, True, position), to)
            elif position:
                self._edge(("p", name, True, position - 1), to)
        for parameter in inner.names:
            self._edge(("k", name, parameter), ("v", id(inner), parameter))
            self._edge(("*", name), ("v", id(inner), parameter))
            if parameter in inner.gathers:
                self._edge(("+", name), ("v", id(inner), parameter))
        self._edge(result, ("R", name))

    def _arguments(self, node: ast.Call, name: str, *, method: bool) -> None:
        """Hand the arguments to whatever function of the program has this name, and take its result."""
        for position, value in enumerate(node.args):
            if isinstance(value, ast.Starred):
                self._edge(id(value), ("*", name))
            else:
                self._edge(id(value), ("p", name, method, position))
            self._edge(id(value), ("+", name))
        for keyword in node.keywords:
            self._edge(id(keyword.value), ("k", name, keyword.arg) if keyword.arg else ("*", name))
            self._edge(id(keyword.value), ("+", name))
        self._edge(("R", name), id(node))

    # --- where data does something

    def _sink(self, node: ast.Call, name: str, given: list[ast.expr], strings: tuple[str, ...], at: At) -> None:
        found = sink_of(name)
        if name in {"getattr", "operator.attrgetter"} and len(node.args) > 1:
            self._add("names", name, (Label.DECODED,), [node.args[1]], node, at, said=self._made(node.args[1], at))
        elif name in {"os.putenv", "os.environ.update", "os.environ.setdefault"}:
            within = (n.value for a in given for n in ast.walk(a) if isinstance(n, ast.Constant))
            texts = (*strings, *(k.arg for k in node.keywords if k.arg), *(t for t in within if isinstance(t, str)))
            self._named_settings(node, texts, name, at)
        elif found is not None:
            what, watched = found
            if what == "sends":
                carried = carried_out(node, name)
                self._add(what, name, watched, carried, node, at)
                self._add(what, name, (Label.SECRET,), [a for a in given if a not in carried], node, at)
            elif what == "writes" and writes(node, name, self._folder, at.scope):
                self._add(what, name, watched, given[:2], node, at)
            elif what != "writes":
                said = self._made(node.args[0], at) if what == "names" and node.args else ""
                self._add(what, name, watched, given, node, at, said=said)

    def _add(
        self,
        what: str,
        name: str,
        watched: tuple[Label, ...],
        given: Iterable[ast.expr],
        node: ast.expr,
        at: At,
        said: str = "",
    ) -> None:
        self._sinks.append(Sink(what, name, watched, tuple(id(g) for g in given), node.lineno, at, said))

    def _made(self, node: ast.expr, at: At) -> str:
        """Say whether a name is what a function of the file makes of a written text: what decoders look like."""
        bound = at.scope.names.get(node.id, []) if isinstance(node, ast.Name) else [(node, at.scope)]
        for value, _ in bound[:8]:
            if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.args:
                known = self._folder.values(value.func, at.scope) or self._folder.values(value, at.scope)
                if not known and all(is_text(argument) for argument in value.args):
                    return "a text that a function makes of another"
        return ""

    def _item(self, node: ast.Subscript, at: At) -> None:
        """`globals()[x]`, `sys.modules[x]`, `vars(m)[x]`: what `x` is made of."""
        for value in self._folder.values(node.value, at.scope):
            if isinstance(value, Ref) and (
                value.name in {"globals()", "locals()", "sys.modules", "builtins", "vars()"}
                or value.name.endswith((".__dict__", ".vars()"))
            ):
                self._add("names", value.name, (Label.DECODED, Label.NETWORK), [node.slice], node, at)
            if isinstance(value, Ref) and value.name == "os.environ":
                self._quiet.add(id(node.value))
                keys = tuple(k for k in self._folder.values(node.slice, at.scope) if isinstance(k, str))
                label = source_of("os.environ.get", keys)
                if label is not None and isinstance(node.ctx, ast.Load):
                    self._seeds.append((id(node), label, f"os.environ in line {node.lineno}"))

    def _setting(self, target: ast.expr, at: At) -> None:
        if isinstance(target, ast.Subscript) and Ref("os.environ") in self._folder.values(target.value, at.scope):
            texts = tuple(k for k in self._folder.values(target.slice, at.scope) if isinstance(k, str))
            self._named_settings(target, texts, "os.environ", at)

    def _named_settings(self, node: ast.expr, texts: tuple[str, ...], name: str, at: At) -> None:
        for text in dict.fromkeys(texts):
            if SETTINGS.fullmatch(text):
                self._add("sets", name, (), (), node, at, said=text)
