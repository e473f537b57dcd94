"""A pickle as inert data: every opcode that builds data is followed, every import and call is only written down.

It runs after the machine has judged the same bytes, and does less: no frame games, no extension registry, no text
persistent ids, no second BUILD. What it does not know is refused. All counts are bounded, nothing recurses.
"""

from assaymark.core.blob import Blob, Bytes
from assaymark.core.budget import Budget
from assaymark.core.errors import Malformed, OverBudget
from assaymark.model.convert.values import Array, Made, Odd, Persistent, Region, Symbol, text

_VALUES = 5_000_000
"""Opcodes that are followed in one file."""
_TEXT = 256 << 20
"""Bytes of text in all; protocols 0 to 2 spell bytes as text."""
_WINDOW = 1 << 18
_DEPTH = 8
_KEYS = frozenset({str, int, float, bool, bytes, type(None)})
_DICTS = frozenset({"collections.OrderedDict", "collections.defaultdict", "builtins.dict"})
_STOP = 0x2E


def evaluate(
    blob: Blob, budget: Budget, at: int = 0, depth: int = 0, asked: list[Persistent] | None = None
) -> tuple[object, int]:
    """The value of the stream at `at`, and where it ends; raises Malformed or OverBudget.

    What the stream asks its loader for is appended to `asked`.
    """
    from assaymark.model.convert.opcodes import HANDLERS

    if depth > _DEPTH:
        raise OverBudget(f"object arrays nested deeper than {_DEPTH}")
    stream = Stream(blob, budget, at, depth)
    if asked is not None:
        stream.asked = asked
    for count in range(_VALUES):
        opcode = stream.take(1)[0]
        if opcode == _STOP:
            return stream.pop(), stream.at
        handler = HANDLERS.get(opcode)
        if handler is None:
            raise stream.fault(f"opcode 0x{opcode:02x} builds no data")
        if not count % 50_000:
            budget.tick()
        handler(stream)
    raise OverBudget(f"more than {_VALUES:,} opcodes", step="convert a file that holds tensors, not lists of numbers")


class Stream:
    """Bytes, stack and memo of one stream."""

    def __init__(self, blob: Blob, budget: Budget, at: int, depth: int) -> None:
        self.blob, self.budget, self.at, self.depth = blob, budget, at, depth
        self.stack: list[object] = []
        self.metas: list[list[object]] = []
        self.memo: dict[int, object] = {}
        self.asked: list[Persistent] = []
        self.proto = 0
        self._window, self._base, self._texts, self._copied = b"", 0, 0, 0

    # Bytes.

    def take(self, length: int) -> bytes:
        """The next `length` bytes."""
        start = self.at - self._base
        if start < 0 or start + length > len(self._window):
            if self.at + length > self.blob.size:
                raise self.fault(f"needs {length:,} bytes, {self.blob.size - self.at:,} are left")
            self._window, self._base = self.blob.read(self.at, max(length, _WINDOW)), self.at
            start = 0
        self.at += length
        return self._window[start : start + length]

    def number(self, width: int, *, signed: bool = False) -> int:
        """A little-endian integer."""
        if width > 1 << 16:
            raise self.fault("a number of more than half a million bits")
        return int.from_bytes(self.take(width), "little", signed=signed)

    def line(self) -> bytes:
        """Bytes up to the next newline, which is consumed."""
        parts = bytearray()
        while self.at < self.blob.size:
            start = self.at - self._base
            if not 0 <= start < len(self._window):
                self._window, self._base, start = self.blob.read(self.at, _WINDOW), self.at, 0
            end = self._window.find(b"\n", start)
            piece = self._window[start : end if end >= 0 else None]
            self.spend(len(piece))
            parts += piece
            self.at += len(piece) + (end >= 0)
            if end >= 0:
                return bytes(parts)
        raise self.fault("a line that does not end")

    def spend(self, length: int) -> None:
        """Account for text."""
        self._texts += length
        if self._texts > _TEXT:
            step = "write it again with pickle protocol 4 or later, which has bytes"
            raise OverBudget(f"more than {_TEXT >> 20} MiB of text", step=step)

    def texted(self, length: int) -> bytes:
        """The next `length` bytes, which are text."""
        self.spend(length)
        return self.take(length)

    def region(self, length: int) -> Region:
        """The next `length` bytes, passed over."""
        if self.at + length > self.blob.size:
            raise self.fault(f"needs {length:,} bytes, {self.blob.size - self.at:,} are left")
        self.at += length
        return Region(self.blob, self.at - length, length)

    def fault(self, why: str) -> Malformed:
        """What is wrong, here."""
        return Malformed(f"pickle: {why}", offset=self.at)

    # Stack and memo.

    def pop(self) -> object:
        """Take the top."""
        if not self.stack:
            raise self.fault("takes a value from an empty stack")
        return self.stack.pop()

    def top(self) -> object:
        """See the top."""
        if not self.stack:
            raise self.fault("needs a value on the stack")
        return self.stack[-1]

    def pop_mark(self) -> list[object]:
        """Take all above the last mark, and the mark."""
        if not self.metas:
            raise self.fault("needs a mark and there is none")
        items, self.stack = self.stack, self.metas.pop()
        return items

    def put(self, slot: int) -> None:
        """Remember the top."""
        self.memo[slot] = self.top()

    def get(self, slot: int) -> None:
        """Push what is remembered."""
        if slot not in self.memo:
            raise self.fault(f"asks for memo slot {slot}, which is not set")
        self.stack.append(self.memo[slot])

    # Meaning.

    def named(self, module: object, name: object) -> Symbol:
        """A global, by the name it has in Python 3."""
        first, second = text(module), text(name)
        if first is None or second is None:
            raise self.fault("imports by a name that is no text")
        if self.proto < 3:
            from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING

            return Symbol(*NAME_MAPPING.get((first, second), (IMPORT_MAPPING.get(first, first), second)))
        return Symbol(first, second)

    def persistent(self) -> Persistent:
        """BINPERSID."""
        asked = Persistent(self.pop())
        self.asked.append(asked)
        return asked

    def call(self, function: object, args: object) -> object:
        """Builtin data for the few calls that only make such; a name for all others."""
        if not isinstance(args, tuple) or not isinstance(function, (Symbol, Made)):
            raise self.fault("calls what cannot be called, or with something else than a tuple")
        return self._known(str(function), args) if isinstance(function, Symbol) else Made(function, args)

    def _known(self, name: str, args: tuple[object, ...]) -> object:
        made: object = Made(Symbol(*name.rsplit(".", 1)), args)
        if name in _DICTS:
            made = self._dict(args if name != "collections.defaultdict" else ())
        elif name == "torch.Size" and len(args) == 1:
            made = args[0]
        elif name == "_codecs.encode" and len(args) == 2 and text(args[1]) in {"latin1", "latin-1"}:
            made = self._latin1(text(args[0]) or "")
        elif name == "builtins.bytes" and not args:
            made = Region(Bytes(b""), 0, 0)
        elif name in {"copyreg._reconstructor", "copyreg.__newobj__"} and args:
            made = Made(args[0], args[1:] if name.endswith("_newobj__") else ())
        return made

    def _dict(self, args: tuple[object, ...]) -> object:
        pairs = args[0] if args else ()
        if not isinstance(pairs, (dict, list, tuple)):
            raise self.fault("makes a dict of something else than pairs")
        self._copied += len(pairs)
        if self._copied > _VALUES:
            raise OverBudget(f"more than {_VALUES:,} entries of dicts that are made of dicts")
        if isinstance(pairs, dict):
            return dict(pairs)
        if not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs):
            raise self.fault("makes a dict of something else than pairs")
        return self.fill({}, [part for pair in pairs for part in pair])

    def _latin1(self, spelled: str) -> Region:
        self.spend(len(spelled))  # the same text may be asked for again and again
        try:
            data = spelled.encode("latin-1")
        except UnicodeEncodeError:
            raise self.fault("bytes spelled as a text that is not latin-1") from None
        return Region(Bytes(data), 0, len(data))

    def fill(self, target: object, items: list[object]) -> object:
        """SETITEM(S), DICT."""
        if len(items) % 2:
            raise self.fault("has a key without its value")
        if isinstance(target, Made):
            target.items += items
        elif isinstance(target, dict):
            for key, value in zip(items[::2], items[1::2], strict=True):
                target[key if type(key) in _KEYS else Odd(key)] = value
        else:
            raise self.fault("sets items of what has none")
        return target

    def extend(self, target: object, items: list[object]) -> None:
        """APPEND(S), ADDITEMS."""
        if isinstance(target, Made):
            target.items += items
        elif isinstance(target, list):
            target += items
        else:
            raise self.fault("appends to what is no list")

    def build(self) -> None:
        """BUILD: attributes of an OrderedDict, such as a state dict's `_metadata`, are passed over."""
        state = self.pop()
        target = self.top()
        if isinstance(target, dict):
            return
        if not isinstance(target, Made) or target.states:
            raise self.fault("sets the state of what has none, or has it already")
        target.states.append(state)
        if target.is_of("joblib.numpy_pickle.NumpyArrayWrapper"):
            self.stack[-1] = self._joblib_array(target)

    def _joblib_array(self, wrapper: Made) -> object:
        """The array that follows its wrapper in the stream (joblib.numpy_pickle)."""
        from assaymark.model.convert.arrays import count_of, dtype_of

        state = wrapper.state
        if state is None or not {"dtype", "shape", "order"} <= state.keys():
            raise self.fault("a joblib array of a kind that is not known")
        dtype = dtype_of(state["dtype"])
        if dtype.objects:
            value, self.at = evaluate(self.blob, self.budget, self.at, self.depth + 1)
            return value
        if state.get("numpy_array_alignment_bytes") is not None:
            self.region(self.number(1))
        region = self.region(count_of(state["shape"]) * dtype.size)
        return Array(state["dtype"], state["shape"], state["order"], region)
