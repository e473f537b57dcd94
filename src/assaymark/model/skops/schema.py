"""Parser of `schema.json`: every node judged by the same table as the globals of a pickle. Nothing is imported."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from assaymark.core.blob import Blob
from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.format import Context, Item
from assaymark.model.machine.table import judge
from assaymark.model.skops.loaders import (
    CALLS,
    EXPECTED,
    GENERATORS,
    GETTERS,
    NAMES_ONLY,
    OTHERS,
    PLAIN_TYPES,
    UFUNC_HOMES,
    UFUNCS,
)

_NODES = 5_000_000
_DEEDS = 500
_Node = dict[str, object]


@dataclass(frozen=True, slots=True)
class SkopsDeed:
    """A node that is not vetted. `kind`: dangerous, unknown, mismatch. `loader` is the node's, `does` a phrase."""

    kind: str
    target: str
    loader: str
    does: str


@dataclass(frozen=True, slots=True)
class SkopsView:
    """What loading the schema would import and call; `dropped` counts deeds that found no room."""

    version: str
    deeds: tuple[SkopsDeed, ...]
    nodes: int
    dropped: int

    def of(self, kind: str) -> Iterator[SkopsDeed]:
        """The deeds of one kind."""
        return (deed for deed in self.deeds if deed.kind == kind)


@dataclass
class _Account:
    deeds: dict[tuple[str, str, str], SkopsDeed] = field(default_factory=dict)
    nodes: int = 0
    dropped: int = 0

    def note(self, kind: str, target: str, loader: str, does: str) -> None:
        key = (kind, target[:200], loader[:80])
        if key not in self.deeds and len(self.deeds) >= _DEEDS:
            self.dropped += 1
            return
        self.deeds.setdefault(key, SkopsDeed(*key, does))


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """One view of the whole tree."""
    context.budget.header(blob.size, "the skops schema")
    try:
        root = json.loads(blob.read(0, blob.size))
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)[:200]
        raise Malformed(f"the skops schema is no JSON: {reason}") from None
    if not isinstance(root, dict):
        raise Malformed("the skops schema is not an object")
    account = _Account()
    fault: OverBudget | None = None
    try:
        _walk(root, account, context)
    except OverBudget as error:
        fault = error
    version = str(root.get("_skops_version", ""))[:40]
    yield SkopsView(version, tuple(account.deeds.values()), account.nodes, account.dropped)
    if fault is not None:
        raise fault


def _walk(root: object, account: _Account, context: Context) -> None:
    pending: list[object] = [root]
    while pending:
        value = pending.pop()
        account.nodes += 1
        if not account.nodes % 50_000:
            context.budget.tick()
        if account.nodes > _NODES:
            raise OverBudget(f"the skops schema has more than {_NODES:,} nodes")
        if isinstance(value, dict):
            if "__loader__" in value:
                _judge(value, account)
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)


def _judge(node: _Node, account: _Account) -> None:
    loader, module, name = (node.get(key) for key in ("__loader__", "__module__", "__class__"))
    if not isinstance(loader, str) or not isinstance(module, str) or not isinstance(name, str):
        account.note("mismatch", f"{module}.{name}"[:200], str(loader)[:80], "has names that are no texts")
        return
    target = f"{module}.{name}"
    if loader == "OperatorFuncNode":
        _operator(node, target, account)
    elif loader == "MethodNode":
        _method(node, target, account)
    elif loader == "RandomGeneratorNode":
        _generator(node, account)
        _class(loader, module, name, account)
    elif loader not in OTHERS and loader not in EXPECTED:
        account.note("unknown", target, loader, "is made by a loader that skops does not have")
    else:
        if loader == "FunctionNode" and isinstance(node.get("content"), dict):
            _old_function(node["content"], account)  # type: ignore[arg-type] # a dict
        _class(loader, module, name, account)


def _class(loader: str, module: str, name: str, account: _Account) -> None:
    """A class or function that is imported, by what its loader does with it."""
    target = f"{module}.{name}"
    if target in EXPECTED.get(loader, ()):
        return
    found, danger = judge(module, name)
    if danger:
        account.note("dangerous", target, loader, danger)
        return
    if loader in NAMES_ONLY:
        fine = bool(found.uses) or (module == "builtins" and name in PLAIN_TYPES) or _is_ufunc(module, name)
    elif loader in CALLS:
        fine = not found.uses.isdisjoint({"call", "new"}) and found.rule in {"data", "any-vetted"}
    else:
        fine = not found.uses.isdisjoint({"new", "build", "call"}) or _is_sparse(loader, module)
    if not fine:
        account.note("unknown", target, loader, "is not on the table of vetted globals")


def _is_ufunc(module: str, name: str) -> bool:
    return module in UFUNC_HOMES and name in UFUNCS


def _is_sparse(loader: str, module: str) -> bool:
    """The class is only compared by name: the content comes from `scipy.sparse.load_npz`, which unpickles nothing."""
    return loader in {"SparseMatrixNode", "DTypeNode"} and module.split(".", maxsplit=1)[0] in {"scipy", "numpy"}


def _old_function(content: _Node, account: _Account) -> None:
    """Protocol 0: module and name stand in the content."""
    module, name = content.get("module_path"), content.get("function")
    if isinstance(module, str) and isinstance(name, str):
        _class("FunctionNode", module, name, account)


def _operator(node: _Node, target: str, account: _Account) -> None:
    """`getattr(operator, class)(*attrs)`: any function of the module, whatever the node says it is."""
    name = str(node["__class__"])
    if node["__module__"] != "operator" or name not in GETTERS:
        account.note(
            "mismatch", target, "OperatorFuncNode", f"makes the loader call operator.{name[:60]} while it is read"
        )
        return
    attributes = list(_texts(node.get("attrs")))
    if any(part.startswith("_") for text in attributes for part in text.split(".")):
        account.note("dangerous", f"{target} {attributes[0][:60]}", "OperatorFuncNode", "reaches a private attribute")
    elif name != "itemgetter":
        shown = ", ".join(attributes)[:60]
        account.note("unknown", f"{target} {shown}".strip(), "OperatorFuncNode", "reads or calls an attribute by name")


def _texts(value: object) -> Iterator[str]:
    """The texts of the JSON nodes below, at most 64."""
    pending, found = [value], 0
    while pending and found < 64:
        item = pending.pop()
        if isinstance(item, list):
            pending.extend(item[:64])
        elif isinstance(item, dict):
            if item.get("__loader__") == "JsonNode" and isinstance(item.get("content"), str):
                found += 1
                yield item["content"].strip('"')
            else:
                pending.extend(item.values())


def _method(node: _Node, target: str, account: _Account) -> None:
    """`getattr(object, name)`: the object must be of the class that the node tells the user to trust."""
    content = node.get("content")
    owner = content.get("obj") if isinstance(content, dict) else None
    name = content.get("func") if isinstance(content, dict) else None
    if not isinstance(owner, dict) or not isinstance(name, str):
        account.note("mismatch", target, "MethodNode", "has no object and method name")
        return
    inside = f"{owner.get('__module__')}.{owner.get('__class__')}"
    if inside != target:
        account.note("mismatch", target, "MethodNode", f"takes {name[:60]!r} of a {inside[:120]}")
        return
    _, danger = judge(str(node["__module__"]), f"{node['__class__']}.{name}")
    if danger or name.startswith("__"):
        account.note("dangerous", f"{target}.{name}"[:200], "MethodNode", danger or "reaches a special method")
    else:
        account.note("unknown", f"{target}.{name}"[:200], "MethodNode", "is a method that nobody has vetted")


def _generator(node: _Node, account: _Account) -> None:
    """`getattr(numpy.random, name)(seed)`: only the bit generators may be named."""
    content = node.get("content")
    state = content.get("bit_generator") if isinstance(content, dict) else None
    inner = state.get("content", state) if isinstance(state, dict) else None
    name = inner.get("bit_generator") if isinstance(inner, dict) else None
    shown = next(_texts(name), "?") if isinstance(name, dict) else str(name)
    if shown not in GENERATORS:
        account.note("unknown", f"numpy.random.{shown[:60]}", "RandomGeneratorNode", "is no bit generator of numpy")
