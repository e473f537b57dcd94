"""What files that are trusted do with globals that nobody vetted: the lines of an allow policy, to be reviewed."""

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from assaymark.core.blob import Blob, Slice
from assaymark.core.budget import Budget
from assaymark.core.errors import AssayError, OverBudget
from assaymark.core.format import Context, Head, Member
from assaymark.core.look import Catalog
from assaymark.model.allow import Allowed
from assaymark.model.machine import Machine, Result, plausible
from assaymark.model.machine.table import USES, Overlay, laid_over, vetted
from assaymark.model.machine.values import Global, Instance

_STREAMS = 10_000
_GLOBALS = 10_000
_ON_LOAD = {
    "call": ("__new__", "__init__", "__call__"),
    "new": ("__new__",),
    "build": ("__setstate__", "__setattr__"),
    "items": ("append", "extend", "add", "__setitem__", "update"),
}
"""Use -> methods that it may run."""
Pair = tuple[str, str]
Reader = Callable[[str], bytes | None]
"""Path below the source folder -> content, or None."""


@dataclass(slots=True)
class Seen:
    """Uses of one global, whether functions or classes were among its arguments, and the files (digest -> path)."""

    uses: set[str] = field(default_factory=set)
    active: bool = False
    files: dict[str, str] = field(default_factory=dict)

    def allowed(self, pair: Pair) -> Allowed:
        """The least that lets these files pass."""
        digests = tuple(sorted(self.files)[:20])
        return Allowed(*pair, frozenset(self.uses), "any-vetted" if self.active else "data", digests)


class _Anything(Mapping[Pair, tuple[frozenset[str], str]]):
    """An overlay that allows whatever is not known to be dangerous, so that the machine follows it."""

    def __getitem__(self, _key: Pair) -> tuple[frozenset[str], str]:
        return USES, "any-vetted"

    def __iter__(self) -> Iterator[Pair]:
        return iter(())

    def __len__(self) -> int:
        return 0


class _Learner(Machine):
    """The machine, taking notes."""

    seen: dict[Pair, Seen]

    def find_class(self, module: object, name: object) -> object:
        """Note what the table does not know and nobody calls dangerous."""
        found = super().find_class(module, name)
        if isinstance(found, Global) and found.uses and found.name not in vetted().get(found.module, {}):
            if len(self.seen) >= _GLOBALS:
                raise OverBudget(f"more than {_GLOBALS:,} different globals")
            self.seen.setdefault((found.module, found.name), Seen())
        return found

    def call(self, target: object, arguments: object, *, new: bool = False) -> object:
        """Note a call or a `__new__`."""
        known = self.known(target)
        if known is not None:
            known.uses.add("new" if new else "call")
            known.active = known.active or self.holds_active(arguments)
        return super().call(target, arguments, new=new)

    def build(self, target: object, state: object) -> None:
        """Note a BUILD."""
        self.note_use(target, "build")
        super().build(target, state)

    def add_items(self, target: object, items: list[object], *, pairs: bool = False) -> None:
        """Note items that are appended or set."""
        self.note_use(target, "items")
        super().add_items(target, items, pairs=pairs)

    def known(self, target: object) -> Seen | None:
        """The notes on a global, if it is one that is learned."""
        return self.seen.get((target.module, target.name)) if isinstance(target, Global) else None

    def note_use(self, target: object, use: str) -> None:
        """Note what is done to an instance."""
        known = self.known(target.of) if isinstance(target, Instance) else None
        if known is not None:
            known.uses.add(use)


def learn(blob: Blob, name: str, budget: Budget, catalog: Catalog) -> dict[Pair, Seen]:
    """Every global of the pickles in a file, at any depth, that is neither vetted nor known to be dangerous."""
    seen: dict[Pair, Seen] = {}
    with laid_over(Overlay(_Anything())):
        _walk(blob, name, budget, catalog, seen, 0)
    return seen


def _walk(blob: Blob, name: str, budget: Budget, catalog: Catalog, seen: dict[Pair, Seen], depth: int) -> None:
    if depth > budget.limits.depth:
        return
    for found in catalog.recognise(Head(blob, name)):
        if found.name == "pickle":
            _streams(blob, budget, seen)
        if found.module is None:
            continue
        try:
            for item in importlib.import_module(found.module).parse(blob, Context(budget, name)):
                if isinstance(item, Member):
                    budget.member()
                    _walk(item.blob, item.name, budget, catalog, seen, depth + 1)
        except OverBudget:
            raise
        except AssayError:
            continue  # the judgement of the file says what is wrong with it


def _streams(blob: Blob, budget: Budget, seen: dict[Pair, Seen]) -> None:
    at = 0
    for _ in range(_STREAMS):
        machine = _followed(blob, at, budget, seen)
        if machine is None:
            return
        at = machine.reader.offset
        start = blob.read(at, 4096)
        if not start or not (start[0] == 0x80 or plausible(start, Slice(blob, at, blob.size - at), ends=True)):
            return


def _followed(blob: Blob, at: int, budget: Budget, seen: dict[Pair, Seen]) -> _Learner | None:
    """One stream; again where the text of a name was not kept."""
    keep: frozenset[int] = frozenset()
    for _ in range(3):
        machine = _Learner(blob, at, budget, Result(), keep=keep, later=at > 0)
        machine.seen = seen
        try:
            machine.run()
        except OverBudget:
            raise
        except AssayError:
            return None
        if machine.wanted <= keep:
            return machine
        keep |= machine.wanted
    return machine


def source_notes(pair: Pair, uses: set[str], read: Reader) -> tuple[str, ...]:
    """What the source of a class says of the methods that a load may run; nothing of it is imported."""
    module, name = pair
    parts = module.split(".")
    if not all(part.isidentifier() for part in parts):
        return ("source: the module's name is no name of a file",)
    for path in ("/".join(parts) + ".py", "/".join(parts) + "/__init__.py"):
        data = read(path)
        if data is not None:
            return _notes(path, data, name, uses)
    return (f"source: {module} was not found",)


def _notes(path: str, data: bytes, name: str, uses: set[str]) -> tuple[str, ...]:
    from assaymark.core.source.python import calls

    try:
        source = calls(data)
    except AssayError as error:
        return (f"source {path}: {error.message}",)
    line = next((c.line for c in source.classes if c.name == name.rpartition(".")[2]), None)
    methods = {f"{name}.{method}" for use in uses for method in _ON_LOAD[use]} | {name}
    acts = [c for c in source.calls if c.deed is not None and (c.on_import or c.within in methods)]
    place = f"source {path}, line {line}" if line else f"source {path}"
    if not acts:
        return (f"{place}: nothing that loading runs starts processes, runs text, reaches the network or deletes",)
    return tuple(f"{place}: DANGER {c.within or 'on import'} {c.deed} {c.name}, line {c.line}" for c in acts[:10])
