"""Views that build files and deployment manifests share: scripts, variables, secrets in clear."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from assaymark.core.source.secrets import find_secrets, looks_secret, mask, safe_excerpt
from assaymark.core.source.shell import Command, commands, parse

_MOST = 200  # secrets of one script


@dataclass(frozen=True, slots=True)
class ShellScript:
    """A script. `line` is that of the text's first character; lines of the text are lines of the file."""

    text: str
    line: int
    when: str
    """`build` or `start`: when it runs."""

    def line_at(self, offset: int) -> int:
        """Line of the file for an offset of the text."""
        return self.line + self.text.count("\n", 0, offset)

    def excerpt_at(self, offset: int, *values: str) -> str:
        """The line of the text at an offset; secrets, and these values, masked."""
        start = self.text.rfind("\n", 0, offset) + 1
        end = self.text.find("\n", offset)
        return safe_excerpt(self.text[start : end if end >= 0 else None].removesuffix("\\"), *values)

    def commands(self) -> Iterator[Command]:
        """Every command of it, nested ones too."""
        return commands(parse(self.text))


@dataclass(frozen=True, slots=True)
class EnvironmentPair:
    """A variable and its value. `place` says where: `ENV X`, `service web`, `container app`."""

    place: str
    name: str
    value: str
    line: int
    excerpt: str


@dataclass(frozen=True, slots=True)
class PlainSecret:
    """A secret in clear. `place` says where: `ENV HF_TOKEN`, `--password`, `COPY .env`."""

    kind: str
    masked: str
    place: str
    line: int
    excerpt: str


def known_secrets(text: str) -> Iterator[PlainSecret]:
    """Secrets of a known format, wherever they stand (in comments too: the file is in the repository)."""
    lines: list[str] = []
    number, excerpt = 0, ""
    for secret in find_secrets(text):
        lines = lines or text.split("\n")
        if secret.line != number:
            number, excerpt = secret.line, safe_excerpt(lines[secret.line - 1])
        yield PlainSecret(secret.kind, secret.masked, "this file", number, excerpt)


def given_secrets(script: ShellScript) -> Iterator[PlainSecret]:
    """Secrets by the names they are given to: `X=… command`, `--password=…`, `--token …`, `-H "X-Api-Key: …"`.

    Those of a known format are left to `known_secrets`.
    """
    found = 0
    for command in script.commands():
        words = command.words if found < _MOST else []
        for word, following in zip_longest(words, words[1:]):
            name, equals, value = word.text.partition("=")
            if not equals and ": " in name:
                name, _, value = name.partition(": ")
            elif not equals and following is not None and name.startswith("--") and following.text[:1] != "-":
                value = following.text if not following.scripts else ""
            name = name.strip().lstrip("-")
            if not value or len(name) > 100 or " " in name or word.scripts or any(True for _ in find_secrets(value)):
                continue
            kind = looks_secret(name, value)
            if kind is not None:
                found += 1
                line, excerpt = script.line_at(word.offset), script.excerpt_at(word.offset, value.strip())
                yield PlainSecret(kind, mask(value), name, line, excerpt)
