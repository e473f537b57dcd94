"""Classes whose `__setstate__` runs a text of the state: scipy.stats distributions, and data of statsmodels.

The text is what the library itself writes, or the BUILD is a misuse. To know that, every key of the state must be known.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from assaymark.model.machine.values import EACH, Bag, Lost

if TYPE_CHECKING:
    from assaymark.model.machine.machine import Machine

_SHAPES = r"(?:[^\W\d]\w*, )*"
_PARSER = re.compile(
    rf"""
def _parse_args\(self, ({_SHAPES}) (loc=0|loc=0, scale=1)\):
    return \(\1\), (loc, 1|loc, scale)

def _parse_args_rvs\(self, \1 \2, size=None\):
    return self\._argcheck_rvs\(\1 \3, size=size\)

def _parse_args_stats\(self, \1 \2, moments='mv'\):
    return \(\1\), \3, moments
"""
)
"""`parse_arg_template` of scipy/stats/_distn_infrastructure.py with names of shape parameters filled in, since scipy 1.5."""
_PARSER_KEY = "_parse_arg_template"
_PAIR = 2

_ASKS = frozenset({"restore_design_info", "restore_model_spec"})
"""Keys that make `ModelData.__setstate__` of statsmodels evaluate the formula again (to 0.14, from 0.15)."""
_FORMULA = re.compile(
    r"(?:(?:C|I|center|scale|standardize|np\.(?:log|log2|log10|log1p|exp|expm1|sqrt|abs|power|sin|cos))\("
    r"|[^\W\d]\w*(?!\s*[\w(.\[])|\d+(?:\.\d+)?(?![\w.])|\)(?!\s*[(.\[])|(?<![\w)])\s*\(|[~+*/:,\s-])*+"
)
"""Names, numbers and operators; of calls, only those of the formula language itself and of numpy's plain functions."""


def runs_parser(machine: "Machine", state: object) -> str:
    """`scipy-parser`: what is wrong with the state of a distribution, or an empty text.

    Before scipy 1.5 the state is (arguments, random state): the constructor is called, which takes names only as shapes. A
    later scipy reads it the same way, but would take arguments that are two for a pair of a name and its value.
    """
    if isinstance(state, tuple) and len(state) == _PAIR:
        arguments = _by_name(machine, state[0])
        return "" if arguments is not None and len(arguments) > _PAIR else "is built from arguments that are computed"
    fields = _by_name(machine, state)
    if fields is None:
        return "is built from a state whose names are computed, and runs a text of it"
    text = _text(machine, fields.get(_PARSER_KEY, ""))
    if text is None or (text and not _PARSER.fullmatch(text)):
        return "runs a text of its state that scipy does not write"
    return ""


def runs_formula(machine: "Machine", state: object) -> str:
    """`no-formula`: what is wrong with the state of a model's data, or an empty text."""
    fields = _by_name(machine, state)
    if fields is None:
        return "is built from a state whose names are computed, and evaluates a formula of it"
    if _ASKS.isdisjoint(fields):
        return ""
    formula = _text(machine, fields.get("formula"))
    if formula is None or not _FORMULA.fullmatch(formula):
        return "evaluates the formula in its state when it is built, and that does more than name columns"
    return ""


def is_uncalled(_machine: "Machine", _state: object) -> str:
    """`uncalled`: any state will do; only the constructor does more, and a class with this rule is not handed on."""
    return ""


RULES: dict[str, Callable[["Machine", object], str]] = {
    "scipy-parser": runs_parser,
    "no-formula": runs_formula,
    "uncalled": is_uncalled,
}


def _by_name(machine: "Machine", state: object) -> dict[str, object] | None:
    """A dict of which every key is a text that is known, and that nothing else was put into."""
    if not isinstance(state, Bag) or state.kind != "dict" or machine.refilled:
        return None
    if state.items is None:
        machine.wanted.add(EACH)
        return None
    keys, values = state.items[::2], state.items[1::2]
    machine.wanted.update(key.slot for key in keys if isinstance(key, Lost))
    names = [key for key in keys if isinstance(key, str)]
    return dict(zip(names, values, strict=True)) if len(names) == len(keys) == len(values) else None


def _text(machine: "Machine", value: object) -> str | None:
    if isinstance(value, Lost):
        machine.wanted.add(value.slot)
    return value if isinstance(value, str) else None
