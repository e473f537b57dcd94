"""A script that downloads a file and then runs it, with nothing in between that looks at its hash or signature."""

import re
from collections.abc import Iterator

from assaymark.core.source.fetch_run import INTERPRETER, SHELL, Risk, program
from assaymark.core.source.shell import Command, Word, commands, parse

_VERIFIERS = frozenset(
    {"sha256sum", "sha512sum", "sha384sum", "shasum", "b2sum", "b3sum", "gpg", "gpgv", "gpg2", "cosign", "minisign", "signify", "slsa-verifier"}
)  # fmt: skip
_CURL_OUTPUT = re.compile(r"(?:-[A-Za-z#]*o|--output(?:=|$))(.*)")
_WGET_OUTPUT = re.compile(r"(?:-[A-Za-z]*O|--output-document(?:=|$))(.*)")
_CURL_REMOTE_NAME = re.compile(r"-[A-Za-z#]*O[A-Za-z]*|--remote-name(?:-all)?")
_MOST = 50


def unchecked(text: str) -> Iterator[Risk]:
    """Where a downloaded file is run. A script that verifies anything at all is taken to verify what it runs."""
    fetched: set[str] = set()
    found = 0
    for command in _in_order(text):
        name, arguments = program(command)
        if name in _VERIFIERS or (name == "openssl" and arguments and arguments[0].text == "dgst"):
            return
        if name in {"curl", "wget"}:
            fetched |= {_base(file) for file in _files(name, command, arguments)} - {"", "-", "null", "stdout"}
        elif fetched and found < _MOST:
            run = _run(name, command, arguments)
            if run in fetched:
                found += 1
                yield Risk(command.offset, f"runs {run} as it was downloaded, without looking at its hash")


def _in_order(text: str) -> list[Command]:
    return sorted(commands(parse(text)), key=lambda command: command.offset)


def _files(name: str, command: Command, arguments: list[Word]) -> Iterator[str]:
    """Names of the files that a download is written to."""
    texts = [word.text for word in arguments]
    pattern = _CURL_OUTPUT if name == "curl" else _WGET_OUTPUT
    named = [
        match[1] or following
        for text, following in zip(texts, [*texts[1:], ""], strict=False)
        if (match := pattern.fullmatch(text))
    ]
    yield from named
    if command.to_file and command.redirects:
        yield command.redirects[-1].text
    if (name == "wget" and not named) or any(_CURL_REMOTE_NAME.fullmatch(text) for text in texts):
        yield from (text.partition("?")[0] for text in texts if "://" in text)


def _run(name: str, command: Command, arguments: list[Word]) -> str:
    """Base name of the file that a command runs: the command itself by a path, or what an interpreter is given."""
    if SHELL.fullmatch(name) or INTERPRETER.fullmatch(name):
        operands = [word.text for word in arguments if not word.text.startswith(("-", "+"))]
        code = any(re.fullmatch(r"-[A-Za-z]*[cem]", word.text) for word in arguments)
        return _base(operands[0]) if operands and not code else ""
    return name if any("/" in word.text and _base(word.text).lower() == name for word in command.words) else ""


def _base(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2].lower()
