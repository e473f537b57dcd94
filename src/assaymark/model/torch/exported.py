"""The graph of an exported program (`torch.export`, .pt2): a JSON document of nodes, shapes and trees.

`torch.export.load` does more with it than build a graph (torch/_export/serde/serialize.py, torch/utils/_pytree.py):

- a shape's `expr_str` goes through `sympy.sympify`, which evaluates it as Python;
- an enum or a default factory in a tree has the module that it names imported;
- `guards_code` is compiled and run when `.module()` is called;
- the target of a node is looked up below `torch`, attribute by attribute.
"""

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

from assaymark.core.blob import Blob, exact
from assaymark.core.budget import Budget
from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.source.python_deeds import Deed, canonical, deed_of
from assaymark.model.torch.operators import acts, computes
from assaymark.model.torch.views import Operator, RunText

_NODES = 5_000_000
_LONGEST = 20_000
"""Characters of an expression; a real one is a few names and numbers."""
_MOST = 2_000
_SYMBOLIC = frozenset({
    "Symbol", "Integer", "Float", "Rational", "Add", "Mul", "Pow", "Mod", "Max", "Min", "Abs", "Piecewise", "ExprCondPair",
    "FloorDiv", "CleanDiv", "CeilDiv", "PythonMod", "ModularIndexing", "Where", "LShift", "RShift", "PowByNatural",
    "FloatPow", "FloatTrueDiv", "IntTrueDiv", "CeilToInt", "FloorToInt", "RoundToInt", "RoundDecimal", "TruncToFloat",
    "TruncToInt", "ToFloat", "Identity", "IsNonOverlappingAndDenseIndicator", "BitwiseFn_bitwise_and",
    "BitwiseFn_bitwise_or", "BitwiseFn_bitwise_xor", "OpaqueUnaryFn_sqrt", "OpaqueUnaryFn_exp", "OpaqueUnaryFn_log",
    "OpaqueUnaryFn_sin", "OpaqueUnaryFn_cos", "OpaqueUnaryFn_tan", "Eq", "Ne", "Lt", "Le", "Gt", "Ge", "Equality",
    "Unequality", "StrictLessThan", "LessThan", "StrictGreaterThan", "GreaterThan", "And", "Or", "Not", "Xor", "ITE",
    "floor", "ceiling", "sqrt", "log", "exp", "sin", "cos", "tan", "max", "min", "abs", "Relational",
})  # fmt: skip
"""Functions of sympy and of torch.utils._sympy.functions that shapes are written with."""
_ARITHMETIC = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Name, ast.Constant, ast.Tuple, ast.keyword,
    ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context,
)  # fmt: skip
_TENSOR_PARTS = frozenset({
    "size", "stride", "storage_offset", "shape", "ndim", "dim", "dtype", "device", "numel", "item", "__len__", "floor",
    "ceil", "sqrt", "trunc", "float32", "float64", "float16", "bfloat16", "int64", "int32", "int8", "bool", "index", "type",
})  # fmt: skip
"""Attributes that guards are written with."""
_PLAIN = re.compile(r"[\w .:/+-]*")
_ODD = re.compile(r"[^ -~]|[#\\]")
"""Line ends, comments and escapes: sympy drops the first."""
_OVERLOAD = re.compile(r"torch\.(?:ops|_ops)\.(\w+)\.(\w+)(?:\.\w+)?")
_SYMBOLIC_TARGET = re.compile(
    r"_operator\.\w+|math\.\w+|torch\.(?:sym_\w+|_sym_\w+|_check\w*|_constrain_as_size)|torch\.sym_\w+"
)
_ENUMS = re.compile(r"(?:torch|enum|builtins|collections|transformers|torchvision)(?:\.\w+)*")


def read_graph(blob: Blob, budget: Budget, what: str) -> Iterator[Operator | RunText]:
    """Yield what is not known to compute only. Raises Malformed where the document is no JSON."""
    document = _document(blob, budget, what)
    seen: set[Operator | RunText] = set()
    for view in _walk(document, budget):
        if view not in seen and len(seen) < _MOST:
            seen.add(view)
            yield view


def _document(blob: Blob, budget: Budget, what: str) -> Any:
    budget.header(blob.size, what)
    data = exact(blob, 0, blob.size, what)
    if sum(map(data.count, (b",", b"[", b"{"))) > _NODES:
        raise OverBudget(f"{what} has more than {_NODES:,} values")
    return _json(data, what)


def _json(text: bytes | str, what: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_pairs)
    except RecursionError:
        raise OverBudget(f"{what} is nested deeper than its readers follow") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise Malformed(f"{what} is no JSON: {error}") from None


class _Twice(dict[str, Any]):
    """An object with a key that stands twice; `others` are the values that Python drops and C++ may keep."""

    others: tuple[Any, ...] = ()


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    twice = _Twice(made)
    twice.others = tuple({key: value} for key, value in pairs if made[key] is not value)
    return twice


def _walk(document: Any, budget: Budget) -> Iterator[Operator | RunText]:
    """Every value of the document at any depth, without recursion."""
    stack: list[tuple[Any, str]] = [(document, "")]
    steps = 0
    while stack:
        value, place = stack.pop()
        steps += 1
        if not steps % 50_000:
            budget.tick()
        if isinstance(value, list):
            stack.extend((inner, place) for inner in value)
        elif isinstance(value, dict):
            yield from _object(value, place)
            name = value.get("name")
            below = name if isinstance(name, str) and "graph" in value else place
            stack.extend((inner, below) for inner in value.values())
            if isinstance(value, _Twice):
                stack.extend((inner, below) for inner in value.others)


def _object(value: dict[str, Any], place: str) -> Iterator[Operator | RunText]:
    target = value.get("target")
    if isinstance(target, str) and "inputs" in value:
        yield from _target(target, place)
    handed_on = value.get("as_operator")
    if isinstance(handed_on, str):
        yield from _target(handed_on, place)
    if isinstance(value.get("expr_str"), str):
        yield from _expression("expr_str", value["expr_str"], guard=False)
    expression = value.get("as_expr")
    if isinstance(expression, str):
        yield from _expression("as_expr", expression, guard=False)
    guards = value.get("guards_code")
    for guard in guards if isinstance(guards, list) else []:
        if isinstance(guard, str):
            yield from _expression("guards_code", guard, guard=True)
    for key in ("in_spec", "out_spec"):
        if isinstance(value.get(key), str):
            yield from _tree(key, value[key])


def _target(target: str, place: str) -> Iterator[Operator]:
    operator = _OVERLOAD.fullmatch(target)
    if operator:
        name = f"{operator[1]}::{operator[2]}"
        if not computes(name):
            yield Operator(name[:200], acts(name), place[:200])
    elif not _SYMBOLIC_TARGET.fullmatch(target):
        deed = deed_of(canonical(target))
        yield Operator(target[:200], deed.value if deed in _DEEDS and deed else "", place[:200])


_DEEDS = frozenset(Deed) - {Deed.SECRETS}


def _expression(key: str, text: str, *, guard: bool) -> Iterator[RunText]:
    """What is more than arithmetic in a text that torch evaluates."""
    tree = _parsed(text.strip())
    if tree is None:
        yield RunText(key, text[:200], "")
        return
    odd = next((node for node in ast.walk(tree) if not _is_arithmetic(node, guard=guard)), None)
    if odd is not None:
        yield RunText(key, text[:200], _does(odd))


def _parsed(text: str) -> ast.Expression | None:
    """The tree; None for what torch does not write, and where sympy's reader and Python's could differ."""
    if len(text) > _LONGEST or _ODD.search(text):
        return None
    try:
        return ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _is_arithmetic(node: ast.AST, *, guard: bool) -> bool:
    if isinstance(node, ast.Constant):
        return not isinstance(node.value, (str, bytes)) or (
            isinstance(node.value, str) and _PLAIN.fullmatch(node.value) is not None
        )
    if isinstance(node, ast.Name):
        return not node.id.startswith("__")
    if isinstance(node, ast.Call):
        function = node.func
        if isinstance(function, ast.Name):
            return function.id in _SYMBOLIC or (guard and function.id in {"len", "int", "float", "bool", "isinstance"})
        return guard and isinstance(function, ast.Attribute)
    if isinstance(node, ast.Attribute):
        return guard and node.attr in _TENSOR_PARTS
    return isinstance(node, _ARITHMETIC) or (guard and isinstance(node, (ast.Subscript, ast.List)))


def _does(node: ast.AST) -> str:
    """In words, what stands where only arithmetic belongs."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return f"calls {node.func.id}"
    if isinstance(node, ast.Attribute):
        return f"reaches the attribute {node.attr}"
    if isinstance(node, ast.Name):
        return f"names {node.id}"
    if isinstance(node, ast.Call):
        return "calls what it computes"
    if isinstance(node, ast.Constant):
        return "evaluates a text" if "(" in str(node.value) else ""
    return f"holds a {type(node).__name__}"


def _tree(key: str, text: str) -> Iterator[RunText]:
    """Modules that the reader of a tree imports. `read_graph` has bounded the values, those within texts too."""
    pending: list[Any] = [text]
    while pending:
        value = pending.pop()
        if isinstance(value, str) and value[:1] in {"[", "{", '"'}:
            try:
                pending.append(json.loads(value, object_pairs_hook=_pairs))
            except json.JSONDecodeError:
                continue  # a text that only begins like a document
            except (ValueError, RecursionError):  # too deep, or a number too long, for us: not for every reader
                yield RunText(key, text[:200], "")
        elif isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, dict):
            pending.extend(value.values())
            pending.extend(value.others if isinstance(value, _Twice) else ())
            yield from _imported(key, value)


def _imported(key: str, value: dict[str, Any]) -> Iterator[RunText]:
    if "__enum__" in value and isinstance(value.get("fqn"), str):
        module, _, name = value["fqn"].partition(":")
    elif isinstance(value.get("default_factory_module"), str):
        module, name = value["default_factory_module"], str(value.get("default_factory_name"))
    else:
        return
    full = canonical(f"{module}.{name}")
    if not _ENUMS.fullmatch(module) or deed_of(full) is not None or full in {"eval", "exec", "open", "breakpoint"}:
        yield RunText(key, f"{module}:{name}"[:200], f"imports {module[:100]}")
