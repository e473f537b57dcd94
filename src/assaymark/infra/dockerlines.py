"""The lines of a Dockerfile: instructions, their flags and words, heredocs (BuildKit `frontend/dockerfile/parser`).

Every function is linear in the text; nothing here knows what an instruction means.
"""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace

from assaymark.core.errors import OverBudget
from assaymark.core.source.secrets import redact, safe_excerpt
from assaymark.infra.script import ShellScript

_INSTRUCTIONS = frozenset(
    {
        "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER",
        "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
    }
)  # fmt: skip
_WITH_HEREDOCS = frozenset({"RUN", "COPY", "ADD"})
_DIRECTIVE = re.compile(r"#\s*([A-Za-z][\w-]*)\s*=\s*(\S.*)")
_HEREDOC = re.compile(r"\d*<<(-?)([\"']?)([A-Za-z_][\w.]*)\2")
_SHEBANG = re.compile(r"#!\s*\S*?(?:env\s+(?:-S\s+)?)?(python[\d.]*|perl|ruby|node)\b")
_MOST = 20_000  # instructions
_MOST_WORDS = 5_000  # of one instruction other than RUN


@dataclass(frozen=True, slots=True)
class BadInstruction:
    """A line that no builder understands."""

    why: str
    line: int
    excerpt: str


@dataclass(frozen=True, slots=True)
class Heredoc:
    """`line` is that of the first line of the body."""

    name: str
    body: str
    line: int


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction. Lines of `value` are lines of the file; joined ones end in a backslash."""

    keyword: str
    value: str
    line: int
    excerpt: str
    heredocs: tuple[Heredoc, ...] = ()

    def flags(self) -> tuple[list[str], int]:
        """The leading `--flag`s, and the offset in the value where the rest begins."""
        flags: list[str] = []
        at = 0
        for word, offset in words(self.value):
            if not word.startswith("--"):
                return flags, offset
            flags.append(unquote(word))
            at = offset + len(word)
        return flags, at

    def operands(self) -> list[str]:
        """The words behind the flags, unquoted; those of the JSON form where it is one."""
        _, start = self.flags()
        listed = json_list(self.value[start:])
        found = [unquote(word) for word, _ in words(self.value[start:])] if listed is None else listed
        self._bounded(len(found))
        return found

    def _bounded(self, count: int) -> None:
        if count > _MOST_WORDS:
            raise OverBudget(f"{self.keyword} with more than {_MOST_WORDS:,} words (line {self.line})")

    def pairs(self) -> Iterator[tuple[str, str | None, int]]:
        """(name, value, line) of ENV, ARG and LABEL. ARG without a value gives None; `ENV name value` is the old form."""
        found = words(self.value)
        if found and "=" not in found[0][0] and self.keyword != "ARG":
            name, offset = found[0]
            yield unquote(name), unquote(plain(self.value[offset + len(name) :])), self.line
            return
        self._bounded(len(found))
        line, counted = self.line, 0
        for word, offset in found:
            name, equals, value = word.partition("=")
            line += self.value.count("\n", counted, offset)
            counted = offset
            yield unquote(name), unquote(value) if equals else None, line

    def scripts(self) -> Iterator[ShellScript]:
        """The shell form, the exec form and heredocs of RUN, CMD and ENTRYPOINT, as scripts."""
        when = "build" if self.keyword == "RUN" else "start"
        _, start = self.flags()
        body, line = self.value[start:], self.line + self.value.count("\n", 0, start)
        listed = json_list(body)
        if listed is not None:
            yield ShellScript(shlex.join(listed), line, when)
        elif not self.heredocs:
            yield ShellScript(body, line, when)
        elif all(_HEREDOC.fullmatch(word) for word, _ in words(body)):
            for heredoc in self.heredocs:
                other = _SHEBANG.match(heredoc.body)
                text = f"{other[1]} <<'EOF'\n{heredoc.body}\nEOF" if other else heredoc.body
                yield ShellScript(text, heredoc.line - bool(other), when)
        else:
            bodies = "".join(f"\n{heredoc.body}\n{heredoc.name}" for heredoc in self.heredocs)
            yield ShellScript(body + bodies, line, when)


def instructions(text: str) -> Iterator[Instruction | BadInstruction]:
    """Every instruction; the `syntax` directive comes as one of that name."""
    lines = text.split("\n")
    escape, at = "\\", 0
    while at < len(lines) and (match := _DIRECTIVE.fullmatch(lines[at].strip())):
        name, value = match[1].lower(), match[2].rstrip()
        if name == "escape" and value in {"\\", "`"}:
            escape = value
        elif name == "syntax":
            yield Instruction("syntax", value, at + 1, lines[at].strip())
        at += 1
    for _ in range(_MOST):
        while at < len(lines) and (not lines[at].strip() or lines[at].lstrip().startswith("#")):
            at += 1
        if at == len(lines):
            return
        start = at
        joined, at = _join(lines, at, escape)
        instruction = _instruction(joined, start + 1)
        if isinstance(instruction, Instruction) and instruction.keyword in _WITH_HEREDOCS:
            heredocs, at = _heredocs(lines, at, instruction.value)
            instruction = replace(instruction, heredocs=heredocs)
        yield instruction
    yield BadInstruction(f"more than {_MOST:,} instructions; the rest was not read", at + 1, "")


def _join(lines: list[str], at: int, escape: str) -> tuple[str, int]:
    """The instruction that begins at a line; comments and empty lines in it become empty continuations."""
    parts: list[str] = []
    while at < len(lines):
        line = lines[at].rstrip()
        at += 1
        if parts and (not line.strip() or line.lstrip().startswith("#")):
            parts.append("\\")
        elif line.endswith(escape) and not line.endswith(escape * 2):
            parts.append(line[:-1] + "\\")
        else:
            parts.append(line)
            break
    return "\n".join(parts), at


def _instruction(joined: str, line: int) -> Instruction | BadInstruction:
    text, onbuild = joined.lstrip(), 0
    excerpt = safe_excerpt(joined.split("\n", 1)[0].removesuffix("\\"))
    match = re.match(r"[A-Za-z]+(?=\s|\\\n|$)", text)
    while match and match[0].upper() == "ONBUILD" and onbuild < 2:
        text, onbuild = text[match.end() :].lstrip(" \t\\\n"), onbuild + 1
        match = re.match(r"[A-Za-z]+(?=\s|\\\n|$)", text)
    keyword = match[0].upper() if match else ""
    if keyword not in _INSTRUCTIONS:
        return BadInstruction(
            f"`{redact(text.split(None, 1)[0] if text else '')[:60]}` is no instruction", line, excerpt
        )
    value = text[len(keyword) :]
    if not value.strip(" \t\\\n"):
        return BadInstruction(f"{keyword} says nothing", line, excerpt)
    return Instruction(keyword, value, line, excerpt)


def _heredocs(lines: list[str], at: int, value: str) -> tuple[tuple[Heredoc, ...], int]:
    """The bodies announced in an instruction, and the index of the line behind them."""
    found: list[Heredoc] = []
    for word, _ in words(value) if "<<" in value else ():
        match = _HEREDOC.fullmatch(word)
        if not match:
            continue
        body: list[str] = []
        start = at + 1
        while at < len(lines):
            line = lines[at].rstrip("\r")
            at += 1
            if (line.lstrip("\t") if match[1] else line) == match[3]:
                break
            body.append(line)
        found.append(Heredoc(match[3], "\n".join(body), start))
    return tuple(found), at


def words(value: str) -> list[tuple[str, int]]:
    """(word with its quotes, offset), split at white space outside of quotes."""
    found: list[tuple[str, int]] = []
    at, start, quote = 0, -1, ""
    while at < len(value):
        char = value[at]
        if not quote and (char.isspace() or value.startswith("\\\n", at)):
            if start >= 0:
                found.append((value[start:at], start))
                start = -1
            at += 2 if char == "\\" else 1
            continue
        if start < 0:
            start = at
        if char == "\\" and quote != "'":
            at += 1
        elif char == quote:
            quote = ""
        elif not quote and char in "\"'":
            quote = char
        at += 1
    if start >= 0:
        found.append((value[start:], start))
    return found


def unquote(word: str) -> str:
    """The word without quotes and escapes."""
    parts: list[str] = []
    at, quote = 0, ""
    while at < len(word):
        char = word[at]
        if char == "\\" and quote != "'":
            escaped = word[at + 1 : at + 2]
            parts.append("" if escaped == "\n" else escaped)
            at += 1
        elif char == quote:
            quote = ""
        elif not quote and char in "\"'":
            quote = char
        else:
            parts.append(char)
        at += 1
    return "".join(parts)


def plain(value: str) -> str:
    """The value without its continuations."""
    return value.replace("\\\n", " ").strip()


def json_list(value: str) -> list[str] | None:
    """The exec form, a JSON array of texts; None for the shell form."""
    text = plain(value)
    if not text.startswith("["):
        return None
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return items if isinstance(items, list) and all(isinstance(item, str) for item in items) else None
