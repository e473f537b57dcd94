"""The symbolic unpickler: what `pickle.load` would import, call and build, without doing any of it.

It follows CPython's `Modules/_pickle.c` opcode by opcode: stack with a fence at the last mark, memo, PROTO and
fix_imports, dotted names, and stops where the real one must stop. Where it cannot know, it errs towards "anything".
Memory does not grow with the number of opcodes: see memo.py and frames.py.
"""

import re
from collections.abc import Callable
from dataclasses import field

from assaymark.core.blob import Blob
from assaymark.core.budget import Budget
from assaymark.core.errors import Malformed
from assaymark.core.record import dataclass
from assaymark.model.machine.dtypes import is_plain
from assaymark.model.machine.memo import Memo
from assaymark.model.machine.reader import Reader
from assaymark.model.machine.rules import OPEN, TAKES_ARRAYS, note_nested, vetted_call
from assaymark.model.machine.states import JOBLIB, build_instance, listed, out_of_place, planted_hooks
from assaymark.model.machine.table import judge
from assaymark.model.machine.values import (
    ANY,
    EACH,
    HIDES,
    INERT,
    SHARED,
    Bag,
    Global,
    Instance,
    Lost,
    Raw,
    globals_in,
    is_active,
)  # fmt: skip
from assaymark.model.machine.views import storage_of

MAX_EVENTS = 2_000
MAX_NESTED = 50_000
SKIP_FROM = 1 << 19
"""Bytes of all streams that a process has met from which on the patterns of frames.py pay for being compiled."""
NEVER = 1 << 63
_met = [0]
_IDENTIFIER = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")

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
        elif len(self.events) < MAX_EVENTS * (2 if event.kind == "dangerous" else 1):
            self.events[key] = event  # a flood of others must not hide what is dangerous
        else:
            self.dropped += 1

    def add_nested(self, raw: Raw) -> None:
        """Remember bytes to look at, while there is room."""
        if len(self.nested) < MAX_NESTED:
            self.nested[raw.offset] = raw
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
    `arrays`: joblib's raw arrays are passed over, as its own loader does; without it, as plain `pickle.load` reads them.
    """

    def __init__(
        self, blob: Blob, start: int, budget: Budget, result: Result,
        *, keep: frozenset[int] = frozenset(), strict: bool = False, later: bool = False, arrays: bool = True,
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
        self.arrays = arrays
        self.raw: list[tuple[int, int]] = []
        """Begin and end of what another reader than this stream's takes, at most MAX_RAW: raw arrays and inner pickles."""
        self.inner: list[tuple[int, int]] = []
        """Those that are pickles of their own."""
        _met[0] += blob.size - start
        self.skipping = _met[0] > SKIP_FROM and EACH not in keep
        self.alone_until = 0
        """Offset up to which frames.py passes over containers one by one."""
        self.dull_until = 0 if self.skipping else NEVER
        """Offset up to which it was seen that there is nothing for frames.py to pass over."""
        self.joblib = False
        """A placeholder of an array was made."""
        self.wrapper: object = None
        """The placeholder that was made last and has no state yet."""
        self.records: set[str] = set()
        """Element types of records with objects in them, as numpy spells those: by size only."""
        self.objects = False
        """An element type was made that holds objects, or may."""
        self.refilled = False
        """A container was changed that came back out of the memo: what we hold of it is not what it holds."""
        self.laundered = False
        """Something active went into a container that others hold already."""
        self.bound = False
        """A functools.partial has a function or class among its arguments."""
        self.wanted: set[int] = set()
        self.value: object = None

    def run(self) -> None:
        """Interpret to STOP."""
        from assaymark.model.machine.loop import interpret

        try:
            interpret(self)
        except Malformed:
            if self.at < self.reader.frame_end < self.reader.offset:  # what fails here may be read otherwise elsewhere
                self.misaligned("reaches over the end of its frame")
            raise

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
            module, name = renamed(module, name)
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
        if isinstance(target, Instance) and not new and not self.bound and self._is_partial(target):
            return self.call(target.detail[0], arguments)
        if isinstance(target, Instance) or target is ANY:
            self.note("misuse", *names_of(target), "is a computed object and gets called")
            return ANY
        if not isinstance(target, Global):
            self.fail("calls what cannot be called")
            return ANY
        if not target.uses:
            if target.name in {"loads", "_loads"}:
                note_nested(self, target, arguments)
            return Instance(target, active=True)
        use = "new" if new else "call"
        if use not in target.uses:
            self.misuse(target, f"is vetted for {listed(target.uses)}, not for {use}")
            return Instance(target, active=True)
        made = vetted_call(self, target, arguments, new=new)
        if isinstance(made, Instance) and made.of is not None:
            if made.of.module == JOBLIB:
                self.wrapper, self.joblib = made, True
            elif made.of.module.startswith("numpy") and made.of.name.lower().endswith("dtype") and not is_plain(made):
                self.objects = True
        return made

    def misuse(self, value: object, how: str) -> None:
        """Record that a value, vetted or computed, is used as it must not be."""
        self.note("misuse", *names_of(value), how)

    def hand_on(self, argument: Global, target: Global) -> None:
        """A global goes to code that may call it: that must be harmless, whatever it is called with."""
        harmless = argument.uses & {"call", "new"} and argument.rule in OPEN
        if argument.uses and not (harmless or (argument.rule == "array" and target.name in TAKES_ARRAYS)):
            self.misuse(argument, f"is handed to {target}, which may call it")

    def lay_by(self, argument: Global, target: Global) -> None:
        """A global is kept to be called when someone asks for it: as in a state, it must be harmless then."""
        if argument.uses and argument.rule not in OPEN:
            self.misuse(argument, f"is handed to {target}, which may call it")

    @staticmethod
    def _is_partial(target: Instance) -> bool:
        return target.of is not None and target.of.rule == "partial" and bool(target.detail)

    def give(self, value: object, how: str = "is what the stream gives") -> None:
        """A value comes out of the stream, or goes into an object: from there it may be handed on to others."""
        if not self.result.effects:
            return  # nothing was imported
        for item in globals_in(value):
            if item.uses and item.rule not in OPEN and item.rule != "array":
                self.misuse(item, f"{how}, and may only be called by the stream itself")

    def keep(self, value: object) -> None:
        """A value goes into a state or a container, out of which any code may call it later."""
        for item in globals_in(value):
            if item.uses and item.rule not in OPEN:
                self.misuse(item, "is stored, and may only be called by the stream itself")

    def holds_active(self, value: object) -> bool:
        """Whether a value is, or may hold, a class or function, once containers have been filled behind our back too."""
        if not self.laundered:
            return is_active(value)
        if isinstance(value, tuple):
            return any(map(self.holds_active, value))
        keeps_items = isinstance(value, Instance) and value.of is not None and "items" in value.of.uses
        return keeps_items or type(value) in HIDES or is_active(value)

    def build(self, target: object, state: object) -> None:
        """BUILD: `__setstate__`, or an update of the instance's attributes."""
        self.result.effects += 1
        if not (isinstance(target, Instance) and target.of is not None and target.of.module == JOBLIB):
            self.keep(state)
        if isinstance(target, Global):
            self.misuse(target, "has its own attributes changed by BUILD")
        elif isinstance(target, Instance):
            build_instance(self, target, state)
        elif target is ANY:
            self.misuse(target, "is a computed object and gets its attributes set")

    def add_items(self, target: object, items: list[object], *, pairs: bool = False) -> None:
        """APPEND(S), SETITEM(S), ADDITEMS: harmless on builtin containers, a method call on anything else."""
        if not INERT.issuperset(map(type, items)):
            self._let_in(target, items, pairs=pairs)
        if isinstance(target, Bag):
            target.keep(items)
        elif isinstance(target, Instance):
            self.result.effects += 1
            if target.of is not None and target.of.uses and "items" not in target.of.uses:
                self.misuse(target, f"is vetted for {listed(target.of.uses)}, not for items")
        elif target is SHARED:
            self.refilled = True
        elif isinstance(target, Global) or target is ANY:
            self.misuse(target, "gets items set or appended")

    def _let_in(self, target: object, items: list[object], *, pairs: bool) -> None:
        """Something that is not plain data enters a container."""
        if pairs:
            planted_hooks(self, items)
        live = [item for item in items if type(item) not in INERT and is_active(item)]
        if not live:
            return
        for item in out_of_place(self, items) if pairs else live:
            self.keep(item)
        self.memo.mixed = True
        if isinstance(target, Bag):
            target.enliven()
        self.laundered = self.laundered or not isinstance(target, Bag) or target.doubled

    def persistent(self, identity: object) -> None:
        """PERSID, BINPERSID: whatever the loader's persistent_load makes of it."""
        parts = identity if isinstance(identity, tuple) else ()
        if len(parts) > 1 and parts[0] == "module" and isinstance(parts[1], Global):
            self.stack.append(parts[1])  # legacy PyTorch: the class, with its source text beside it
            return
        is_storage = bool(parts) and parts[0] == "storage"
        self.note("persistent", "storage" if is_storage else "other", "")
        self.stack.append(storage_of(parts) if is_storage else Instance(None))


def renamed(module: str, name: str) -> tuple[str, str]:
    """fix_imports: names of Python 2 for streams of protocol 0 to 2 (Lib/_compat_pickle.py)."""
    from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING

    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[module, name]
    return IMPORT_MAPPING.get(module, module), name


def names_of(value: object) -> tuple[str, str]:
    """Module and name of a global or of what an instance is of."""
    if isinstance(value, Global):
        return value.module, value.name
    if isinstance(value, Instance) and value.of is not None:
        return value.of.module, value.of.name
    return "?", "?"


def name_of(opcode: int) -> str:
    """Name of an opcode as in pickletools."""
    from assaymark.model.machine.opcodes import NAMES

    return NAMES.get(opcode, f"0x{opcode:02x}")


Handler = Callable[[Machine], None]
