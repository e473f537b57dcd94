"""Tables as text (RFC 4180 and its relatives) and the cells that a spreadsheet would run as formulas.

The whole file is searched for what every dangerous formula holds; only a file that has it is then read record by
record, so that quotes decide what is a cell and what is the second line of one.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.blob import CHUNK, Blob
from assaymark.core.errors import OverBudget
from assaymark.core.format import Context, Item, Skipped
from assaymark.core.source.secrets import safe_excerpt
from assaymark.data.payloads import payloads

_OVERLAP = 512
_FIELD = 16 << 20
"""Characters of one cell; a quote that is never closed would swallow the file."""
_LINE = 64 << 20
"""Characters of one line."""
_MOST = 1_000

_ACTS = (
    "webservice",
    "importxml",
    "importdata",
    "importhtml",
    "importfeed",
    "importrange",
    "rtd",
    "sql.request",
    "register.id",
)
_LINKS = ("hyperlink",)
_ONLY_FORMULA = ("call", "register", "exec", "dde", "image", "filterxml", "cmd")
"""Names that are also words: they count after `=` only."""
_FUNCTIONS = (
    "sum sumif sumifs sumproduct average averageif count counta countif countifs if ifs iferror ifna and or not vlookup hlookup "
    "xlookup lookup index match indirect offset address cell row column concat concatenate textjoin text value left right mid "
    "len trim upper lower proper substitute replace find search char code now today date year month day time rand randbetween "
    "round roundup rounddown max min median stdev var rank small large choose switch let lambda filter sort unique sequence "
    "encodeurl info query regexextract regexreplace arrayformula googlefinance split join sparkline getpivotdata"
)
_PLAIN = frozenset(_FUNCTIONS.split())
_DDE_HINT = re.compile(rb"\w\s{0,2}\|\s{0,2}['\"]?[^\n\r|!]{0,200}!")
_CALL_HINT = re.compile(rb"=[+\-@]?[ \t]{0,3}[A-Za-z][A-Za-z0-9.]{1,30}[ \t]?\(")
_NAME_HINT = re.compile(rb"(?i)(?:" + b"|".join(re.escape(n.encode()) for n in _ACTS + _LINKS) + rb")\s{0,2}\(")
_DDE = re.compile(
    r"[=+\-@][^|]{0,200}?\b(?P<program>[A-Za-z][\w.]{0,30})(?:\|[^\s'!|]{1,200}|\s?\|\s?'[^'!]{1,1000}')!\s?[\w'$*]"
)
"""`program|topic!item`; a topic with spaces stands in quotes."""
_FORMULA = re.compile(r"(?P<lead>[=+\-@])[=+\-@\s\d.*/(]{0,20}(?P<name>[A-Za-z][A-Za-z0-9.]{1,30})\s*\(", re.ASCII)
_INNER = re.compile(r"(?<![A-Za-z0-9_.])(?P<name>" + "|".join(map(re.escape, _ACTS)) + r")\s*\(", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FormulaCell:
    """A cell that a spreadsheet evaluates. `kind` is `command`, `request`, `link` or `function`."""

    kind: str
    name: str
    """The program or function that it names."""
    line: int
    row: int
    column: int
    header: str
    excerpt: str


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Yield the formulas, then the pickles that are hidden in cells."""
    wide = blob.read(0, 2) in {b"\xff\xfe", b"\xfe\xff"}
    if wide or _suspect(blob, context):
        yield from _formulas(blob, context, "utf-16" if wide else "utf-8-sig")
    yield from payloads(blob, context.budget)


def _suspect(blob: Blob, context: Context) -> bool:
    """Some place of the file holds what a dangerous formula must hold, at what may be the start of a cell."""
    at = 0
    while at < blob.size:
        context.budget.tick()
        piece = blob.read(max(0, at - _OVERLAP), CHUNK + _OVERLAP)
        if b"|" in piece and b"!" in piece and _DDE_HINT.search(piece):
            return True
        lower = piece.lower()
        if any(name.encode() in lower for name in _ACTS + _LINKS) and _NAME_HINT.search(piece):
            return True
        if any(_starts_cell(piece, match.start()) for match in _CALL_HINT.finditer(piece)):
            return True
        at += CHUNK
    return False


def _starts_cell(piece: bytes, at: int) -> bool:
    before = piece[max(0, at - 12) : at].rstrip(b" \"'")
    return before[-1:] in b"\n\r\t,;|"


class _Raw(io.RawIOBase):
    """A blob as a stream, for the text decoder of the standard library."""

    def __init__(self, blob: Blob) -> None:
        self._blob = blob
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override] # what io hands over
        data = self._blob.read(self._at, len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _formulas(blob: Blob, context: Context, encoding: str) -> Iterator[Item]:
    delimiter = _delimiter(blob, context.name, encoding)
    text = io.TextIOWrapper(io.BufferedReader(_Raw(blob), CHUNK), encoding=encoding, errors="replace")
    found = 0
    header: list[str] = []
    for line, row, cells in _records(text, delimiter, context):
        if row == 1:
            header = [cell[:60] for cell in cells[:1000]]
        for column, cell in enumerate(cells, 1):
            if cell and cell[0] in _STARTS:
                kind, name = _judge(cell)
                if kind:
                    found += 1
                    title = header[column - 1] if column <= len(header) and row > 1 else ""
                    yield FormulaCell(kind, name, line, row, column, title, safe_excerpt(cell[:300]))
        if found >= _MOST:
            yield Skipped(
                context.name, f"more than {_MOST:,} formulas; the rest of the table was not read", holds=False
            )
            return


_STARTS = frozenset("=+-@\t\r\n \xa0\u200b\ufeff")


def _records(text: io.TextIOWrapper, delimiter: str, context: Context) -> Iterator[tuple[int, int, list[str]]]:
    """Line, number and cells of each record. Where quotes go wrong, the rest is read without them."""
    limit = csv.field_size_limit()
    lines = 0
    row = 0
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
        reader = csv.reader(_lines(text), delimiter=delimiter, quoting=quoting)
        start = lines + 1
        while True:
            if row % 4096 == 0:
                context.budget.tick()
            csv.field_size_limit(_FIELD)
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                break
            finally:
                csv.field_size_limit(limit)
            row += 1
            yield start, row, cells
            start = lines + reader.line_num + 1
        lines += reader.line_num


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Lines without NUL; raises OverBudget for one that would fill the memory."""
    while line := text.readline(_LINE):
        if len(line) == _LINE:
            raise OverBudget(f"a line of more than {_LINE >> 20} Mi characters")
        yield line.replace("\0", "")


def _delimiter(blob: Blob, name: str, encoding: str) -> str:
    """The one that the first line has most of; by the name where it has none."""
    first = blob.read(0, 65_536).decode(encoding, "replace").lstrip("\ufeff\r\n").split("\n", 1)[0].rstrip("\r")
    declared = re.fullmatch(r"sep=(.)", first, re.IGNORECASE)
    if declared:
        return declared[1]
    bare = re.sub(r'"[^"]*"', "", first)
    usual = "\t" if name.lower().endswith((".tsv", ".tab")) else "|" if name.lower().endswith(".psv") else ","
    return max(",;\t|", key=lambda d: (bare.count(d), d == usual))


def _judge(cell: str) -> tuple[str, str]:  # noqa: PLR0911 - one return a kind
    """Kind and name of the formula in a cell; empty where a spreadsheet would show plain text or a number."""
    cell = cell[:4000].lstrip("\t\r\n \xa0\u200b\ufeff")
    if cell[:1] not in {"=", "+", "-", "@"}:
        return "", ""
    command = _DDE.match(cell)
    if command:
        return "command", command["program"]
    match = _FORMULA.match(cell)
    if not match or ")" not in cell:
        return "", ""
    name = match["name"].lower()
    inner = _INNER.search(cell)
    if name in _ACTS or (inner and match["lead"] == "="):
        return "request", (inner["name"] if inner else name).upper()
    if name in _LINKS:
        return "link", name.upper()
    if match["lead"] == "=" and name in _ONLY_FORMULA:
        return "request", name.upper()
    if match["lead"] == "=" and name in _PLAIN:
        return "function", name.upper()
    return "", ""
