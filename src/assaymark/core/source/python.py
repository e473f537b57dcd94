"""What a Python file would do, read from its source: every call it makes, by the full name of what is called.

    source = calls(data)
    for call in source.deeds(Deed.PROCESS, Deed.EXECUTION):
        ...

Names are followed through imports, aliases, `getattr`, `__import__`, `globals()` and put-together texts (python_folding);
what the well-known ones do is the table in python_deeds. A function that is handed on without being called
(`map(eval, x)`, `Thread(target=os.system)`) counts too, with `called` false. Nothing is imported or run.
Files that import each other are read as one program, with the ways that data takes, in python_program.
"""

import ast
import re
import warnings

from assaymark.core.errors import Malformed, OverBudget
from assaymark.core.source.python_bindings import Binder, Import
from assaymark.core.source.python_deeds import Deed
from assaymark.core.source.python_folding import Folder
from assaymark.core.source.python_reader import Reach, Reader
from assaymark.core.source.python_seen import Call, Class, Flow, PySource

__all__ = ["LIMIT", "Call", "Class", "Deed", "Flow", "Import", "PySource", "calls", "lines_of", "parse_python"]

LIMIT = 2 << 20
"""Bytes of one source file."""
_COST = 500_000
"""Tokens, and three for each line: what a syntax tree takes is about half a kilobyte for each."""
_TOKEN = re.compile(rb"\w+|[^\w\s]")
_LINES = re.compile(r"\r\n|\r|\n")
_BYTE_LINES = re.compile(rb"\r\n|\r|\n")
_COOKIE = re.compile(rb"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_SLOW_CODECS = frozenset({"punycode", "idna"})
"""Their decoders take the square of the length; nobody writes Python so but to have a reader wait."""


def parse_python(source: bytes | str) -> ast.Module:
    """Parse a stranger's source; raises Malformed or OverBudget, warns of nothing."""
    data = source if isinstance(source, bytes) else source.encode("utf-8", "surrogatepass")
    if len(data) > LIMIT:
        raise OverBudget(f"Python source of {len(data):,} bytes, more than the {LIMIT >> 20} MiB that are read")
    codec = _codec(data).lower()
    if isinstance(source, bytes) and codec in _SLOW_CODECS:
        raise Malformed(f"Python source in the encoding {codec}, which is not decoded")
    lines = data.count(b"\n") + data.count(b"\r") + data.count(b";")
    if len(data) > _COST // 4 and sum(1 for _ in _TOKEN.finditer(data)) + 3 * lines > _COST:
        raise OverBudget("Python source with more statements than are read")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except SyntaxError as error:
        raise Malformed(f"not Python 3: {error.msg} (line {error.lineno or 1})") from None
    except ValueError as error:
        raise Malformed(f"not Python: {error}") from None
    except (RecursionError, MemoryError):
        raise OverBudget("Python source nested too deeply to be read") from None


def calls(source: bytes | str) -> PySource:
    """Read the source of a Python file. Raises Malformed where it is none, OverBudget where it is too big or deep."""
    tree = parse_python(source)
    try:
        folder, reach = Folder(), Reach()
        reader = Reader(Binder(tree, folder), folder, reach, lines_of(source))
        reader.walk()
        return reader.result(reach.reached())
    except RecursionError:
        raise OverBudget("Python source nested too deeply to be followed") from None


def lines_of(source: bytes | str) -> list[str]:
    """The lines as Python counts them, decoded as its encoding line says."""
    if isinstance(source, str):
        return _LINES.split(source)
    try:
        text = source.decode(_codec(source), "replace")
    except (LookupError, ValueError):
        text = source.decode("utf-8", "replace")
    return _LINES.split(text)


def _codec(source: bytes) -> str:
    """The encoding that one of the first two lines names (PEP 263)."""
    for line in _BYTE_LINES.split(source, 2)[:2]:
        if cookie := _COOKIE.match(line):
            return cookie[1].decode("ascii", "replace")
    return "utf-8"
