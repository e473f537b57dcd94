"""Namespaces of a Python file, for `python_folding`."""

import ast
from dataclasses import dataclass, field

from assaymark.core.source.python_values import Value


@dataclass(slots=True)
class Scope:
    """One namespace: what each name is bound to, in order; None stands for a value that cannot be known."""

    kind: str
    within: str
    parent: "Scope | None" = None
    names: "dict[str, list[tuple[ast.expr | Value | None, Scope]]]" = field(default_factory=dict)
    """Each value beside the scope in which it is worked out."""
    firm: dict[str, int] = field(default_factory=dict)
    """Module level only: names bound by a statement that always runs, and its line."""
    elsewhere: set[str] = field(default_factory=set)
    """Names declared global or nonlocal."""
    gathers: set[str] = field(default_factory=set)
    """Parameters that take what is left: `*args` and `**kwargs`."""
    known: dict[str, tuple[Value, ...]] = field(default_factory=dict)

    def bind(self, name: str, value: ast.expr | Value | None, origin: "Scope | None" = None) -> None:
        """Add one value that the name may have."""
        scope = self
        while name in scope.elsewhere and scope.parent is not None:
            scope = scope.parent
        scope.names.setdefault(name, []).append((value, origin or self))
