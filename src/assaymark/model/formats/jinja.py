"""Chat templates: what a Jinja template would reach, read off its syntax tree.

A template is a program that comes with the model and runs for every prompt. Rendered by a plain `jinja2.Environment`
(CVE-2024-34359, llama-cpp-python) it can walk from any value over `__class__` or `__globals__` to `os.system`. Only
jinja2's parser is used: nothing is compiled or rendered. Names that a template puts together from pieces are folded
(`jinja_fold`), so that `x["__cla" ~ "ss__"]` is read as what it is.
"""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment, nodes

    from assaymark.model.formats.jinja_fold import Folder

TEMPLATE_LIMIT = 1 << 18
"""Characters of the longest template that is parsed; those of real models stay below 50,000."""
_LISTED = 50
"""Places listed for one template; one is enough for a verdict."""

_DUNDER = re.compile(r"__[A-Za-z][A-Za-z0-9_]*__")
_INTERNALS = re.compile(
    r"__(?:class|bases?|mro|subclasses|globals|builtins|import|loader|code|closure|getattribute|reduce|reduce_ex)__"
)
"""Names that lead from a value to its class and on to the interpreter; no text of a prompt spells them."""
_FRAMES = frozenset({
    "mro", "func_globals", "func_code", "gi_frame", "gi_code", "gi_yieldfrom", "cr_frame", "cr_code", "ag_frame",
    "ag_code", "f_globals", "f_locals", "f_builtins", "f_back", "f_code", "tb_frame", "tb_next",
    "_TemplateReference__context",
})  # fmt: skip
"""Attributes without double underscores that lead there too."""
_PROGRAMS = frozenset({
    "system", "popen", "Popen", "check_output", "check_call", "getoutput", "getstatusoutput", "spawnl", "spawnv",
    "execv", "execve", "posix_spawn", "import_module", "eval", "exec", "run_module", "run_path",
})  # fmt: skip
"""Methods that start a program or run code, as the last step of such a walk."""
_BUILTINS = frozenset({"eval", "exec", "compile", "open", "getattr", "setattr", "globals", "vars", "__import__"})
"""Built-in functions that no template engine offers; a template calls them only where somebody put them in."""
_BY_ATTRIBUTE = frozenset({"map", "selectattr", "rejectattr", "groupby", "sort", "sum", "unique", "min", "max"})
"""Filters that take the name of an attribute and fetch it."""


@dataclass(frozen=True, slots=True)
class TemplateView:
    """A chat template. `reaches`, `loads` and `gated` are (line, what), in the order of the text, at most 50 each."""

    origin: str
    """Where it stands: a metadata key, a file name."""
    length: int
    """Characters."""
    reaches: tuple[tuple[int, str], ...] = ()
    """Steps out of the template into Python's internals."""
    loads: tuple[tuple[int, str], ...] = ()
    """Other templates that it includes, imports or extends."""
    watches: tuple[tuple[int, str], ...] = ()
    """Words of the messages, or of long ones a control token, that decide what it does otherwise."""
    conceals: tuple[tuple[int, str], ...] = ()
    """Text that nobody is meant to see, or that asks the model to keep quiet about it."""
    endless: tuple[tuple[int, str], ...] = ()
    """Loops and texts of a size that no rendering ends with."""
    gated: tuple[tuple[int, str], ...] = ()
    """Words of a message, or a date, that make it write sentences of its own or change those of the message."""
    fault: str = ""
    """Why it could not be parsed, or an empty text."""


def template_view(text: str, origin: str) -> TemplateView:
    """Analyse one template. Never raises for what the text is."""
    if len(text) > TEMPLATE_LIMIT:
        fault = f"{len(text):,} characters long, more than the {TEMPLATE_LIMIT:,} that are looked at"
        return TemplateView(origin, len(text), fault=fault)
    from jinja2 import TemplateSyntaxError

    found: _Found = {}
    fault = ""
    try:
        found = _analyse(text)
    except TemplateSyntaxError as error:
        fault = f"line {error.lineno}: {error.message}"
    except RecursionError:
        fault = "nested too deeply"
    except (ValueError, OverflowError) as error:
        fault = f"a literal that cannot be read ({error})"
    listed = {name: tuple(sorted(places)[:_LISTED]) for name, places in found.items()}
    return TemplateView(origin, len(text), fault=fault, **listed)


_Found = dict[str, set[tuple[int, str]]]
"""What a TemplateView lists, by the names of its fields."""


def _analyse(text: str) -> _Found:
    from assaymark.model.formats.jinja_fold import Folder, in_order
    from assaymark.model.formats.jinja_gates import Gates
    from assaymark.model.formats.jinja_keys import Keys
    from assaymark.model.formats.jinja_texts import conceals, endless

    everything = list(in_order(parsed(text)))
    folder = Folder(everything)
    gates = Gates(everything, folder)
    reaches = {(node.lineno, what) for node in everything for what in _reaches(node, folder)}
    return {
        "reaches": reaches | set(Keys(everything, folder, gates).found),
        "loads": {(node.lineno, what) for node in everything for what in _loads(node, folder)},
        "gated": {(gate.line, gate.trigger) for gate in gates.found if gate.word and gate.effect},
        "watches": {(gate.line, gate.trigger) for gate in gates.found if not (gate.word and gate.effect)},
        "conceals": set(conceals(everything)),
        "endless": set(endless(everything, folder)),
    }


def parsed(text: str) -> "nodes.Template":
    """The syntax tree; raises TemplateSyntaxError, RecursionError, ValueError, OverflowError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the lexer decodes escapes that Python deprecates
        return _environment().parse(text)


@cache
def _environment() -> "Environment":
    """The syntax of Hugging Face's `apply_chat_template`: loop controls, `do`, and `{% generation %}`."""
    from jinja2 import Environment, nodes
    from jinja2.ext import Extension
    from jinja2.parser import Parser

    class Generation(Extension):
        """Marks what the model itself wrote; the body is ordinary template text."""

        tags = {"generation"}  # noqa: RUF012 - the name and type that jinja2 asks for

        def parse(self, parser: Parser) -> list[nodes.Node]:
            next(parser.stream)
            return list(parser.parse_statements(("name:endgeneration",), drop_needle=True))

    # trim_blocks and lstrip_blocks are theirs as well, and change no expression.
    return Environment(  # noqa: S701 - parsed only, never rendered
        extensions=["jinja2.ext.loopcontrols", "jinja2.ext.do", Generation], trim_blocks=True, lstrip_blocks=True
    )


def _loads(node: "nodes.Node", folder: "Folder") -> Iterator[str]:
    from jinja2 import nodes

    if isinstance(node, nodes.Include | nodes.Import | nodes.FromImport | nodes.Extends):
        word = type(node).__name__.removeprefix("From").lower()
        names = folder.texts(node.template)
        yield f"{word} {names[0][:200]!r}" if names else f"{word} of a computed name"


def _reaches(node: "nodes.Node", folder: "Folder") -> Iterator[str]:
    from jinja2 import nodes

    if isinstance(node, nodes.Getattr):
        if _is_step(node.attr):
            yield node.attr
    elif isinstance(node, nodes.Getitem):
        yield from (name for name in folder.texts(node.arg) if _is_step(name))
    elif isinstance(node, nodes.Filter):
        yield from _filter_reaches(node, folder)
    elif isinstance(node, nodes.Call):
        yield from _call_reaches(node, folder)
    elif isinstance(node, nodes.Name) and _INTERNALS.fullmatch(node.name):
        yield node.name
    elif isinstance(node, nodes.Keyword) and _INTERNALS.fullmatch(node.key):
        yield node.key
    elif isinstance(node, nodes.Expr) and not isinstance(node, nodes.TemplateData):
        yield from _text_reaches(node, folder)


def _is_step(name: str) -> bool:
    """Fetching this attribute leaves the template's own values."""
    return name in _FRAMES or _DUNDER.fullmatch(name) is not None


def _text_reaches(node: "nodes.Expr", folder: "Folder") -> Iterator[str]:
    """A text, written or put together, that spells an internal name: there is nothing else to be done with it."""
    for text in folder.texts(node):
        match = _INTERNALS.search(text)
        if match:
            yield match[0]


def _filter_reaches(node: "nodes.Filter", folder: "Folder") -> Iterator[str]:
    """`|attr("…")` and the filters that take an attribute's name; any other filter that puts a name together."""
    name, arguments = node.name, [*node.args, *(pair.value for pair in node.kwargs)]
    if name == "map" and arguments and "attr" in folder.texts(arguments[0]):
        name, arguments = "attr", arguments[1:]
    if name == "attr":
        for argument in arguments[:1]:
            names = folder.texts(argument)
            yield from (name for name in names if _is_step(name))
            if not names:
                yield "an attribute whose name is computed while rendering"
    elif name in _BY_ATTRIBUTE:
        named = arguments[:1] if node.args else [pair.value for pair in node.kwargs if pair.key == "attribute"]
        steps = [step for argument in named for text in folder.texts(argument) for step in re.split(r"[.,]", text)]
        yield from (step for step in steps if _is_step(step))
    yield from _text_reaches(node, folder)


def _call_reaches(node: "nodes.Call", folder: "Folder") -> Iterator[str]:
    from jinja2 import nodes

    target = node.node
    if isinstance(target, nodes.Name) and target.name in _BUILTINS and target.name not in folder.own_names:
        yield f"{target.name}()"
    elif isinstance(target, nodes.Getattr) and target.attr in _PROGRAMS:
        yield f".{target.attr}()"
    elif isinstance(target, nodes.Getitem):
        yield from (f".{name}()" for name in folder.texts(target.arg) if name in _PROGRAMS)
    yield from _text_reaches(node, folder)
