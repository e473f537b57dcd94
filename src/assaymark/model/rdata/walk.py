"""A walk over serialized R objects that needs no recursion: a stack of what is still to be read (src/main/serialize.c).

Nothing is built. Of each item only what R would run with it is kept: promises, calls, functions, bindings.
"""

from dataclasses import dataclass, field

from assaymark.core.budget import Budget
from assaymark.core.errors import Malformed, OverBudget
from assaymark.model.rdata.reader import NA, Reader
from assaymark.model.rdata.words import ACTS, HOOKS, MAKERS, NAMING, PURE, STRONG, TEXTS

MOST_DEEDS = 500
_PENDING = 1_000_000
"""Tasks and references that are held: R's own stack ends long before."""
_TICK = 50_000

# Types (Rinternals.h and serialize.c).
_SYM, _LIST, _CLO, _ENV, _PROM, _LANG, _SPECIAL, _BUILTIN, _CHAR = 1, 2, 3, 4, 5, 6, 7, 8, 9
_LGL, _INT, _REAL, _CPLX, _STR, _DOT, _VEC, _EXPR, _BCODE, _EXTPTR, _WEAK, _RAW, _S4 = (
    10, 13, 14, 15, 16, 17, 19, 20, 21, 22, 23, 24, 25,
)  # fmt: skip
_REF, _UNBOUND, _NAMESPACE, _PACKAGE, _PERSIST = 255, 252, 249, 248, 247
_BCREPDEF, _BCREPREF, _ATTRLANG, _ATTRLIST, _ALTREP = 244, 243, 240, 239, 238
_NOTHING = frozenset({254, 253, 252, 251, 250, 242, 241})
"""NULL, the global, base and empty environments, and the like: one word."""
_WIDTHS = {_LGL: 4, _INT: 4, _REAL: 8, _CPLX: 16, _RAW: 1}
_HAS_ATTR, _HAS_TAG = 1 << 9, 1 << 10
_ACTIVE = 1 << 15
"""ACTIVE_BINDING_MASK of the level bits."""

# Contexts: bits of where an item stands.
_HEAD, _NAMES, _CLOSED, _FRAME, _BINDING, _VALUE, _LAZY, _PROMISED, _TOP, _CONST, _MMAP, _FORCED = (
    1 << n for n in range(12)
)
_KEPT = _CLOSED | _FORCED
"""What holds for everything below, too."""

# Tasks: what is to be read next.
_ITEM, _ITEMS, _CODE, _CONSTS, _BCLANG = range(5)
_Task = tuple[int, int, int]
"""Kind, context, count."""


@dataclass(frozen=True, slots=True)
class RDeed:
    """Something that R runs or fetches. `kind`: promise, lazy, forced, call, deferred, text, active, hook, mmap, package.

    `name` is the function, variable or package; `offset` in bytes of the uncompressed stream.
    """

    kind: str
    name: str
    does: str
    offset: int


@dataclass
class Walk:
    """One stream. `run` returns when the object is complete and raises Malformed where R would fail."""

    reader: Reader
    budget: Budget
    workspace: bool
    deeds: dict[tuple[str, str], RDeed] = field(default_factory=dict)
    dropped: int = 0
    functions: int = 0
    _references: list[str] = field(default_factory=list)
    _stack: list[_Task] = field(default_factory=list)
    _sources: set[str] = field(default_factory=set)
    """Names in the source of compiled arguments: what the compiled code names must be among them."""

    def run(self) -> None:
        """Read one object."""
        self._stack = [(_ITEM, _TOP if self.workspace else 0, 1)]
        steps = 0
        while self._stack:
            kind, context, count = self._stack.pop()
            steps += 1
            if not steps % _TICK:
                self.budget.tick()
                if len(self._stack) + len(self._references) > _PENDING:
                    raise OverBudget(f"more than {_PENDING:,} objects within each other or to be referred to")
            if kind == _ITEM:
                self._item(self.reader.integer(), context)
            elif kind == _ITEMS:
                if count > 1:
                    self._stack.append((_ITEMS, context, count - 1))
                self._item(self.reader.integer(), context)
            elif kind == _CODE:
                self._byte_code(context)
            elif kind == _CONSTS:
                self._constant(context, count)
            else:
                self._bytecode_language(self.reader.integer(), context)

    def note(self, kind: str, name: str, does: str) -> None:
        """Keep a deed once."""
        key = (kind, name)
        if key in self.deeds:
            return
        if len(self.deeds) >= MOST_DEEDS:
            self.dropped += 1
            return
        self.deeds[key] = RDeed(kind, name[:200], does, self.reader.at)

    def _item(self, flags: int, context: int) -> None:
        kind = flags & 0xFF
        if context & (_VALUE | _LAZY):
            self._promise_part(kind, context)
        if kind in _NOTHING:
            return
        if kind == _REF:
            self._name(self._reference(flags), context)
        elif kind == _SYM:
            name = self._string()
            self._references.append(name)
            self._name(name, context)
        elif kind in {_LIST, _LANG, _CLO, _PROM, _DOT}:
            self._pair(kind, flags, context)
        elif kind == _ENV:
            self._environment(context)
        elif kind in {_NAMESPACE, _PACKAGE, _PERSIST}:
            self._named(kind)
        elif kind == _CHAR:
            self._text(flags, context)
        elif kind == _ALTREP:
            below = context & _KEPT
            self._push((_ITEM, _MMAP, 1), (_ITEM, below, 1), (_ITEM, below, 1))
        else:
            self._vector(kind, flags, context)

    def _promise_part(self, kind: int, context: int) -> None:
        """The value of a promise, or its expression where it has no value yet."""
        if context & _VALUE and kind == _UNBOUND:
            self._mark(_LAZY)
        elif context & _LAZY and kind == _BCODE and not context & _BINDING:
            self._promise(context, "compiled code")

    def _promise(self, context: int, name: str) -> None:
        does = ACTS.get(name) or TEXTS.get(name, "")
        if not context & _BINDING or does:
            self.note("promise", name, does)
        else:
            self.note("lazy" if name in PURE else "forced", name, "")

    def _reference(self, flags: int) -> str:
        index = flags >> 8 & 0xFFFFFF or self.reader.integer()
        if not 0 < index <= len(self._references):
            raise Malformed(f"refers to object {index} of {len(self._references)} so far", offset=self.reader.at)
        return self._references[index - 1]

    def _name(self, name: str, context: int) -> None:
        """A symbol, judged by where it stands."""
        if context & _MMAP and name.startswith("mmap_"):
            self.note("mmap", name, "maps a file that the object names into memory")
        if context & _MMAP and "/" in name:
            self.note("package", name, "is loaded from a folder of the file's choice")
        if context & _FORCED and not context & _CONST:
            self._sources.add(name)
        if context & _PROMISED:
            self._promise(context, name or "a computed function")
        elif context & _HEAD or (context & (_NAMES | _CONST) and name in STRONG):
            self._called(name, context)
        elif context & _CONST and context & _FORCED and name not in self._sources:
            self.note("forced", name, "")  # compiled code that is not what its source says
        if context & _TOP and name in HOOKS:
            self.note("hook", name, "is called by R when a session begins or ends")
        if context & _HEAD and name in NAMING:
            self._mark(_HEAD if name in {"::", ":::"} else _NAMES)

    def _mark(self, bit: int) -> None:
        """The arguments of the call that is being read stand next on the stack."""
        if self._stack:
            task, below, count = self._stack[-1]
            self._stack[-1] = (task, below | bit, count)

    def _called(self, name: str, context: int) -> None:
        if context & _FORCED and name not in PURE:
            self.note("forced", name or "a computed function", "")
        if name in ACTS:
            self.note("deferred" if context & _CLOSED else "call", name, ACTS[name])
        elif name in TEXTS and (not context & _CLOSED or name in MAKERS):
            self.note("text", name, TEXTS[name])

    def _pair(self, kind: int, flags: int, context: int) -> None:
        """A cell: attributes, tag, CAR, CDR. What is read first is pushed last."""
        below = context & _KEPT
        if kind == _CLO:
            self.functions += 1
            body = below if context & _HEAD else below | _CLOSED  # a function at the head of a call is called with it
            parts, tag = [(_ITEM, body, 1), (_ITEM, body, 1)], below
        elif kind == _PROM:
            parts, tag = [(_ITEM, below | context & _BINDING, 1), (_ITEM, below | _VALUE, 1)], below
        elif kind == _LANG:
            promised = (_PROMISED | context & _BINDING) if context & _LAZY else 0
            if promised & _BINDING:
                below |= _FORCED
            parts, tag = [(_ITEM, below, 1), (_ITEM, below | _HEAD | promised, 1)], below
            if context & _PROMISED:
                self._promise(context, "a computed function")
            if context & _HEAD:
                self._mark(_NAMES)
        else:
            if kind == _DOT and context & _BINDING:  # the arguments behind `...` are promises, as the named ones are
                context |= _FRAME
            parts, tag = self._cell(flags, context, below)
        self._stack.extend(parts)
        if flags & _HAS_TAG:
            self._stack.append((_ITEM, tag, 1))
        if flags & _HAS_ATTR:
            self._stack.append((_ITEM, below, 1))

    def _cell(self, flags: int, context: int, below: int) -> tuple[list[_Task], int]:
        """A cell of a list: of arguments, of an environment's frame, or of the variables of a workspace."""
        spread = context & (_NAMES | _HEAD | _FRAME | _TOP | _MMAP)
        value = below | context & (_NAMES | _HEAD | _MMAP)
        if context & _FRAME:
            value |= _BINDING
            if flags >> 12 & _ACTIVE:
                self.note("active", "active binding", "runs a function each time the variable is read")
        return [(_ITEM, below | spread, 1), (_ITEM, value, 1)], below | context & _TOP

    def _environment(self, context: int) -> None:
        self.reader.integer()
        self._references.append("")
        below = context & _KEPT
        frame = below | _FRAME
        self._push((_ITEM, below, 1), (_ITEM, frame, 1), (_ITEM, frame, 1), (_ITEM, below, 1))

    def _named(self, kind: int) -> None:
        """A package or namespace by its name: R loads the installed package when the object is read."""
        if self.reader.integer() != 0:
            raise Malformed("names in persistent strings are not supported by R either", offset=self.reader.at)
        for index in range(self._count("a package name")):
            name = self._string()
            if kind != _PERSIST and not index and ("/" in name or "\\" in name):
                self.note("package", name, "is loaded from a folder of the file's choice")
        self._references.append("")

    def _text(self, flags: int, context: int) -> None:
        if flags & _HAS_ATTR:
            self._stack.append((_ITEM, context & _KEPT, 1))
        name = self._string_body()
        if context & _NAMES and name in STRONG:
            self._called(name, context)

    def _vector(self, kind: int, flags: int, context: int) -> None:
        if flags & _HAS_ATTR:
            self._stack.append((_ITEM, context & _KEPT, 1))
        if kind in _WIDTHS:
            self.reader.step(self._count("a vector"), _WIDTHS[kind])
        elif kind == _STR:
            self._strings(context)
        elif kind in {_VEC, _EXPR}:
            count = self._count("a list")
            if count:
                self._stack.append((_ITEMS, context & (_KEPT | _FRAME), count))
        elif kind == _BCODE:
            self.reader.integer()
            forced = _FORCED if context & _LAZY else 0
            self._stack.append((_CODE, context & _KEPT | forced, 1))
        elif kind != _S4:
            self._native(kind, context)

    def _native(self, kind: int, context: int) -> None:
        """What stands for something inside of R: builtin functions, external pointers, weak references."""
        if kind in {_SPECIAL, _BUILTIN}:
            name = self.reader.text(self._count("a builtin's name")).decode("utf-8", "replace")
            self._name(name, context | _HEAD)
        elif kind in {_EXTPTR, _WEAK}:
            self._references.append("")
            if kind == _EXTPTR:
                self._push((_ITEM, 0, 1), (_ITEM, 0, 1))
        else:
            raise Malformed(f"type {kind} does not exist", offset=self.reader.at)

    def _strings(self, context: int) -> None:
        for index in range(self._count("a character vector")):
            if not index % _TICK:
                self.budget.tick()
            inner = self.reader.integer()
            if inner & 0xFF != _CHAR or inner & _HAS_ATTR:
                raise Malformed(f"type {inner & 0xFF} in a character vector", offset=self.reader.at)
            self._text(inner, context)

    def _byte_code(self, context: int) -> None:
        """Compiled code: the instructions, then the constants, of which the source expression is one."""
        self._push((_ITEM, context, 1), (_CONSTS, context, -1))

    def _constant(self, context: int, count: int) -> None:
        """One of `count` constants; -1 where the count is still to be read."""
        if count < 0:
            count = self._count("a pool of constants")
        if not count:
            return
        self._stack.append((_CONSTS, context, count - 1))
        kind = self.reader.integer()
        if kind == _BCODE:
            self._stack.append((_CODE, context, 1))
        elif kind in {_LANG, _LIST, _BCREPDEF, _BCREPREF, _ATTRLANG, _ATTRLIST}:
            self._bytecode_language(kind, context)
        else:
            self._stack.append((_ITEM, context | _CONST, 1))

    def _bytecode_language(self, kind: int, context: int) -> None:
        if kind == _BCREPREF:
            self.reader.integer()
            return
        if kind == _BCREPDEF:
            self.reader.integer()
            kind = self.reader.integer()
        if kind not in {_LANG, _LIST, _ATTRLANG, _ATTRLIST}:
            self._stack.append((_ITEM, context, 1))
            return
        below = context & _KEPT
        call = kind in {_LANG, _ATTRLANG}
        rest, value = (below, below | _HEAD) if call else (below | context & (_NAMES | _HEAD),) * 2
        parts = [(_ITEM, below, 1), (_BCLANG, value, 1), (_BCLANG, rest, 1)]
        if kind in {_ATTRLANG, _ATTRLIST}:
            parts.insert(0, (_ITEM, below, 1))
        self._push(*parts)

    def _push(self, *tasks: _Task) -> None:
        """Tasks in the order in which they are to be done."""
        self._stack.extend(reversed(tasks))

    def _count(self, what: str) -> int:
        count = self.reader.integer()
        if count == -1:
            count = (self.reader.integer() << 32) | (self.reader.integer() & 0xFFFFFFFF)
        if count < 0:
            raise Malformed(f"{what} declares {count:,} elements", offset=self.reader.at)
        return count

    def _string(self) -> str:
        flags = self.reader.integer()
        if flags & 0xFF != _CHAR:
            raise Malformed(f"type {flags & 0xFF} where a name is due", offset=self.reader.at)
        return self._string_body()

    def _string_body(self) -> str:
        length = self.reader.integer()
        if length in {-1, NA}:
            return "NA"
        if length < 0:
            raise Malformed(f"a text of {length} bytes", offset=self.reader.at)
        return self.reader.text(length).decode("utf-8", "replace")
