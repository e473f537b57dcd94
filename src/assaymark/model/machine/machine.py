"""The symbolic unpickler: what `pickle.load` would import, call and build, without doing any of it.

It follows CPython's `Modules/_pickle.c` opcode by opcode: stack with a fence at the last mark, memo, PROTO and
fix_imports, dotted names, and stops where the real one must stop. Where it cannot know, it errs towards "anything".
Memory does not grow with the number of opcodes: see memo.py and frames.py.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from assaymark.core.blob import Blob
from assaymark.core.budget import Budget
from assaymark.core.errors import Malformed, OverBudget
from assaymark.model.machine.joblib import pass_array
from assaymark.model.machine.memo import Memo
from assaymark.model.machine.reader import Reader
from assaymark.model.machine.table import judge
from assaymark.model.machine.values import (
    ANY,
    DATA,
    Bag,
    Global,
    Instance,
    Lost,
    Raw,
    globals_in,
    is_active,
    sort_out,
)  # fmt: skip

MAX_EVENTS = 2_000
MAX_DEPTH = 8
SKIP_FROM = 1 << 18
"""Streams of at least this many bytes pay for the patterns of frames.py."""
_IDENTIFIER = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")

_HOOK = re.compile(r"append|extend|add|__(?!orig_class__|wrapped__)\w+__")
"""Attribute names that loaders look up on an instance and call: planting one by BUILD is a call in disguise."""

NESTED = "nested-pickle"
ENCODE = "encode-latin1"
_OPEN_RULES = frozenset({"data", "any-vetted"})
"""Rules that hold whoever calls; a global with a narrower one may only be called by an opcode."""
TORCHSCRIPT = "__torch__"
"""Classes of a TorchScript archive's own code; its loader looks them up there and imports no Python."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that matters, at its first `offset` (bytes); `count` times in all.

    `kind`: import (a vetted global), dangerous, unknown, computed, misuse, extension, persistent, nested, torchscript.
    """

    kind: str
    module: str
    name: str
    detail: str
    offset: int
    opcode: str
    count: int = 1


@dataclass
class Result:
    """What one or more streams would do."""

    events: dict[tuple[str, str, str, str], Event] = field(default_factory=dict)
    dropped: int = 0
    effects: int = 0
    """Imports, calls and the like, vetted ones included."""
    nested: dict[int, Raw] = field(default_factory=dict)
    """Bytes that the stream itself hands to another unpickler, by offset."""

    def add(self, event: Event) -> None:
        """Count it, or keep it when it is new and there is room."""
        key = (event.kind, event.module, event.name, event.detail)
        known = self.events.get(key)
        if known is not None:
            self.events[key] = Event(*key, known.offset, known.opcode, known.count + 1)
        elif len(self.events) < MAX_EVENTS or event.kind == "dangerous":
            self.events[key] = event
        else:
            self.dropped += 1

    def copy(self) -> "Result":
        """An account that can be thrown away."""
        return Result(dict(self.events), self.dropped, self.effects, dict(self.nested))

    def become(self, other: "Result") -> None:
        """Take over the account of a copy."""
        self.events, self.dropped, self.effects, self.nested = other.events, other.dropped, other.effects, other.nested


class Stop(Exception):
    """The stream ended as it should."""


class Machine:
    """One stream. `run` returns at STOP; it raises Malformed where the real unpickler fails.

    `strict` makes names that no module can have a failure: it tells text from a pickle without PROTO.
    `later`: an earlier stream may have left a memo behind (one Unpickler, several loads).
    """

    def __init__(
        self, blob: Blob, start: int, budget: Budget, result: Result,
        *, keep: frozenset[int] = frozenset(), strict: bool = False, later: bool = False, depth: int = 0,
    ) -> None:  # fmt: skip
        self.reader = Reader(blob, start)
        self.budget = budget
        self.result = result
        self.memo = Memo(keep)
        self.stack: list[object] = []
        self.marks: list[int] = []
        self.fence = 0
        self.proto = 0
        self.at = start
        self.opcode = 0
        self.strict = strict
        self.later = later
        self.depth = depth
        self.skipping = blob.size - start > SKIP_FROM
        self.laundered = False
        """Something active went into a container that others hold already."""
        self.wanted: set[int] = set()
        self.value: object = None

    def run(self) -> None:
        """Interpret to STOP."""
        from assaymark.model.machine.loop import interpret

        if self.depth > MAX_DEPTH:
            raise OverBudget(f"object arrays nested deeper than {MAX_DEPTH}")
        interpret(self)

    # The stack, as Pdata in _pickle.c.

    def pop(self) -> object:
        """Take the top; below the last mark there is nothing."""
        if len(self.stack) <= self.fence:
            self.fail("takes a value from an empty stack")
        return self.stack.pop()

    def top(self) -> object:
        """See the top."""
        if len(self.stack) <= self.fence:
            self.fail("needs a value on the stack")
        return self.stack[-1]

    def pop_mark(self) -> list[object]:
        """Take everything above the last mark, and the mark."""
        if not self.marks:
            self.fail("needs a mark and there is none")
        at = self.marks.pop()
        self.fence = self.marks[-1] if self.marks else 0
        items = self.stack[at:]
        del self.stack[at:]
        return items

    def fail(self, why: str) -> None:
        """Stop as the real unpickler does."""
        raise Malformed(f"opcode {name_of(self.opcode)} {why}", offset=self.at)

    # What a stream reaches.

    def note(self, kind: str, module: str, name: str, detail: str = "") -> None:
        """Record an event at the current opcode."""
        self.result.effects += 1
        self.result.add(Event(kind, module, name, detail, self.at, name_of(self.opcode)))

    def misaligned(self, how: str) -> None:
        """C drops what is left of a frame, Python refuses, `loads` reads on: three loaders see three streams."""
        self.note("computed", "?", "?", f"{name_of(self.opcode)} {how}, where loaders read different things")

    def find_class(self, module: object, name: object) -> object:
        """Import `module` and walk to `name`, as Unpickler.find_class."""
        for part in (module, name):
            if isinstance(part, Lost):
                self.wanted.add(part.slot)
        if not isinstance(module, str) or not isinstance(name, str):
            shown = [part if isinstance(part, str) else "?" for part in (module, name)]
            self.note("computed", *shown)
            return ANY
        if self.strict and not (_IDENTIFIER.fullmatch(module) and _IDENTIFIER.fullmatch(name)):
            self.fail("names what cannot be imported")
        if self.proto < 3:
            module, name = _renamed(module, name)
        if module == TORCHSCRIPT or module.startswith(TORCHSCRIPT + "."):
            self.note("torchscript", TORCHSCRIPT, "")
            return Global(TORCHSCRIPT, "class", frozenset({"type", "call", "new", "build"}))
        found, danger = judge(module, name)
        kind = "dangerous" if danger else "import" if found.uses else "unknown"
        self.note(kind, module, name, danger)
        return found

    def call(self, target: object, arguments: object, *, new: bool = False) -> object:
        """REDUCE, NEWOBJ, INST and OBJ: judge the use, return the symbolic result."""
        self.result.effects += 1
        if isinstance(target, Instance) or target is ANY:
            self.note("misuse", *_names(target), "is a computed object and gets called")
            return ANY
        if not isinstance(target, Global):
            self.fail("calls what cannot be called")
            return ANY
        if not target.uses:
            self._note_nested(target, arguments)
            return Instance(target, active=True)
        use = "new" if new else "call"
        if use not in target.uses:
            self.note("misuse", *_names(target), f"is vetted for {_list(target.uses)}, not for {use}")
            return Instance(target, active=True)
        return self._vetted_call(target, arguments, new=new)

    def _vetted_call(self, target: Global, arguments: object, *, new: bool) -> object:
        if target.rule == NESTED:
            self._note_nested(target, arguments)
            return Instance(target)
        if target.rule == ENCODE:
            self._encode(target, arguments)
            return DATA
        if target.module in {"copyreg", "copy_reg"}:
            return self._construct(target, arguments)
        active = self._is_active(arguments)
        first = arguments[0] if isinstance(arguments, tuple) and arguments else None
        if new or not active:
            detail = _plain(arguments) if target.name == "dtype" and isinstance(arguments, tuple) else ()
            return Instance(target, active=active, detail=detail)
        if target.rule != "any-vetted":
            self.note("misuse", *_names(target), "is called with a function or class among its arguments")
            return Instance(target, active=True)
        for argument in globals_in(arguments):
            if argument.uses and not (argument.uses & {"call", "new"} and argument.rule in _OPEN_RULES):
                self.note("misuse", *_names(argument), f"is handed to {target}, which may call it")
        # A function that is given a class makes one of it: numpy's _reconstruct(cls, …), Cython's unpicklers.
        of = first if isinstance(first, Global) and "new" not in target.uses else target
        inside = arguments if isinstance(arguments, tuple) else (arguments,)
        return Instance(of, active=any(self._is_active(a) for a in inside if not isinstance(a, Global)))

    def _is_active(self, value: object) -> bool:
        if not self.laundered:
            return is_active(value)
        if isinstance(value, tuple):
            return any(map(self._is_active, value))
        keeps_items = isinstance(value, Instance) and value.of is not None and "items" in value.of.uses
        return keeps_items or isinstance(value, Bag) or is_active(value)

    def _construct(self, target: Global, arguments: object) -> object:
        """copyreg._reconstructor(cls, base, state) and __newobj__(cls, …): `cls.__new__`."""
        first = arguments[0] if isinstance(arguments, tuple) and arguments else ANY
        if not isinstance(first, Global):
            self.note("misuse", *_names(target), "constructs a class that is computed")
            return ANY
        rest = arguments[1:] if isinstance(arguments, tuple) else ()
        base = rest[0] if rest and target.name == "_reconstructor" else None
        if base is not None and not (isinstance(base, Global) and base.module == "builtins" and "new" in base.uses):
            self.note("misuse", *_names(base), "is the base of a reconstruction, and no builtin")
        return self.call(first, rest, new=True)

    def _encode(self, target: Global, arguments: object) -> None:
        """How protocols 0 to 2 spell bytes: `_codecs.encode(text, 'latin1')`; another codec is code of its own."""
        codec = arguments[1] if isinstance(arguments, tuple) and len(arguments) == 2 else None
        if isinstance(codec, Lost):
            self.wanted.add(codec.slot)
        if codec != "latin1" or self._is_active(arguments):
            self.note("misuse", *_names(target), "is called with something else than a text and 'latin1'")

    def _note_nested(self, target: Global, arguments: object) -> None:
        """Bytes that another unpickler gets are looked at by content; what cannot be had holds."""
        if target.rule != NESTED and target.name not in {"loads", "_loads"}:
            return
        first = arguments[0] if isinstance(arguments, tuple) and arguments else None
        if isinstance(first, Raw):
            self.result.nested[first.offset] = first
            self.note("nested", *_names(target))
        elif target.uses:
            self.note("misuse", *_names(target), "unpickles bytes that are computed")

    def build(self, target: object, state: object) -> None:
        """BUILD: `__setstate__`, or an update of the instance's attributes."""
        self.result.effects += 1
        if isinstance(target, Global):
            self.note("misuse", *_names(target), "has its own attributes changed by BUILD")
        elif isinstance(target, Instance):
            if target.of is not None and target.of.uses and "build" not in target.of.uses:
                self.note("misuse", *_names(target.of), f"is vetted for {_list(target.of.uses)}, not for build")
            if state is ANY or (isinstance(state, Instance) and state.active):
                self.note("misuse", *_names(target), "is built from a computed state")
            if target.of is not None and target.of.module == "joblib.numpy_pickle":
                pass_array(self, state)
        elif target is ANY:
            self.note("misuse", "?", "?", "BUILD on a computed object")

    def add_items(self, target: object, items: list[object], *, pairs: bool = False) -> None:
        """APPEND(S), SETITEM(S), ADDITEMS: harmless on builtin containers, a method call on anything else."""
        live, active = sort_out(items)
        if live:
            if pairs and (active or Instance in map(type, live)):
                self._hooks(items)
            if active or (self.laundered and any(map(self._is_active, live))):
                self.memo.dirty = True
                self.laundered = self.laundered or not isinstance(target, Bag) or target.stored
        if isinstance(target, Bag):
            target.extend(items, live, active=active)
        elif isinstance(target, Instance):
            self.result.effects += 1
            if target.of is not None and target.of.uses and "items" not in target.of.uses:
                self.note("misuse", *_names(target.of), f"is vetted for {_list(target.of.uses)}, not for items")
        elif isinstance(target, Global) or target is ANY:
            self.note("misuse", *_names(target), "gets items set or appended")

    def _hooks(self, items: list[object]) -> None:
        """A callable under a name that the unpickler itself looks up and calls."""
        for index in range(1, len(items), 2):
            value = items[index]
            if not isinstance(value, Instance) and not is_active(value):
                continue
            key = items[index - 1]
            if isinstance(key, Lost):
                self.wanted.add(key.slot)
            elif isinstance(key, str) and _HOOK.fullmatch(key):
                self.note("misuse", *_names(value), f"is planted as {key!r}, which the unpickler calls")

    def persistent(self, identity: object) -> None:
        """PERSID, BINPERSID: whatever the loader's persistent_load makes of it."""
        first = identity[0] if isinstance(identity, tuple) and identity else None
        kind = "storage" if first == "storage" else "module" if first == "module" else "other"
        self.note("persistent", kind, "")
        self.stack.append(Instance(None))


def _renamed(module: str, name: str) -> tuple[str, str]:
    """fix_imports: names of Python 2 for streams of protocol 0 to 2 (Lib/_compat_pickle.py)."""
    from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING

    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[module, name]
    return IMPORT_MAPPING.get(module, module), name


def _names(value: object) -> tuple[str, str]:
    if isinstance(value, Global):
        return value.module, value.name
    if isinstance(value, Instance) and value.of is not None:
        return value.of.module, value.of.name
    return "?", "?"


def _list(uses: frozenset[str]) -> str:
    return ", ".join(sorted(uses))


def _plain(arguments: tuple[object, ...]) -> tuple[object, ...]:
    """Only what can be hashed and compared, for the memo's table."""
    return tuple(a if isinstance(a, (str, int, bool)) else None for a in arguments)


def name_of(opcode: int) -> str:
    """Name of an opcode as in pickletools."""
    from assaymark.model.machine.opcodes import NAMES

    return NAMES.get(opcode, f"0x{opcode:02x}")


Handler = Callable[[Machine], None]
