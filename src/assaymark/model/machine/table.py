"""The table of vetted globals and of known-dangerous ones. Default deny: a name in neither file is unknown."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import field
from functools import cache

from assaymark.core.record import dataclass
from assaymark.model.machine.values import Global

RULES = frozenset(
    {
        "data", "any-vetted", "calls-first", "calls-second", "encode-latin1", "nested-pickle",
        "member", "partial", "none", "global", "array", "scipy-parser", "no-formula",
        "uncalled", "array-of", "builtin",
    }
)  # fmt: skip
"""What rules.py knows how to judge."""
USES = frozenset({"call", "new", "build", "items", "member", "type"})
ANY_NAME = "*"


@dataclass(frozen=True, slots=True)
class Overlay:
    """Globals that a reviewed policy allows beside the table, with their uses and rule; and a record of what was found."""

    allowed: Mapping[tuple[str, str], tuple[frozenset[str], str]] = field(default_factory=dict)
    found: set[tuple[str, str]] = field(default_factory=set)
    """Every (module, name) that was asked for and has uses, by the table or by the policy."""


_overlay: ContextVar[Overlay | None] = ContextVar("overlay", default=None)
"""Workers that are forked inherit it; others know only the table, and hold."""


@contextmanager
def laid_over(overlay: Overlay | None) -> Iterator[None]:
    """Within the block, `judge` knows `overlay` as well."""
    token = _overlay.set(overlay)
    try:
        yield
    finally:
        _overlay.reset(token)


def judge(module: str, name: str) -> tuple[Global, str]:
    """The global with its vetted uses, and what is dangerous about it (empty when nothing is known)."""
    overlay = _overlay.get()
    entry = vetted().get(module, {}).get(name)
    if entry is None:
        danger = _danger(module, name)
        entry = overlay.allowed.get((module, name)) if overlay is not None and not danger else None
        if entry is None:
            return Global(module, name), danger
    if overlay is not None:
        overlay.found.add((module, name))
    return Global(module, name, *entry), ""


def _danger(module: str, name: str) -> str:
    """The nearest entry: the name itself, a part of its dotted path, the whole module, a parent package."""
    table = dangerous()
    names = table.get(module, {})
    first = name.split(".", 1)[0]
    for key in (name, first, ANY_NAME):
        if key in names:
            return names[key]
    if "." in name:
        inner = _danger_of_path(f"{module}.{name}")
        if inner:
            return inner
        if (method := methods().get((module.partition(".")[0], name.rpartition(".")[2]))) is not None:
            return method
    parent = module.rpartition(".")[0]
    while parent:
        if ANY_NAME in table.get(parent, {}):
            return table[parent][ANY_NAME]
        parent = parent.rpartition(".")[0]
    return ""


def _danger_of_path(path: str) -> str:
    """A dotted walk such as `random` `_os.system` ends in a dangerous place when any module name in it is one."""
    parts = [part.lstrip("_") for part in path.split(".")]
    table = dangerous()
    for index, part in enumerate(parts[:-1]):
        names = table.get(part, {})
        for key in (parts[index + 1], ANY_NAME):
            if key in names:
                return names[key]
    return "walks through attributes to reach its target" if any(p.startswith("__") for p in path.split(".")) else ""


@cache
def vetted() -> dict[str, dict[str, tuple[frozenset[str], str]]]:
    """Module -> name -> (uses, argument rule). Format: `[module]` sections, lines `name use…`, `call(args=RULE)`."""
    table: dict[str, dict[str, tuple[frozenset[str], str]]] = {}
    section: dict[str, tuple[frozenset[str], str]] = {}
    seen: dict[str, tuple[frozenset[str], str]] = {}
    for line in _lines("vetted.txt"):
        if line.startswith("["):
            section = table.setdefault(line[1:-1], {})
            continue
        name, _, uses = line.partition(" ")
        if uses not in seen:
            seen[uses] = _uses(uses)
        section[name] = seen[uses]
    return table


def _uses(text: str) -> tuple[frozenset[str], str]:
    rule = "data"
    uses = {"type"}
    for word in text.split():
        use, _, argument = word.partition("(")
        if use not in USES:
            raise ValueError(f"vetted.txt: unknown use {word!r}")
        if argument:
            rule = argument.removeprefix("args=").rstrip(")")
            if rule not in RULES:
                raise ValueError(f"vetted.txt: unknown rule {word!r}")
        uses.add(use)
    return frozenset(uses), rule


@cache
def dangerous() -> dict[str, dict[str, str]]:
    """Module -> name or `*` -> what it does. Format: `[module]` sections, lines `name phrase`."""
    table: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for line in _lines("dangerous.txt"):
        if line.startswith("["):
            section = table.setdefault(line[1:-1], {})
        else:
            name, _, phrase = line.partition(" ")
            section[name] = phrase.strip()
    return table


@cache
def methods() -> dict[tuple[str, str], str]:
    """Library and name of a method that dangerous.txt lists for one class: others of the library inherit or re-export it."""
    return {
        (module.partition(".")[0], name.rpartition(".")[2]): phrase
        for module, names in dangerous().items()
        for name, phrase in names.items()
        if "." in name
    }


def _lines(name: str) -> list[str]:
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as file:  # importlib.resources is slow
        text = file.read()
    return [line for line in text.split("\n") if line and line[0] != "#"]
