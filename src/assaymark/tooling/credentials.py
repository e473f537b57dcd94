"""Plaintext credentials in the documents of this layer: tokens of known formats, and `name = value` by what both say."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from assaymark.core.blob import Blob
from assaymark.core.budget import Budget
from assaymark.core.errors import OverBudget
from assaymark.core.source.secrets import find_secrets, looks_secret, mask, safe_excerpt

LIMIT = 4 << 20
"""Bytes of one text document."""
_MOST = 200
"""Credentials that are named in one text; more of them are one leak, not a thousand findings."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret that stands in a document. `where` says in which part of it (a cell, an output), or is empty."""

    kind: str
    masked: str
    name: str
    """The variable or setting that holds it; empty where the format alone gave it away."""
    line: int
    excerpt: str
    where: str = ""


Pair = tuple[str, str, int]
"""Name, value, offset of the value in the text."""

_SETTING = re.compile(
    r"""^[ \t]*(?:-[ \t]+|(?P<shell>\$env:|(?:!|%)?(?:set|export|env|set_env)[ \t]+))?["']?(?P<name>[A-Za-z_][\w.\-]{0,80})["']?"""
    r"""[ \t]*(?::(?=[ \t])|=)[ \t]*(?P<value>"[^"\n]{1,400}"|'[^'\n]{1,400}'|[^\s#"'][^\n#]{0,400}?)[ \t]*,?[ \t]*(?:[#;].*)?$""",
    re.MULTILINE,
)
_LITERAL = re.compile(
    r"""(?<![\w.])["']?(?P<name>[A-Za-z_]\w{0,60})["']?\]?[ \t]*(?::[ \t]*\w+[ \t]*=|=(?!=)|:)[ \t]*[rbu]?(?P<q>["'])(?P<value>[^"'\n\\]{6,400})(?P=q)"""
)
_DEFAULT = re.compile(
    r"""["'](?P<name>[A-Za-z][A-Za-z0-9_]{3,60})["'][ \t]*,[ \t]*(?P<q>["'])(?P<value>[^"'\n\\]{12,400})(?P=q)"""
)
_HINT = re.compile(r"(?i)pass|pwd|secret|token|key|credential|_pat\b")
"""What a name that holds a secret has in it; only such lines are read closely."""
_WANDB = re.compile(
    r"""wandb(?:\.login\([^)\n]{0,80}?|[ ]login[ ][^\n]{0,80}?)(?P<value>(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f]))"""
)


def read_loose(blob: Blob, budget: Budget, what: str, limit: int = LIMIT) -> str:
    """Read a document as text whatever its encoding: what cannot be decoded stands as U+FFFD and hides no token."""
    budget.tick()
    if blob.size > limit:
        raise OverBudget(f"{what} is {blob.size:,} bytes long, more than the {limit >> 20} MiB that are looked at")
    data = blob.read(0, blob.size)
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\xef\xbb\xbf", "utf-8")):
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    return data.decode("utf-8", "replace")


def settings(text: str) -> Iterator[Pair]:
    """`name = value` and `name: value` lines, as in .env, ini and YAML files and in shell scripts."""
    for match in _SETTING.finditer(text):
        value = match["value"].split(None, 1)[0] if match["shell"] else match["value"]
        yield match["name"], value.strip("\"'"), match.start("value")


def literals(text: str) -> Iterator[Pair]:
    """Names with a literal text in source code: assignments, keyword arguments, dict entries, defaults of lookups."""
    done = -1
    for hint in _HINT.finditer(text):
        if hint.start() < done:
            continue
        start = text.rfind("\n", 0, hint.start()) + 1
        done = text.find("\n", hint.end())
        done = len(text) if done < 0 else done
        line = text[start : min(done, start + 4096)]
        for pattern in (_LITERAL, _DEFAULT):
            for match in pattern.finditer(line):
                yield match["name"], match["value"], start + match.start("value")


def credentials(text: str, pairs: Iterable[Pair], *, passwords: bool = True, where: str = "") -> Iterator[Credential]:
    """Every secret once: those of known formats, then those that `pairs` name.

    `passwords` false leaves out what somebody may have chosen, passwords and short tokens: in source code they are
    mostly made up for a test, or name something else.
    """
    lines = text.split("\n")
    named = 0
    taken: list[tuple[int, int]] = []
    for secret in find_secrets(text):
        taken.append((secret.start, secret.end))
        yield Credential(secret.kind, secret.masked, "", secret.line, _excerpt(lines, secret.line), where)
    for match in islice(_WANDB.finditer(text), _MOST):
        yield from _named("Weights & Biases API key", "", match["value"], match.start("value"), text, lines, where)
        taken.append(match.span("value"))
    for name, value, start in pairs:
        kind = looks_secret(name, value)
        chosen = kind == "password" or len(value) < 20
        if kind is None or (chosen and not passwords) or named >= _MOST:
            continue
        if any(a < start + len(value) and start < b for a, b in taken):
            continue
        taken.append((start, start + len(value)))
        named += 1
        yield from _named(kind, name, value, start, text, lines, where)


def _named(
    kind: str, name: str, value: str, start: int, text: str, lines: list[str], where: str
) -> Iterator[Credential]:
    line = text.count("\n", 0, start) + 1
    yield Credential(kind, mask(value), name, line, _excerpt(lines, line, value), where)


def _excerpt(lines: list[str], line: int, *values: str) -> str:
    return safe_excerpt(lines[line - 1][:1000], *values) if line <= len(lines) else ""
