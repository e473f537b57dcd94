"""Names for the tensors of a value: keys, positions and attribute names, joined by dots."""

from dataclasses import dataclass, field

from assaymark.core.budget import Budget
from assaymark.core.errors import Malformed, Opaque, OverBudget
from assaymark.model.convert import arrays, torch
from assaymark.model.convert.tensors import Tensor
from assaymark.model.convert.values import Made, Odd, Persistent, Region, Symbol, text

ALONE = "tensor"
"""Name of a tensor that is the whole file."""
_DEPTH = 100
_VISITS = 2_000_000
_LISTED = 1_000
_LONGEST = 4_096
_BYTES = 64
_MASKED = ("numpy.ma.core._mareconstruct", "numpy.ma._mareconstruct")
_MODULE = {"_parameters", "_buffers", "_modules"}


@dataclass(slots=True)
class Flat:
    """The tensors by name, and what was left behind: (name, what it is), the first of `left_count`."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    left: list[tuple[str, str]] = field(default_factory=list)
    left_count: int = 0


class Flattener:
    """One file. With `leave`, tensors that cannot be written are left behind and said so; without, they are an error."""

    def __init__(self, storages: torch.Storages, budget: Budget, *, leave: bool) -> None:
        self.flat = Flat()
        self._storages, self._budget, self._leave = storages, budget, leave
        self._visits = 0

    def walk(self, value: object, name: str = "", depth: int = 0) -> None:
        """Add what is in `value`; raises Malformed, Opaque or OverBudget."""
        self._visit(name, depth)
        if torch.is_tensor(value) or arrays.is_array(value):
            self._tensor(name or ALONE, value)
        elif isinstance(value, dict):
            self._dict(value, name, depth)
        elif isinstance(value, (list, tuple)):
            if any(isinstance(item, (list, tuple, dict, Made)) or arrays.is_array(item) for item in value):
                for index, item in enumerate(value):
                    self.walk(item, _joined(name, str(index)), depth + 1)
            else:
                self._leave_behind(name, f"{type(value).__name__} of {len(value):,} values")
        elif isinstance(value, Made):
            self._object(value, name, depth)
        else:
            self._leave_behind(name, _kind(value))

    def _visit(self, name: str, depth: int) -> None:
        self._visits += 1
        if depth > _DEPTH:
            raise Malformed(f"{name[:200]!r} is nested deeper than {_DEPTH}, or holds itself")
        if len(name) > _LONGEST:
            raise Malformed(f"a name of more than {_LONGEST:,} characters")
        if self._visits > _VISITS:
            raise OverBudget(f"more than {_VISITS:,} values")
        if not self._visits % 10_000:
            self._budget.tick()

    def _dict(self, value: dict[object, object], name: str, depth: int) -> None:
        for key, item in value.items():
            part = text(key) if not isinstance(key, int) else str(key) if abs(key) < 1 << 64 else None
            if part is not None:
                self.walk(item, _joined(name, part), depth + 1)
            elif self._holds(item):
                self._cannot(name or ALONE, f"has a tensor under a key that is a {_kind(key)}")
            else:
                self._leave_behind(name, f"value under a key that is a {_kind(key)}")

    def _object(self, value: Made, name: str, depth: int) -> None:
        """Attributes by their names; arrays that a call, a state or items hold otherwise, by their position there."""
        state = value.state
        parts = {"args": value.args, "state": value.states if state is None else (), "items": value.items}
        if value.is_of(*_MASKED) or any(map(self._is_raw, parts.values())):
            self._cannot(name or ALONE, f"{value.of} keeps numbers in a way that is not known")
            return
        for part, items in parts.items():
            for index, item in enumerate(items):
                if self._holds(item):
                    self.walk(item, _joined(name, f"{part}.{index}"), depth + 1)
        if state is None:
            self._leave_behind(name, f"object of {value.of}")
        elif state.keys() >= _MODULE:
            self._module(state, name, depth)
        else:
            self._dict(state, name, depth)

    def _is_raw(self, value: object) -> bool:
        """Whether bytes that could be an array stand in a tuple or list, outside of the calls that are known."""
        pending, seen = [value], set()
        while pending:
            item = pending.pop()
            self._visit("", 0)
            if isinstance(item, Region) and item.length >= _BYTES:
                return True
            if isinstance(item, (list, tuple)) and id(item) not in seen:
                seen.add(id(item))
                pending += item
        return False

    def _module(self, state: dict[object, object], name: str, depth: int) -> None:
        """A torch.nn.Module: named as its `state_dict()` does."""
        passing = state.get("_non_persistent_buffers_set")
        dropped = {text(item) for item in passing} if isinstance(passing, list) else set()
        for part in ("_parameters", "_buffers", "_modules"):
            inner = state[part]
            if not isinstance(inner, dict):
                continue
            for key, item in inner.items():
                called = _joined(name, text(key) or "?")
                if part == "_buffers" and text(key) in dropped:
                    self._leave_behind(called, "buffer that is not part of the state dict")
                elif item is not None:
                    self.walk(item, called, depth + 1)
        for key, item in state.items():
            if key not in _MODULE and self._holds(item):
                self._dict({key: item}, name, depth)

    def _tensor(self, name: str, value: object) -> None:
        try:
            made = self._made(name, value)
        except Opaque as error:
            self._cannot(name, error.message)
            return
        if made is not None:
            self._add(name, made)

    def _add(self, name: str, made: Tensor) -> None:
        if name in self.flat.tensors:
            raise Malformed(f"two tensors come out as {name[:200]!r}", step="rename one of the keys")
        if name == "__metadata__":
            raise Malformed("a tensor is called __metadata__, which safetensors keeps for itself")
        self.flat.tensors[name] = made

    def _made(self, name: str, value: object) -> Tensor | None:
        if torch.is_tensor(value):
            return torch.tensor(name, value, self._storages)
        kind = arrays.array(value)[0]
        dtype = arrays.dtype_of(kind)
        fields = arrays.fields_of(kind)
        if fields:
            named = [(_joined(name, part), inner, offset) for part, inner, offset in fields]
            made = [arrays.field(called, value, dtype, inner, offset) for called, inner, offset in named]
            for tensor in made:
                self._add(tensor.name, tensor)
            return None
        if dtype.objects or dtype.texts:
            self._leave_behind(name, f"array of {dtype.name}")
            return None
        return arrays.tensor(name, value, dtype)

    def _cannot(self, name: str, why: str) -> None:
        if not self._leave:
            raise Opaque(f"{name[:200]}: {why}", step="--leave-unknown leaves it behind")
        self._leave_behind(name, why)

    def _leave_behind(self, name: str, what: str) -> None:
        self.flat.left_count += 1
        if len(self.flat.left) < _LISTED:
            self.flat.left.append((name[:500] or ALONE, what[:500]))

    def _holds(self, value: object) -> bool:
        """Whether a tensor or an array is anywhere in it."""
        pending, seen = [value], set()
        while pending:
            item = pending.pop()
            self._visit("", 0)
            if torch.is_tensor(item) or arrays.is_array(item):
                return True
            if not isinstance(item, (dict, list, tuple, Made)) or id(item) in seen:
                continue
            seen.add(id(item))
            if isinstance(item, Made):
                pending += [*item.args, *item.states, *item.items]
            else:
                pending += item.values() if isinstance(item, dict) else item
        return False


def _joined(name: str, part: str) -> str:
    return f"{name}.{part}" if name else part


def _kind(value: object) -> str:
    if isinstance(value, Symbol):
        return str(value)
    if isinstance(value, Odd):
        return _kind(value.value)
    if isinstance(value, Region):
        return f"{value.length:,} bytes"
    return "persistent id" if isinstance(value, Persistent) else type(value).__name__
