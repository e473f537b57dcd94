"""What every name of a Python file is bound to, scope by scope: the first pass of `python`."""

import ast
from dataclasses import dataclass

from assaymark.core.source.python_deeds import canonical
from assaymark.core.source.python_folding import Folder, Ref, Scope, Value

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True, slots=True)
class Import:
    """One name that an import statement brings in; relative imports begin with dots."""

    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Binding:
    """What one import statement binds, for `python_program` to link: `import a.b as x`, `from .a import b`, `… import *`."""

    scope: Scope
    alias: str
    level: int
    module: str
    name: str
    """Empty for a module, `*` for all names."""
    renamed: bool


class Binder:
    """Walks the tree once; `scopes` are found by the id of the node that opens them."""

    def __init__(self, tree: ast.Module, folder: Folder) -> None:
        self.tree = tree
        self.bindings: list[Binding] = []
        self.root = Scope("module", "")
        self.scopes: dict[int, Scope] = {id(tree): self.root}
        self.imports: list[Import] = []
        self._folder = folder
        self._deleted: set[str] = set()
        self._firm = {id(node) for node in tree.body}
        pending: list[tuple[ast.AST, Scope]] = [(tree, self.root)]
        while pending:
            node, scope = pending.pop()
            self._bind(node, scope)
            inner = self.scopes.get(id(node), scope)
            pending.extend((child, inner) for child in reversed(list(ast.iter_child_nodes(node))))
        for name in self._deleted:
            self.root.firm.pop(name, None)

    def _bind(self, node: ast.AST, scope: Scope) -> None:  # noqa: C901, PLR0912 - one case a kind of statement
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            self._import(node, scope)
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Lambda, *_COMPREHENSIONS)):
            self._open(node, scope)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                self._target(target, node.value, scope, node)
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)):
            home = scope
            while isinstance(node, ast.NamedExpr) and home.kind == "comprehension" and home.parent is not None:
                home = home.parent
            self._target(node.target, node.value, home, node)
        elif isinstance(node, ast.AugAssign):
            before = scope.names.get(node.target.id, [])[-1:] if isinstance(node.target, ast.Name) else []
            if before and isinstance(before[0][0], ast.expr) and isinstance(node.target, ast.Name):
                scope.bind(node.target.id, ast.BinOp(before[0][0], node.op, node.value))
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
            elements = node.iter.elts if isinstance(node.iter, (ast.Tuple, ast.List, ast.Set)) else []
            for element in elements:
                self._target(node.target, element, scope, node)
            if not elements:
                self._target(node.target, None, scope, node)
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            self._target(node.optional_vars, node.context_expr, scope, node)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            scope.elsewhere.update(node.names)
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            scope.bind(node.name, None)
        elif isinstance(node, ast.Delete):
            self._deleted.update(t.id for t in node.targets if isinstance(t, ast.Name))

    def _import(self, node: "ast.Import | ast.ImportFrom", scope: Scope) -> None:
        lead = ("." * node.level + (node.module or "")) if isinstance(node, ast.ImportFrom) else ""
        for alias in node.names:
            whole = isinstance(node, ast.Import)
            module = alias.name if whole else lead.lstrip(".")
            to = alias.asname or (alias.name.split(".")[0] if whole else alias.name)
            level = 0 if isinstance(node, ast.Import) else node.level
            self.bindings.append(
                Binding(scope, to, level, module, "" if whole else alias.name, alias.asname is not None)
            )
            if isinstance(node, ast.Import):
                name = canonical(alias.name if alias.asname else alias.name.split(".")[0])
                self.imports.append(Import(alias.name, node.lineno))
            elif alias.name == "*":
                self._folder.stars.append(lead)
                self.imports.append(Import(f"{lead}.*", node.lineno))
                continue
            else:
                name = f"{lead}{alias.name}" if lead.endswith(".") else canonical(f"{lead}.{alias.name}")
                self.imports.append(
                    Import(f"{lead}.{alias.name}".replace("..", ".") if lead.strip(".") else name, node.lineno)
                )
            self._name(alias.asname or alias.name.split(".")[0], Ref(name), scope, node)

    def _open(self, node: ast.AST, scope: Scope) -> None:
        """Open the scope of a node that has its own, with the names that come with it."""
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            self._name(node.name, None, scope, node)
        name = getattr(node, "name", "")
        within = f"{scope.within}.{name}".strip(".")
        kind = "class" if isinstance(node, ast.ClassDef) else "function"
        kind = "comprehension" if isinstance(node, _COMPREHENSIONS) else kind
        inner = self.scopes[id(node)] = Scope(kind, within, scope)
        if isinstance(node, (*FUNCTIONS, ast.Lambda)):
            given = node.args
            plain = [*given.posonlyargs, *given.args]
            defaults = [*[None] * (len(plain) - len(given.defaults)), *given.defaults]
            for argument, default in zip([*plain, *given.kwonlyargs], [*defaults, *given.kw_defaults], strict=True):
                inner.bind(argument.arg, default, scope)
            for extra in (given.vararg, given.kwarg):
                if extra is not None:
                    inner.bind(extra.arg, None)
                    inner.gathers.add(extra.arg)

    def _name(self, name: str, value: ast.expr | Value | None, scope: Scope, node: ast.AST) -> None:
        scope.bind(name, value)
        if scope is self.root and id(node) in self._firm:
            scope.firm.setdefault(name, getattr(node, "lineno", 0))
        if scope.kind == "class" and isinstance(value, ast.expr):
            self._folder.fields.setdefault(name, []).append((value, scope))

    def _target(self, target: ast.expr, value: ast.expr | None, scope: Scope, node: ast.AST) -> None:
        pairs: list[tuple[ast.expr, ast.expr | None]] = [(target, value)]
        while pairs:
            to, what = pairs.pop()
            if isinstance(to, ast.Name):
                self._name(to.id, what, scope, node)
            elif isinstance(to, ast.Attribute) and what is not None:
                self._folder.fields.setdefault(to.attr, []).append((what, scope))
            elif isinstance(to, ast.Starred):
                pairs.append((to.value, None))
            elif isinstance(to, (ast.Tuple, ast.List)):
                same = isinstance(what, (ast.Tuple, ast.List)) and len(what.elts) == len(to.elts)
                elements = what.elts if same and isinstance(what, (ast.Tuple, ast.List)) else [None] * len(to.elts)
                pairs.extend(zip(to.elts, elements, strict=True))
