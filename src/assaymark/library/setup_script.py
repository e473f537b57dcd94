"""setup.py: what it does on the machine that builds or installs the package, read from its source (core.source.python).

Everything in it counts, wherever it stands: the file exists to be run, by `pip install` of a source distribution too.
What every other setup.py does stays quiet: it reads files and runs its own version file (`exec(open(…).read())`).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from assaymark.core.blob import Blob, exact
from assaymark.core.errors import AssayError, OverBudget
from assaymark.core.format import Context, Item
from assaymark.core.source.fetch_run import risks
from assaymark.core.source.python import LIMIT, Call, Deed, PySource, calls
from assaymark.core.source.secrets import safe_excerpt

_DECODERS = re.compile(
    r"base64\.\w+|binascii\.(?:unhexlify|a2b_\w+)|codecs\.decode|bytes\.fromhex|bytearray\.fromhex|zlib\.decompress\w*"
    r"|(?:lzma|bz2|gzip)\.(?:decompress|open)|marshal\.loads?"
)
_VERSION_FILE = re.compile(r"(?<![\w.])open\(|read_text|version|\b(?:f|fp|file|fh|handle)\.read\(", re.IGNORECASE)
_FETCHERS = frozenset({"curl", "wget", "aria2c", "gdown", "powershell", "pwsh", "certutil", "bitsadmin"})
_FETCHING = re.compile(
    r"git\s+(?:clone|fetch|pull)|pip[\d.]*\s+(?:install|download)|(?:npm|apt|apt-get|conda|brew)\s+install|hf\s+download"
)
_ENVIRONMENT = re.compile(
    r"(?:dict|str|repr|dumps|urlencode)\(\s*(?:os\.)?environ\s*[),]|(?:data|json|params)\s*=\s*(?:dict\()?(?:os\.)?environ\b(?!\s*[.\[])"
)


@dataclass(frozen=True, slots=True)
class InstallStep:
    """One thing that setup.py does besides building: `kind` is `hidden`, `network` or `process`."""

    kind: str
    what: str
    name: str
    line: int
    excerpt: str


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Every step. Raises Malformed where the file is no Python 3."""
    context.budget.tick()
    if blob.size > LIMIT:
        raise OverBudget(f"setup.py of {blob.size:,} bytes, more than the {LIMIT >> 20} MiB that are read")
    yield from steps(calls(exact(blob, 0, blob.size, "setup.py")))


def steps(source: PySource) -> Iterator[InstallStep]:
    """What the calls of a setup.py amount to."""
    network = any(source.deeds(Deed.NETWORK))
    decoders = any(_DECODERS.fullmatch(call.name) for call in source.calls)
    for call in source.calls:
        kind, what = _judge(call, network=network, decoders=decoders)
        if kind:
            yield InstallStep(kind, what, call.name, call.line, safe_excerpt(call.excerpt))


def _judge(call: Call, *, network: bool, decoders: bool) -> tuple[str, str]:
    kind, what = "", ""
    if call.deed in {Deed.EXECUTION, Deed.UNPICKLING}:
        own = _VERSION_FILE.search(call.excerpt) and not _DECODERS.search(call.excerpt)
        if call.name.startswith("marshal.") or ((decoders or network) and not own):
            kind, what = "hidden", "runs what was decoded or fetched before"
        elif any(_acts(text) for text in call.strings):
            kind, what = "hidden", "runs code kept in a text"
    elif call.deed is Deed.NETWORK:
        kind, what = "network", "opens a network connection"
    elif call.deed is Deed.PROCESS:
        kind, what = _process(call)
    elif call.deed is Deed.DYNAMIC and call.name.endswith("?"):
        kind, what = "hidden", f"calls into {call.name.partition('.')[0]} by a name that is put together"
    elif (
        call.deed is Deed.SECRETS and network and (_ENVIRONMENT.search(call.excerpt) or not _is_environment(call.name))
    ):
        kind, what = "hidden", "collects secrets or the whole environment, and the file uses the network"
    return kind, what


def _is_environment(name: str) -> bool:
    return name.startswith(("os.environ", "os.getenv"))


def _acts(text: str) -> bool:
    """The text is Python that starts processes, connects, or runs more code."""
    if not re.search(r"[(]", text):
        return False
    try:
        source = calls(text)
    except AssayError:
        return False
    return any(source.deeds(Deed.PROCESS, Deed.NETWORK, Deed.EXECUTION, Deed.UNPICKLING))


def _process(call: Call) -> tuple[str, str]:
    line = " ".join(call.strings)
    quoted = " ".join(_quote(text) for text in call.strings)
    risk = next(iter(_first(risks(line), risks(quoted))), "")
    if risk:
        return "hidden", risk
    words = {text.rpartition("/")[2] for text in line.split()}
    if words & _FETCHERS or _FETCHING.search(line):
        return "network", "starts a program that fetches from the network"
    return "process", "starts a process"


def _first(*found: Iterable[object]) -> Iterator[str]:
    for risk_list in found:
        for risk in risk_list:
            yield risk.what  # type: ignore[attr-defined] # Risk, of core.source.fetch_run


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
