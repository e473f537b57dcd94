"""YAML whose tags make Python objects (PyYAML's `!!python/...`): read from the parser's events, never constructed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.blob import Blob, exact
from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.format import Context, Item
from assaymark.core.source.secrets import safe_excerpt
from assaymark.core.source.text import decode
from assaymark.core.source.yaml_tree import LIMIT, events

_PREFIX = "tag:yaml.org,2002:python/"
_RAW = re.compile(r"^[^#\n]*?!(?:!|<tag:yaml\.org,2002:)python/(?P<rest>[^\s>,\]}]+)", re.MULTILINE)
_OTHER_SPELLING = re.compile(r"^%TAG|(?:^|[\s\[{,:])!\S{0,80}%[0-9a-fA-F]{2}", re.MULTILINE)
_VALUES = frozenset(
    {"none", "bool", "str", "unicode", "bytes", "int", "long", "float", "complex", "list", "tuple", "dict"}
)
_INERT = re.compile(
    r"(?:collections\.(?:OrderedDict|defaultdict|Counter|deque)|pathlib\.(?:Pure)?(?:Posix|Windows)?Path|argparse\.Namespace"
    r"|datetime\.(?:datetime|date|time|timedelta|timezone)|decimal\.Decimal|fractions\.Fraction|uuid\.UUID|types\.SimpleNamespace"
    r"|(?:builtins|__builtin__)\.(?:set|frozenset|range|slice|complex|bytearray|object|dict|list|tuple|int|float|str|bool)"
    r"|numpy\.(?:dtype|float\d+|int\d+|uint\d+|bool_|ndarray|(?:_)?core\.multiarray\.(?:scalar|_reconstruct))"
    r"|torch\.(?:device|dtype|float\d*|bfloat16|int\d+|Size)|omegaconf\.\w+\.(?:DictConfig|ListConfig)|easydict\.EasyDict"
    r"|(?:pytorch_)?lightning\.\w+(?:\.\w+)*\.AttributeDict|copyreg\._reconstructor)"
)
"""Types and functions that only make a value of what they are given."""


@dataclass(frozen=True, slots=True)
class PythonTag:
    """A tag that an unsafe loader obeys. `form` is `object/apply`, `object/new`, `object`, `name` or `module`."""

    form: str
    name: str
    inert: bool
    line: int
    excerpt: str


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Yield each tag; where the text is no YAML, those that stand in it by their looks."""
    context.budget.header(blob.size, context.name)
    text = decode(exact(blob, 0, blob.size, context.name), f"YAML {context.name}")
    if len(text) > LIMIT:
        if _RAW.search(text) or _OTHER_SPELLING.search(text):
            raise OverBudget(
                f"YAML with Python tags, {len(text):,} long, more than the {LIMIT >> 20} MiB that are read"
            )
        return
    lines = text.split("\n")
    seen = 0
    try:
        for event in events(text):
            tag = getattr(event, "tag", None) or ""
            if tag.startswith(_PREFIX):
                seen = event.start_mark.line + 1
                yield from _tag(tag[len(_PREFIX) :], seen, lines)
    except Malformed:
        for match in _RAW.finditer(text):
            line = text.count("\n", 0, match.start("rest")) + 1
            if line > seen:
                yield from _tag(match["rest"], line, lines)


def _tag(rest: str, line: int, lines: list[str]) -> Iterator[PythonTag]:
    form, _, name = rest.partition(":")
    if form in _VALUES and not name:
        return
    yield PythonTag(form, name, _INERT.fullmatch(name) is not None, line, safe_excerpt(lines[line - 1][:1000]))
