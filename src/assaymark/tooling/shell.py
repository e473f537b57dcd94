"""Shell text in cells and steps: what is fetched and run unseen, and what is installed from where."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.source.fetch_run import program, risks
from assaymark.core.source.secrets import safe_excerpt
from assaymark.core.source.shell import Command, commands, parse

_INSTALLERS = re.compile(r"pip[\d.]*|conda|mamba|micromamba")
_STARTERS = re.compile(r"python[\d.]*|uv|pipx")
_REMOTE = re.compile(r"(?:git|hg|svn|bzr)\+\S+|(?:https?|ftp)://\S+")
_PINNED = re.compile(
    r"@[0-9a-f]{40}\b|#(?:[^#]*&)?sha(?:256|384|512)=|/archive/[0-9a-f]{40}\b|/[0-9a-f]{40}\.(?:zip|tar\.gz)"
)
_ADDRESS_OPTIONS = frozenset({
    "-i", "--index-url", "--extra-index-url", "-f", "--find-links", "-c", "--constraint", "--channel", "--trusted-host",
    "--proxy", "--default-index", "--index",
})  # fmt: skip
"""Options whose value is an address, but not that of a package."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Something in a script: its line (from 1), what it is, and the line's text."""

    line: int
    what: str
    excerpt: str


def unseen_code(script: str) -> Iterator[Seen]:
    """What the script runs that nobody has looked at; `what` completes "this line ..."."""
    for risk in risks(script):
        yield _seen(script, risk.offset, risk.what)


def unpinned_installs(script: str) -> Iterator[Seen]:
    """Addresses that packages are installed from, where neither commit nor hash says which bytes."""
    if "install" not in script or "://" not in script:
        return
    for command in commands(parse(script)):
        previous = ""
        for word in _installed(command):
            address = _REMOTE.search(word)
            if address and previous not in _ADDRESS_OPTIONS and word[:1] != "-" and not _PINNED.search(word):
                yield _seen(script, command.offset, address[0])
            previous = word


def _installed(command: Command) -> list[str]:
    """The arguments of `pip install`, however pip is started."""
    name, arguments = program(command)
    words = [name, *(word.text for word in arguments)]
    if _STARTERS.fullmatch(name):
        words = next((words[at:] for at, word in enumerate(words[1:4], 1) if _INSTALLERS.fullmatch(word)), [])
    if not words or not _INSTALLERS.fullmatch(words[0]) or "install" not in words:
        return []
    return words[words.index("install") + 1 :]


def _seen(script: str, offset: int, what: str) -> Seen:
    start = script.rfind("\n", 0, offset) + 1
    end = script.find("\n", offset)
    line = script[start : end if end >= 0 else None]
    return Seen(script.count("\n", 0, offset) + 1, what, safe_excerpt(line[:1000]))
