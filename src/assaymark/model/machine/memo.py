"""The memo in one byte a slot, so that a pickle of a hundred million opcodes does not fill our memory.

Each slot holds an index into a short table of canonical values. Texts that could be names are kept beside it, up to a
cap; a text that was dropped comes back as Lost(slot), and a second pass is told to keep that slot.
"""

from bisect import bisect_left
from collections.abc import Iterable

from assaymark.core.errors import OverBudget
from assaymark.model.machine.values import ANY, DATA, HELD, SHARED, ActiveBag, ActiveTuple, Bag, Lost, Raw, is_active

_MAX_SLOTS = 1 << 27
_MAX_FAR = 100_000
_MAX_NAME = 200
_MAX_NAMES = 100_000
_MAX_SETTLED = 10_000
_UNSET, _DATA, _SHARED, _ANY, _OWN = range(5)

_KINDS: dict[type, int] = {
    **dict.fromkeys((str, int, bool, float, type(None), Raw, Lost, type(DATA), type(HELD)), _DATA),
    tuple: _DATA,
    Bag: _SHARED,
}
_MAX_HOT = 32


class Memo:
    """PUT and GET as in `_pickle.c`: MEMOIZE writes at the number of slots that are set."""

    def __init__(self, keep: frozenset[int]) -> None:
        self._keep = keep
        self._kept = sorted(keep)
        self._kinds = bytearray()
        self._far: dict[int, int] = {}
        self.names: dict[int, str] = {}
        """Texts that a GET brings back, by slot."""
        self._own: dict[int, object] = {}
        self._values: list[object] = [None, DATA, SHARED, ANY, ANY]
        self._index: dict[object, int] = {}
        self.settled = {b"\x94"}
        """MEMOIZE, and those GETs as they stand in a stream that are known to bring plain data."""
        self.size = 0
        self.hot: list[bytes] = []
        """GETs, as they stand in a stream, of slots that something active was put in: what they bring may not be inert."""
        self.mixed = False
        """Something active is in more slots than those, or in a container: what any GET brings may not be inert."""

    def memoize(self, value: object) -> None:
        """Store at the number of slots that are set."""
        kinds = self._kinds
        slot = self.size
        kind = _KINDS.get(type(value)) or self._kind(slot, value)
        if slot != len(kinds) or slot >= _MAX_SLOTS or self._far or kind == _OWN:
            self.put(slot, value)
            return
        kinds.append(kind)
        self.size = slot + 1
        if type(value) is str and ((len(value) <= _MAX_NAME and len(self.names) < _MAX_NAMES) or slot in self._keep):
            self.names[slot] = value

    def put(self, slot: int, value: object) -> None:
        """Store at a slot of the stream's choice; a slot that is set is overwritten."""
        kind = _KINDS.get(type(value)) or self._kind(slot, value)
        kinds = self._kinds
        if slot == len(kinds):
            if slot >= _MAX_SLOTS:
                raise OverBudget(f"more than {_MAX_SLOTS:,} memo slots")
            kinds.append(kind)
            if not self._far or slot not in self._far:
                self.size += 1
            else:
                del self._far[slot]
                self._unsettle(kind)
        elif slot < len(kinds):
            self.size += kinds[slot] == _UNSET
            kinds[slot] = kind
            self._unsettle(kind)
        else:
            self._put_far(slot, kind)
        if type(value) is str and ((len(value) <= _MAX_NAME and len(self.names) < _MAX_NAMES) or slot in self._keep):
            self.names[slot] = value
            return
        self.names.pop(slot, None)
        if kind == _OWN and len(self._own) < _MAX_FAR:
            self._own[slot] = value

    def _put_far(self, slot: int, kind: int) -> None:
        """A slot beyond the dense part: few in a sane stream."""
        if slot not in self._far:
            self.size += 1
            if len(self._far) >= _MAX_FAR:
                raise OverBudget(f"more than {_MAX_FAR:,} scattered memo slots")
        self._far[slot] = kind
        self._unsettle(kind)

    def _unsettle(self, kind: int) -> None:
        """A slot may have got another value."""
        if kind != _DATA:
            self.settled = {b"\x94"}

    def keeps(self, slots: Iterable[int]) -> bool:
        """Whether the text of one of these slots is to be kept."""
        return bool(self._keep) and not self._keep.isdisjoint(slots)

    def put_data(self, count: int) -> bool:
        """MEMOIZE `count` inert values; False, and nothing done, where slots are scattered or a text is to be kept."""
        if self._far or self.size != len(self._kinds):
            return False
        if self._kept and bisect_left(self._kept, self.size) < bisect_left(self._kept, self.size + count):
            return False
        if self.size + count > _MAX_SLOTS:
            raise OverBudget(f"more than {_MAX_SLOTS:,} memo slots")
        self._kinds.extend(bytes((_DATA,)) * count)
        self.size += count
        return True

    def get(self, slot: int) -> object | None:
        """The value, or None for a slot that is not set."""
        kinds = self._kinds
        kind = kinds[slot] if slot < len(kinds) else self._far.get(slot, _UNSET)
        if kind == _UNSET:
            kind = self._far.get(slot, _UNSET)
            if kind == _UNSET:
                return None
        if kind == _DATA:
            name = self.names.get(slot)
            return Lost(slot) if name is None else name
        return self._own.get(slot, ANY) if kind == _OWN else self._values[kind]

    def settle(self, gets: Iterable[bytes]) -> bool:
        """Whether each of these GETs, as they stand in a stream, brings plain data, or nothing."""
        for get in gets:
            if get not in self.settled:
                slot = int.from_bytes(get[1:], "little")
                kind = self._kinds[slot] if slot < len(self._kinds) else self._far.get(slot, _UNSET)
                if kind == _UNSET:
                    kind = self._far.get(slot, _UNSET)
                if kind > _DATA:
                    return False
                if kind == _DATA and len(self.settled) < _MAX_SETTLED:
                    self.settled.add(get)
        return True

    def gets_inert(self, buf: bytes, start: int, end: int) -> bool:
        """Whether no GET in this part of a stream can bring anything active."""
        if self.mixed:
            return False
        for get in self.hot:  # noqa: SIM110 - `all` over a generator takes twice as long
            if buf.find(get, start, end) >= 0:
                return False
        return True

    def _kind(self, slot: int, value: object) -> int:
        if value is SHARED:
            return _SHARED
        if is_active(value):
            self._heat(slot)
        if type(value) is ActiveTuple or type(value) is ActiveBag:
            return _SHARED
        return _ANY if value is ANY else self._canonical(value)

    def _heat(self, slot: int) -> None:
        """Something active comes into a slot."""
        if self.mixed or slot >= 1 << 32:  # no GET in binary reaches further
            return
        self.hot.append(b"j" + slot.to_bytes(4, "little"))
        if slot < 1 << 8:
            self.hot.append(b"h" + slot.to_bytes(1, "little"))
        self.mixed = len(self.hot) > _MAX_HOT

    def _canonical(self, value: object) -> int:
        index = self._index.get(value)
        if index is None:
            index = len(self._values)
            if index > 0xFF:
                return _OWN
            self._index[value] = index
            self._values.append(value)
        return index
