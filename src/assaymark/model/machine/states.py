"""What a state does to an object, and what names in it set off: BUILD, and the dicts that become attributes."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from assaymark.core.errors import Malformed
from assaymark.model.machine import dtypes, texts
from assaymark.model.machine.joblib import pass_array
from assaymark.model.machine.values import ANY, INERT, Global, Instance, Lost, is_active

if TYPE_CHECKING:
    from assaymark.model.machine.machine import Machine

JOBLIB = "joblib.numpy_pickle"
_HOOK = re.compile(r"append|extend|add|__(?!orig_class__|wrapped__)\w+__")
"""Attribute names that loaders look up on an instance and call: planting one by BUILD is a call in disguise."""
_CALLED_ON_LOAD = frozenset(
    {
        "_build_f", "_compute_coefs_pdf", "_coo_container", "_csr_container", "_deserialize_model", "_dia_container",
        "_dok_container", "_get_index_dtype", "_initialize", "_lil_container", "_load_from_string", "_patch_step_function",
        "_post_setstate", "_reset_cache", "_set_test_evals", "_set_trained_model_attributes", "_swap", "_with_data",
        "deserialize", "free_network", "get_params", "getfield", "profile_hook_step", "register_buffer",
        "register_parameter", "reshape", "set_", "set_params", "setfield", "setstate", "tocoo", "tocsr",
    }
)  # fmt: skip
"""Methods that `__setstate__`, setters and `__del__` of vetted classes call on the object itself, whatever stands there."""
_ARRAY_CLASS = "subclass"
"""Where joblib's placeholder has the class of its array, which it only allocates."""
MAX_RAW = 100_000
"""Raw arrays whose places are kept."""


def build_instance(machine: "Machine", target: Instance, state: object) -> None:
    """BUILD on what a call or `__new__` gave: judge the use, and what the class makes of the state."""
    if state is ANY or (isinstance(state, Instance) and state.active):
        machine.misuse(target, "is built from a computed state")
    of = target.of
    if of is None:
        machine.misuse(target, "is what the loader itself supplies, and has its attributes set")
    if of is None or not of.uses:
        return
    if "build" not in of.uses:
        machine.misuse(of, f"is vetted for {listed(of.uses)}, not for build")
    elif of.module == JOBLIB and machine.arrays:
        _pass_array(machine, target, state)
    elif of.rule == "partial":
        _build_partial(machine, target, of, state)
    elif of.module == "numpy" and of.name == "dtype":
        _build_dtype(machine, target, of, state)
    elif of.rule in texts.RULES:
        wrong = texts.RULES[of.rule](machine, state)
        if wrong:
            machine.misuse(of, wrong)


def _build_partial(machine: "Machine", target: Instance, of: Global, state: object) -> None:
    """(function, arguments, keywords, attributes) of a functools.partial: the function is that which it was made of."""
    wrapped = state[0] if isinstance(state, tuple) and state else None
    if not isinstance(wrapped, Global):
        machine.misuse(of, "wraps something that is computed")
        return
    machine.lay_by(wrapped, of)
    if target.detail != (wrapped,):
        machine.misuse(of, "is given another function than it was made of")
    if isinstance(state, tuple) and machine.holds_active(state[1:]):
        machine.bound = True


def _build_dtype(machine: "Machine", target: Instance, of: Global, state: object) -> None:
    wrong = dtypes.problem(target, state, dtypes.Known(machine.objects, machine.records))
    if wrong:
        machine.misuse(of, wrong)
    elif dtypes.hides_objects(target, state):
        machine.objects = True
        machine.records.add(str(target.detail[0]))


def _pass_array(machine: "Machine", target: Instance, state: object) -> None:
    """In joblib the array comes in the place of its placeholder; that gets its state once, and from here."""
    if target is not machine.wrapper or machine.refilled:
        raise Malformed("a joblib array whose placeholder is filled in pieces", offset=machine.at)
    machine.wrapper = None
    start = machine.reader.offset
    objects = pass_array(machine, state)
    machine.stack[-1] = Instance(None)
    if machine.reader.offset > start and len(machine.raw) <= MAX_RAW:
        machine.raw.append((start, machine.reader.offset))
        if objects:
            machine.inner.append(machine.raw[-1])


def planted_hooks(machine: "Machine", items: list[object]) -> None:
    """What enters a dict under a name that the unpickler itself looks up."""
    for key, value in zip(items[::2], items[1::2], strict=False):
        if type(value) in INERT or not (isinstance(value, Instance) or is_active(value)):
            continue
        if isinstance(key, Lost):
            machine.wanted.add(key.slot)
        elif _is_computed_text(key) or (isinstance(key, str) and _HOOK.fullmatch(key)):
            shown = repr(key) if isinstance(key, str) else "a computed name"
            machine.misuse(value, f"is planted as {shown}, which the unpickler calls")
        elif isinstance(key, str) and key in _CALLED_ON_LOAD and _is_function(value):
            machine.misuse(value, f"is planted as {key!r}, which code of the library calls on load")


def _is_computed_text(key: object) -> bool:
    """A text that a call made; the keys of a dict that pickle writes are never that."""
    return isinstance(key, Instance) and key.of is not None and (key.of.module, key.of.name) == ("builtins", "str")


def _is_function(value: object) -> bool:
    """A global, or what may stand for one: a partial, or the result of another unpickler."""
    wraps = (
        isinstance(value, Instance) and value.of is not None and value.of.rule in {"partial", "nested-pickle", "member"}
    )
    return wraps or value is ANY or isinstance(value, Global)


def out_of_place(machine: "Machine", items: list[object]) -> Iterator[object]:
    """Of keys and values that enter a dict: the active ones, less array classes where joblib's placeholder has its own."""
    for key, value in zip(items[::2], items[1::2], strict=False):
        if isinstance(value, Global) and value.rule == "array":
            if isinstance(key, Lost):
                machine.wanted.add(key.slot)
            if key == _ARRAY_CLASS or isinstance(key, Lost):
                continue
        for item in (key, value):
            if type(item) not in INERT and is_active(item):
                yield item


def listed(uses: frozenset[str]) -> str:
    """Uses as a message names them."""
    return ", ".join(sorted(uses))
