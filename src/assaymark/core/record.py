"""`dataclass` for frozen, slotted records at a quarter of the price: a scan of one small file defines seventy of them.

The one of the standard library compiles six methods for each class, half a millisecond in all. Here it compiles
`__init__` alone; comparing, hashing and showing need no more than the names of the fields. Type checkers see the genuine
one, and it is they who find what would change a record; `replace` and `fields` work as ever.
"""

import dataclasses
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]


def _record(cls: type[Any]) -> type[Any]:
    """The class with slots for its fields; what the class defines itself stays."""
    made: type[Any] = dataclasses.dataclass(repr=False, eq=False, slots=True)(cls)
    values = attrgetter(*made.__dataclass_fields__)

    def same(self: Any, other: Any) -> bool:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    for name, method in (("__eq__", same), ("__hash__", lambda self: hash(values(self))), ("__repr__", _shown)):
        if name not in cls.__dict__:
            setattr(made, name, method)
    return made


def _shown(self: Any) -> str:
    fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__dataclass_fields__)
    return f"{self.__class__.__qualname__}({fields})"


if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls: type[Any] | None = None, /, **options: bool) -> object:
        """`dataclasses.dataclass`, and a cheaper one where records are asked for."""
        return _record if options == {"frozen": True, "slots": True} else dataclasses.dataclass(cls, **options)
