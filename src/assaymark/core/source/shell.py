"""Shell command lines taken apart (POSIX sh, with what bash adds), as build and pipeline files hold them.

What such a line fetches and runs is said by fetch_run.

    script = parse("curl -fsSL https://host/x | sudo bash -s -- --yes")

gives pipelines of commands of words, with command and process substitutions as scripts of their own. Nothing is
expanded or run; broken text gives what could be made of it. Time is linear in the text, nesting is bounded.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

LIMIT = 1 << 20
"""Characters of one script; what is beyond is not read."""
HOLE = "\0"
"""Stands in a word's text where a command or process substitution is."""

_DEEPEST = 12
_MOST_WORDS = 100_000
_META = frozenset(" \t\n;&|()<>")
_PROCESS = frozenset({"<(", ">("})
_KEYWORDS = frozenset({"if", "then", "else", "elif", "do", "while", "until", "!", "time", "coproc"})


@dataclass(slots=True)
class Word:
    """One word, unquoted. `scripts` are the substitutions in it, each with a HOLE in the text."""

    text: str
    offset: int
    scripts: "tuple[Script, ...]" = ()


@dataclass(slots=True)
class Command:
    """One simple command, or a group in parentheses or braces (then `words` may be empty)."""

    words: list[Word] = field(default_factory=list)
    offset: int = 0
    piped: bool = False
    """Its input is the output of the command before."""
    group: "Script | None" = None
    here: list[Word] = field(default_factory=list)
    """What it is given as input: here-documents, here-strings, `< file`."""
    redirects: list[Word] = field(default_factory=list)
    """Where its output and its errors go."""
    to_file: bool = False
    """Its output (file descriptor 1) goes to a file."""

    @property
    def is_empty(self) -> bool:
        """Nothing was read into it yet."""
        return not self.words and self.group is None and not self.here


Pipeline = list[Command]
Script = list[Pipeline]


def parse(text: str) -> Script:
    """Take a script apart. Never raises for what it says."""
    return _Reader(text[:LIMIT].replace(HOLE, " ")).script("", 0)


def commands(script: Script) -> Iterator[Command]:
    """Every command, those in groups and substitutions included, from the outside inwards."""
    pending = [script]
    while pending:
        for pipeline in pending.pop():
            for command in pipeline:
                yield command
                if command.group is not None:
                    pending.append(command.group)
                for word in (*command.words, *command.here, *command.redirects):
                    pending.extend(word.scripts)


class _Reader:
    """A cursor over the text; each method reads one thing and leaves the cursor behind it."""

    def __init__(self, text: str, base: int = 0) -> None:
        self.text = text
        self.base = base
        self.at = 0
        self.words = 0
        self.documents: list[tuple[Command, int, str, bool]] = []

    def peek(self, length: int = 1) -> str:
        return self.text[self.at : self.at + length]

    def script(self, closing: str, depth: int) -> Script:
        """Read pipelines up to `closing` (`)` or `}`), or to the end of the text."""
        script: Script = [[]]
        command = Command(offset=self.base + self.at)
        while self.at < len(self.text) and self.words < _MOST_WORDS:
            char = self.peek()
            if self._blank():
                continue
            if char == ")" and closing == ")":
                self.at += 1
                break
            if char in "\n;&|)":
                command = self._end(script, command)
            elif char == "(" and depth < _DEEPEST:
                self.at += 1
                inner = self.script(")", depth + 1)
                if command.words and not inner:  # `name()`: the body that follows is a script of its own
                    command = Command(offset=self.base + self.at)
                else:
                    command.group = [*(command.group or []), *inner]
            elif char in "<>" and self.peek(2) not in _PROCESS:
                self._redirect(command, depth)
            elif self._add_word(command, closing, depth):
                break
        if not command.is_empty:
            script[-1].append(command)
        return [pipeline for pipeline in script if pipeline]

    def _blank(self) -> bool:
        """Step over white space, a joined line or a comment."""
        if self.peek() in " \t\r":
            self.at += 1
        elif self.peek(2) == "\\\n":
            self.at += 2
        elif self.peek() == "#":
            self.at = self._find("\n")
        else:
            return False
        return True

    def _end(self, script: Script, command: Command) -> Command:
        """Read the operator that ends a command, put the command where it belongs, begin the next one."""
        char, pipes = self.peek(), self.peek(2) in {"||", "|&"}
        piped = char == "|" and self.peek(2) != "||"
        self.at += 2 if pipes else 1
        if char == "\n":
            self._documents()
        if not command.is_empty:
            script[-1].append(command)
        if not piped and script[-1]:
            script.append([])
        return Command(offset=self.base + self.at, piped=piped)

    def _add_word(self, command: Command, closing: str, depth: int) -> bool:
        """Read a word into the command; true for the brace that closes this script."""
        word = self._word(depth)
        if not command.words and not word.scripts:
            if word.text == "}" and closing == "}":
                return True
            if word.text == "{" and depth < _DEEPEST:
                command.group = self.script("}", depth + 1)
                return False
            if word.text in _KEYWORDS:
                return False
        if not command.words:
            command.offset = word.offset
        command.words.append(word)
        return False

    def _find(self, char: str) -> int:
        found = self.text.find(char, self.at)
        return found if found >= 0 else len(self.text)

    def _redirect(self, command: Command, depth: int) -> None:
        """`<`, `>`, `<<` and their like, with the word behind; a file descriptor before it is dropped."""
        start = self.at
        while self.peek() and self.peek() in "<>&|-" and self.at - start < 3 and self.peek(2) not in _PROCESS:
            self.at += 1
        operator = self.text[start : self.at]
        descriptor = "1"
        if command.words and command.words[-1].text.isdigit() and self.text[start - 1] not in " \t\n":
            descriptor = command.words.pop().text
        while self.peek() in {" ", "\t"}:
            self.at += 1
        if self.peek() in {"", "\n"}:
            return
        word = self._word(depth) if self.peek() not in ";&|()" else Word("", self.base + self.at)
        if operator.startswith("<<<") or operator == "<":
            command.here.append(word)
        elif operator.startswith("<<"):
            self.documents.append((command, word.offset, word.text, operator == "<<-"))
        elif operator == "<>":  # opens for reading and writing: mostly a socket
            command.redirects.append(word)
        elif operator.startswith((">", "&>")):
            command.redirects.append(word)
            command.to_file |= descriptor == "1" and not word.text.isdigit()

    def _documents(self) -> None:
        """The bodies of the here-documents that were announced on the line before."""
        for command, offset, delimiter, tabs in self.documents:
            start = self.at
            body_end = len(self.text)
            while self.at < len(self.text):
                line_start, line_end = self.at, self._find("\n")
                line = self.text[line_start:line_end]
                self.at = min(line_end + 1, len(self.text))
                if (line.lstrip("\t") if tabs else line) == delimiter:
                    body_end = line_start
                    break
            command.here.append(Word(self.text[start:body_end], offset))
        self.documents.clear()

    def _word(self, depth: int) -> Word:
        """One word up to white space or an operator."""
        start = self.at
        parts: list[str] = []
        scripts: list[Script] = []
        self.words += 1
        while self.at < len(self.text):
            char = self.peek()
            if self.peek(2) in _PROCESS and depth < _DEEPEST:
                self.at += 2
                scripts.append(self.script(")", depth + 1))
                parts.append(HOLE)
            elif char in _META:
                if self.at == start:  # an operator where a word should be, nested too deep: step over it
                    self.at += 1
                break
            elif char == "'":
                end = self.text.find("'", self.at + 1)
                end = end if end >= 0 else len(self.text)
                parts.append(self.text[self.at + 1 : end])
                self.at = end + 1
            elif char == '"':
                self.at += 1
                self._quoted(parts, scripts, depth)
            elif char == "\\":
                if self.peek(2) != "\\\n":
                    parts.append(self.text[self.at + 1 : self.at + 2])
                self.at += 2
            else:
                self._plain(parts, scripts, depth)
        return Word("".join(parts), self.base + start, tuple(scripts))

    def _quoted(self, parts: list[str], scripts: list[Script], depth: int) -> None:
        """The inside of double quotes, and the closing one."""
        while self.at < len(self.text):
            char = self.peek()
            if char == '"':
                self.at += 1
                return
            if char == "\\":
                escaped = self.text[self.at + 1 : self.at + 2]
                parts.append({"\n": "", '"': '"', "\\": "\\", "$": "$", "`": "`"}.get(escaped, "\\" + escaped))
                self.at += 2
            else:
                self._plain(parts, scripts, depth)

    def _plain(self, parts: list[str], scripts: list[Script], depth: int) -> None:
        """A substitution, a parameter in braces, or one character."""
        if self.peek(2) == "$(" and depth < _DEEPEST:
            self.at += 2
            scripts.append(self.script(")", depth + 1))
            parts.append(HOLE)
        elif self.peek() == "`" and depth < _DEEPEST:
            end = self.at + 1
            while end < len(self.text) and self.text[end] != "`":
                end += 2 if self.text[end] == "\\" else 1
            inner = _Reader(self.text[self.at + 1 : end].replace("\\`", "`"), self.base + self.at + 1)
            inner.words = self.words
            scripts.append(inner.script("", depth + 1))
            parts.append(HOLE)
            self.words = inner.words
            self.at = end + 1
        elif self.peek(2) == "${":
            end = self._find("}")
            parts.append(self.text[self.at : end + 1])
            self.at = end + 1
        else:
            parts.append(self.peek())
            self.at += 1
