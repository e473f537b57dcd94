"""What the arguments of a vetted call may be, and what comes out of it: the rules that vetted.txt names.

The rules and why each is as it is stand in scripts/README.md, "What the table asks of the machine". Nothing here runs
anything: each function returns the symbolic result and notes a misuse where a rule is not met.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from assaymark.model.machine import views
from assaymark.model.machine.dtypes import made_of
from assaymark.model.machine.table import judge
from assaymark.model.machine.values import (
    ANY,
    DATA,
    SHARED,
    Bag,
    Global,
    Instance,
    Lost,
    Raw,
    globals_in,
    is_active,
)  # fmt: skip

if TYPE_CHECKING:
    from assaymark.model.machine.machine import Machine

OPEN = frozenset({"data", "any-vetted"})
"""Rules that hold whoever calls; a global with a narrower one may only be called by an opcode."""

TAKES_ARRAYS = frozenset({"_reconstruct", "_mareconstruct"})
"""Functions of numpy that allocate an array of a given class, of given size and type, and run no constructor of it."""
_GIVES = {("numpy.random._pickle", "__randomstate_ctor"): ("numpy.random.mtrand", "RandomState")}
"""The class of what a function gives, where it is not given the class."""
_SHAPE_AND_TYPE = 2
Result = object


def vetted_call(machine: "Machine", target: Global, arguments: object, *, new: bool) -> Result:
    """REDUCE or NEWOBJ on a global that the table vets for it."""
    if new:
        if target.rule == "array":
            _check_array(machine, target, arguments)
        machine.give(arguments, "goes into an object")
        return _made(target, arguments, active=machine.holds_active(arguments))
    if target.module in {"copyreg", "copy_reg"}:
        return _construct(machine, target, arguments)
    if target.name in views.REBUILDS and target.module == "torch._utils":
        wrong = views.problem(arguments)
        if wrong:
            machine.misuse(target, wrong)
    return _RULES[target.rule](machine, target, arguments)


def _made(target: Global, arguments: object, *, active: bool) -> Instance:
    detail = _plain(arguments) if target.name == "dtype" else ()
    return Instance(target, active=active, detail=detail)


def _check_array(machine: "Machine", target: Global, arguments: object) -> None:
    """`array`: (shape, type) makes an array; laid over bytes of the stream it would take them for objects."""
    parts = arguments if isinstance(arguments, tuple) else (ANY,)
    if len(parts) > _SHAPE_AND_TYPE or any(isinstance(part, Bag) or part is ANY or part is SHARED for part in parts):
        machine.misuse(target, "is laid over bytes of the stream, which it may take for objects")


def _plain(arguments: object) -> tuple[object, ...]:
    """Only what can be hashed and compared, for the memo's table."""
    if not isinstance(arguments, tuple):
        return ()
    return tuple(a if isinstance(a, (str, int, bool)) else None for a in arguments)


def _data(machine: "Machine", target: Global, arguments: object) -> Result:
    """`data`: no function or class anywhere in the arguments."""
    active = machine.holds_active(arguments)
    if active:
        machine.misuse(target, "is called with a function or class among its arguments")
    return _made(target, arguments, active=active)


def _any_vetted(machine: "Machine", target: Global, arguments: object) -> Result:
    """`any-vetted`: besides, globals that may be called, under an open rule. Containers must have been followed."""
    if not machine.holds_active(arguments):
        return _made(target, arguments, active=False)
    for argument in globals_in(arguments):
        machine.hand_on(argument, target)
    parts = arguments if isinstance(arguments, tuple) else (arguments,)
    if any(_unfollowed(part) for part in parts):
        machine.misuse(target, "is called with a computed object among its arguments")
    # A function that is given a class makes one of it: numpy's _reconstruct(cls, …), Cython's unpicklers.
    first = _item(arguments, 0)
    of = first if isinstance(first, Global) and "new" not in target.uses else target
    if target.name == "dtype":
        return Instance(target, detail=made_of(arguments))
    return Instance(of, active=any(machine.holds_active(part) for part in parts if not isinstance(part, Global)))


def _unfollowed(value: object) -> bool:
    """Something of which is not known what it holds, while it may hold a function."""
    if isinstance(value, tuple):
        return any(map(_unfollowed, value))
    if isinstance(value, Bag):
        return is_active(value) and (value.items is None or any(map(_unfollowed, value.items)))
    return value is ANY or value is SHARED


def _calls_first(machine: "Machine", target: Global, arguments: object) -> Result:
    """`calls-first`: (function, class, arguments, state), as in torch: a call with the arguments, and a BUILD with the state."""
    function, inner = _item(arguments, 0), _item(arguments, 2)
    made = _inner_call(machine, target, function, inner if inner is not None else ANY)
    kind, state = _item(arguments, 1), _item(arguments, 3)
    if isinstance(kind, Global):
        machine.hand_on(kind, target)
        made = Instance(kind, active=is_active(state))
    if state is not None:
        machine.build(made, state)
    return made


def _array_of(machine: "Machine", target: Global, arguments: object) -> Result:
    """`array-of`: (function, arguments, state, attributes), as in dill: a call with the arguments, and a BUILD with the state."""
    made = _inner_call(machine, target, _item(arguments, 0), _item(arguments, 1))
    machine.build(made, _item(arguments, 2))
    if _item(arguments, 3) is not None:
        machine.misuse(target, "sets attributes of the array that it makes")
    return made


def _builtin(machine: "Machine", target: Global, arguments: object) -> Result:
    """`builtin`: (name), as dill writes a type of Python's own: judged as the GLOBAL `builtins.name`."""
    name = _item(arguments, 0)
    if isinstance(name, Lost):
        machine.wanted.add(name.slot)
    if name not in {
        "bool",
        "bytearray",
        "bytes",
        "complex",
        "dict",
        "float",
        "int",
        "list",
        "range",
        "set",
        "slice",
        "str",
        "tuple",
    }:
        machine.misuse(target, "gives a type that is computed, or none of data")
        return ANY
    return machine.find_class("builtins", name)


def _calls_second(machine: "Machine", target: Global, arguments: object) -> Result:
    """`calls-second`: (value) or (value, function), as in numpy.random: the function is called with the value."""
    function = _item(arguments, 1)
    if function is None:
        return _data(machine, target, arguments)
    _inner_call(machine, target, function, (_item(arguments, 0),))
    return Instance(target)


def _inner_call(machine: "Machine", target: Global, function: object, arguments: object) -> Result:
    if not isinstance(function, Global):
        machine.misuse(target, "calls a function that is computed")
        return ANY
    return machine.call(function, arguments)


def _encode(machine: "Machine", target: Global, arguments: object) -> Result:
    """`encode-latin1`: how protocols 0 to 2 spell bytes; another codec is code of its own."""
    codec = _item(arguments, 1)
    if isinstance(codec, Lost):
        machine.wanted.add(codec.slot)
    if codec != "latin1" or machine.holds_active(arguments):
        machine.misuse(target, "is called with something else than a text and 'latin1'")
    return DATA


def _nested(machine: "Machine", target: Global, arguments: object) -> Result:
    """`nested-pickle`: bytes that another unpickler gets are looked at by content; what cannot be had is a misuse."""
    if not note_nested(machine, target, arguments):
        machine.misuse(target, "unpickles bytes that are computed")
    return Instance(target)


def note_nested(machine: "Machine", target: Global, arguments: object) -> bool:
    """Remember bytes of this stream that `target` unpickles; False where they are not at hand."""
    first = _item(arguments, 0)
    if not isinstance(first, Raw):
        return False
    machine.result.add_nested(first)
    machine.note("nested", target.module, target.name)
    return True


def _member(machine: "Machine", target: Global, arguments: object) -> Result:
    """`member`: getattr(class, name), how enums and class methods were pickled: a member of an enum, or a global."""
    owner, name = _item(arguments, 0), _item(arguments, 1)
    if isinstance(name, Lost):
        machine.wanted.add(name.slot)
    if isinstance(owner, Instance) and owner.of is not None and owner.of.uses and isinstance(name, str):
        return _method(machine, target, owner.of, name)
    if not isinstance(owner, Global) or not isinstance(name, str):
        machine.misuse(target, "reads an attribute that is computed")
        return ANY
    if "member" in owner.uses and name.isidentifier() and not name.startswith("_"):
        return Instance(owner)
    # Any method of a class: what it does, its name says.
    return machine.find_class(owner.module, f"{owner.name}.{name}")


def _method(machine: "Machine", target: Global, of: Global, name: str) -> Result:
    """A bound method, of a class that the table lists it for; what it is called with is not known, nor when."""
    module, kind = _GIVES.get((of.module, of.name), (of.module, of.name))
    found, _ = judge(module, f"{kind}.{name}")
    if not found.uses or found.rule not in OPEN:
        machine.misuse(target, f"reads {name!r} of {of}, which is not on the table")
        return ANY
    return Global(found.module, found.name, frozenset({"type"}))


def _partial(machine: "Machine", target: Global, arguments: object) -> Result:
    """`partial`: functools.partial of a listed function; what is called with it is judged as a call of that function."""
    function = _item(arguments, 0)
    if not isinstance(function, Global) or _unfollowed(arguments):
        machine.misuse(target, "wraps something that is computed")
        return Instance(target)
    for argument in globals_in(arguments):
        machine.lay_by(argument, target)
    alone = isinstance(arguments, tuple) and len(arguments) == 1
    return Instance(target, detail=(function,) if alone else ())


def _none(machine: "Machine", target: Global, arguments: object) -> Result:
    """`none`: type(None), the class of None."""
    if arguments != (None,):
        machine.misuse(target, "is called with something else than None")
    return DATA


def _global(machine: "Machine", _target: Global, arguments: object) -> Result:
    """`global`: (module, name) as old numpy pickled its ufuncs: the same as a GLOBAL."""
    return machine.find_class(_item(arguments, 0), _item(arguments, 1))


def _construct(machine: "Machine", target: Global, arguments: object) -> Result:
    """copyreg._reconstructor(cls, base, state) and __newobj__(cls, …): `cls.__new__`; another base has its __init__ run."""
    first = _item(arguments, 0)
    if not isinstance(first, Global) or not isinstance(arguments, tuple):
        machine.misuse(target, "constructs a class that is computed")
        return ANY
    base = _item(arguments, 1) if target.name == "_reconstructor" else None
    if base is not None and not (isinstance(base, Global) and base.module == "builtins" and "new" in base.uses):
        machine.misuse(base, "is the base of a reconstruction, and no builtin")
    return machine.call(first, arguments[1:], new=True)


def _item(arguments: object, index: int) -> object:
    return arguments[index] if isinstance(arguments, tuple) and len(arguments) > index else None


_RULES: dict[str, Callable[["Machine", Global, object], Result]] = {
    "data": _data,
    "any-vetted": _any_vetted,
    "calls-first": _calls_first,
    "calls-second": _calls_second,
    "encode-latin1": _encode,
    "nested-pickle": _nested,
    "member": _member,
    "partial": _partial,
    "none": _none,
    "global": _global,
    "array": _data,
    "array-of": _array_of,
    "builtin": _builtin,
}
