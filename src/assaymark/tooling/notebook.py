"""Jupyter notebooks, nbformat 2 to 4 (nbformat.readthedocs.io): cells, what they run, and what their outputs hold."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from assaymark.core.blob import Blob, exact
from assaymark.core.errors import AssayError, Malformed
from assaymark.core.format import Context, Item
from assaymark.core.source.python import Deed, calls
from assaymark.core.source.secrets import redact, safe_excerpt
from assaymark.tooling.active import ActiveContent, active_content
from assaymark.tooling.credentials import credentials, literals, settings
from assaymark.tooling.shell import unpinned_installs, unseen_code

_WHAT = "the notebook"
_MOST_CELLS = 20_000
_MOST_MISSES = 100
"""Searches for a line that may fail; each has read to the end of the file."""
_MOST_TEXT = 1 << 20
"""Characters of one output that are searched for credentials."""
_SHELL_CELLS = re.compile(r"%%(?:bash|sh|!|sx|system|script[ ]+(?:\S*/)?(?:bash|sh|zsh))\b")
_SHELL_LINE = re.compile(r"^\s*+(?:[\w,][\w\s,]*+=\s*+)?(?:!{1,2}|%(?:sx|system)\s)(?P<command>.*)")
_PACKAGE_LINE = re.compile(r"^\s*%(?P<command>(?:uv\s+)?(?:pip|conda|mamba)\s.*)")
_FETCH_WORD = re.compile(r"curl|wget|aria2c|webrequest|restmethod", re.IGNORECASE)
_TEXT_TYPES = ("text/", "application/json", "application/javascript", "image/svg")


@dataclass(frozen=True, slots=True)
class UnseenCode:
    """A command of a cell that runs what nobody has looked at; `does` completes "this cell ..."."""

    cell: int
    line: int
    does: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class UnpinnedInstall:
    """A package that a cell installs from an address without commit or hash."""

    cell: int
    line: int
    address: str
    excerpt: str


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Yield what each cell does and holds, in order."""
    context.budget.header(blob.size, _WHAT)
    raw = exact(blob, 0, blob.size, _WHAT).decode("utf-8", "replace")
    document = _load(raw)
    cells = _cells(document)
    if len(cells) > _MOST_CELLS:
        raise Malformed(f"{_WHAT} has {len(cells):,} cells, more than the {_MOST_CELLS:,} that are looked at")
    lines = _Lines(raw)
    for number, cell in enumerate(cells, 1):
        context.budget.tick()
        if not isinstance(cell, dict):
            raise Malformed(f"cell {number} of {_WHAT} is no object")
        yield from _cell(cell, number, lines)
    yield from _metadata(document, lines)


def _load(raw: str) -> dict[str, Any]:
    try:
        document = json.loads(raw.removeprefix("\ufeff"))
    except RecursionError:
        raise Malformed(f"{_WHAT} is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise Malformed(f"{_WHAT} is not JSON: {error.msg} in line {error.lineno}", offset=error.pos) from None
    except ValueError as error:
        raise Malformed(f"{_WHAT} is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise Malformed(f"{_WHAT} is no JSON object")
    return document


def _cells(document: dict[str, Any]) -> list[Any]:
    """Cells of nbformat 4, or of all worksheets of nbformat 2 and 3."""
    cells = document.get("cells")
    if isinstance(cells, list):
        return cells
    sheets = document.get("worksheets")
    if not isinstance(sheets, list):
        raise Malformed(f"{_WHAT} has neither cells nor worksheets")
    found = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
    return [cell for cells in found if isinstance(cells, list) for cell in cells]


class _Lines:
    """Finds the line of the file in which a text of the document stands; moves forward only."""

    def __init__(self, raw: str) -> None:
        self._raw = raw
        self._at = 0
        self._line = 1
        self._misses = 0

    def of(self, text: str) -> int:
        """Line (from 1) of the next place that has this text as JSON spells it; the last line found if there is none."""
        text = text.strip("\n")[:200]
        if self._misses > _MOST_MISSES:
            return self._line
        for spelled in dict.fromkeys((json.dumps(text, ensure_ascii=False)[1:-1], json.dumps(text)[1:-1])):
            at = self._raw.find(spelled, self._at) if spelled else -1
            if at >= 0:
                self._line += self._raw.count("\n", self._at, at)
                self._at = at
                return self._line
        self._misses += 1
        return self._line


def _text(value: Any) -> str:
    """The multi-line text of nbformat: a string, or a list of them."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return ""


def _cell(cell: dict[str, Any], number: int, lines: _Lines) -> Iterator[Item]:
    source = _text(cell.get("source", cell.get("input", "")))
    code = cell.get("cell_type", "code") == "code"
    yield from _credentials(source, f"cell {number}", lines, code=code)
    if code:
        yield from _commands(source, number, lines)
        outputs = cell.get("outputs")
        for output in outputs if isinstance(outputs, list) else ():
            if isinstance(output, dict):
                yield from _output(output, number, lines)


def _credentials(text: str, where: str, lines: _Lines, *, code: bool) -> Iterator[Item]:
    rows = text.split("\n")
    pairs = (
        [*literals(text), *(settings(text) if "%%" in text[:40] or "%env" in text or "!" in text else ())]
        if code
        else []
    )
    for secret in credentials(text, pairs, passwords=code, where=where):
        row = rows[secret.line - 1] if secret.line <= len(rows) else ""
        yield type(secret)(secret.kind, secret.masked, secret.name, lines.of(row), secret.excerpt, where)


def _commands(source: str, number: int, lines: _Lines) -> Iterator[Item]:
    """Shell and package commands: magics, shell cells, and texts that Python hands to a process."""
    for script in _scripts(source):
        for seen in unseen_code(script):
            yield UnseenCode(number, lines.of(seen.excerpt), seen.what, seen.excerpt)
        for seen in unpinned_installs(script):
            yield UnpinnedInstall(number, lines.of(seen.excerpt), redact(seen.what)[:300], seen.excerpt)


def _scripts(source: str) -> Iterator[str]:
    """Shell text: the body of a shell cell, or each command of a magic or of a process that Python starts."""
    first = source.lstrip()
    if _SHELL_CELLS.match(first):
        yield first.partition("\n")[2]
        return
    python = []
    pending = ""
    for text in source.split("\n"):
        match = None if pending else _SHELL_LINE.match(text) or _PACKAGE_LINE.match(text)
        command = pending + (match["command"] if match else text.strip() if pending else "")
        if command.endswith("\\"):
            pending = command + "\n"
        elif command:
            pending = ""
            yield command
        magic = match or pending or command or text.lstrip().startswith(("%", "!", "?"))
        python.append(" " * (len(text) - len(text.lstrip())) + "pass" if magic else text)
    if _FETCH_WORD.search(source):
        yield from _python_commands("\n".join(python))


def _python_commands(source: str) -> Iterator[str]:
    """Commands in `os.system("...")` and its like; a cell that is no Python has none."""
    try:
        found = calls(source)
    except AssayError:
        return
    for call in found.deeds(Deed.PROCESS):
        if call.called:
            yield " ".join(call.strings)


def _output(output: dict[str, Any], number: int, lines: _Lines) -> Iterator[Item]:
    """What an output shows: streams, tracebacks, and the representations of a value by media type."""
    where = f"output of cell {number}"
    data = output.get("data")
    media: dict[str, Any] = data if isinstance(data, dict) else {}
    if output.get("output_type") in {"pyout", "display_data", "execute_result"} and not media:
        short = {
            "html": "text/html",
            "javascript": "application/javascript",
            "svg": "image/svg+xml",
            "text": "text/plain",
        }
        media = {kind: output[name] for name, kind in short.items() if name in output}
    texts = [("text/plain", _text(output.get(key))) for key in ("text", "traceback") if key in output and not media]
    texts += [
        (kind, _text(value) if not isinstance(value, dict) else json.dumps(value)) for kind, value in media.items()
    ]
    for kind, text in texts:
        if not kind.startswith(_TEXT_TYPES):
            continue
        shown = text[:_MOST_TEXT]
        pairs = [*settings(shown), *literals(shown)] if kind == "text/plain" else []
        for secret in credentials(shown, pairs, passwords=False, where=where):
            row = shown.split("\n")[secret.line - 1]
            yield type(secret)(secret.kind, secret.masked, secret.name, lines.of(row), secret.excerpt, where)
        for what, excerpt in active_content(kind, text):
            yield ActiveContent(number, kind, what, lines.of(excerpt), safe_excerpt(excerpt))


def _metadata(document: dict[str, Any], lines: _Lines) -> Iterator[Item]:
    """Parameters and other texts in the metadata of the notebook."""
    pending: list[tuple[str, Any]] = [("metadata", document.get("metadata"))]
    seen = 0
    while pending and seen < 100_000:
        seen += 1
        name, value = pending.pop()
        if isinstance(value, dict):
            pending.extend((str(key), inner) for key, inner in value.items())
        elif isinstance(value, list):
            pending.extend((name, inner) for inner in value)
        elif isinstance(value, str) and 8 <= len(value) <= 4096:
            for secret in credentials(value, [(name, value, 0)], passwords=False, where="metadata"):
                yield type(secret)(secret.kind, secret.masked, secret.name, lines.of(value), secret.excerpt, "metadata")
