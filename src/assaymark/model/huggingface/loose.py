"""Scripts that lie in a model folder and that nothing in it names: what they do as soon as they are imported or run.

No loader starts them. People do: a `setup.sh`, a `requirements.py`, an `inference.py` that the model card tells to run; and
a module of the name of a library is imported by whatever is started in that folder. So they are looked at, and what an honest
training script does as well (start a process, fetch a file) is no more than a line of advice.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from assaymark.core.errors import AssayError
from assaymark.core.format import Item, Skipped, Tree
from assaymark.core.source.python import LIMIT, Deed, Flow, PySource
from assaymark.core.source.python_program import Program

_FILES = 100
_BYTES = 2 << 20
"""Of Python in one scan: the pass reads some 300 kB a second."""
_DEPTH = 2
"""Folders below that of the model."""
_SHELL = (".sh", ".bash", ".zsh", ".command")
_SHELL_LIMIT = 1 << 20
_ACTS = (Deed.PROCESS, Deed.EXECUTION, Deed.NATIVE, Deed.NETWORK)
_ELSEWHERE = frozenset({"setup.py", "conftest.py", "sitecustomize.py", "usercustomize.py"})
"""What other checks speak of."""
_UNSEEN = frozenset({"data from the network", "decoded text", "bytes of the weights"})
_SECRETS = "secrets of the machine"
_TELLS = re.compile(
    rb"\b(?:exec|eval|compile|system|popen|Popen|subprocess|socket|urlopen|urlretrieve|urllib\d?|requests|httpx|aiohttp|getattr|ftplib"
    rb"|__import__|importlib|ctypes|marshal|runpy|pty|spawn\w*|fork\w*|startfile|globals|__builtins__|builtins|cffi|sys\.modules)\b"
)
"""One of these stands in whatever acts when it is imported."""
_LISTED = 4


@dataclass(frozen=True, slots=True)
class LooseScript:
    """One script. `unseen` and `acts` are (line, what it does), 20 at most each."""

    name: str
    when: str
    """`imported or run`, or `run`."""
    unseen: tuple[tuple[int, str], ...]
    """Text that nobody could read beforehand runs as code, or keys are sent away."""
    acts: tuple[tuple[int, str], ...]

    def told(self, places: tuple[tuple[int, str], ...]) -> str:
        """The first few of them, in words."""
        more = f" and {len(places) - _LISTED} more" if len(places) > _LISTED else ""
        return "; ".join(f"{what} (line {line})" for line, what in places[:_LISTED]) + more


def views(tree: Tree, folders: Collection[str], named: Collection[str]) -> Iterator[tuple[str, Item]]:
    """What the scripts of these model folders do, those left out that something names."""
    files = bytes_left = 0
    for path in sorted(tree.files):
        if not path.endswith((".py", *_SHELL)) or path in named or path.rpartition("/")[2] in _ELSEWHERE:
            continue
        if not _belongs(path, folders):
            continue
        size = tree.files[path].size
        files, bytes_left = files + 1, bytes_left + (size if path.endswith(".py") else 0)
        if files > _FILES or bytes_left > _BYTES or size > LIMIT:
            yield path, Skipped("scripts", "more than are read; no loader of the model starts them", holds=False)
            return
        try:
            script = _shell(tree, path) if path.endswith(_SHELL) else _python(tree, path)
        except AssayError:
            continue  # not Python 3, or too much of it: nobody imports it for the model
        if script is not None:
            yield path, script


def _belongs(path: str, folders: Collection[str]) -> bool:
    """The path lies in one of these folders or a few levels below."""
    folder = path[: path.rfind("/") + 1]
    for _ in range(_DEPTH + 1):
        if folder in folders:
            return True
        if not folder:
            return False
        folder = folder[: folder.rstrip("/").rfind("/") + 1]
    return False


def _python(tree: Tree, path: str) -> LooseScript | None:
    data = tree.read(path, LIMIT)
    if not _TELLS.search(data):
        return None
    program = Program()
    program.add(path, data)
    source = program.read()[path]
    hidden = {(f.line, _said(f)): None for f in source.flows if _is_hidden(f)}
    acts = dict.fromkeys(_acts(source))
    return LooseScript(path.rpartition("/")[2], "imported or run", tuple(hidden)[:20], tuple(acts)[:20])


def _said(flow: Flow) -> str:
    return f"{flow.name} sends {flow.source}" if flow.sink == "sends" else f"{flow.name} runs {flow.source}"


def _is_hidden(flow: Flow) -> bool:
    """Text that nobody saw runs, or a file of keys (its path is written out; a token of the environment is no such) leaves."""
    if flow.sink == "sends":
        return flow.on_import and flow.source == _SECRETS and flow.origin.startswith("'")
    return flow.on_import and flow.sink == "runs" and flow.source in _UNSEEN


def _acts(source: PySource) -> Iterator[tuple[int, str]]:
    for call in source.calls:
        told = call.deed in _ACTS and (call.called or call.deed is not Deed.NETWORK)
        if call.on_import and call.deed is not None and (call.hidden or told):
            yield call.line, f"{call.name} {call.deed.value}"
    for flow in source.flows:
        if flow.on_import and flow.sink in {"runs", "sends"} and not _is_hidden(flow):
            yield flow.line, _said(flow)


def _shell(tree: Tree, path: str) -> LooseScript | None:
    from assaymark.core.source.fetch_run import risks

    text = tree.read(path, _SHELL_LIMIT).decode("utf-8", "replace")
    unseen: list[tuple[int, str]] = []
    acts: list[tuple[int, str]] = []
    for risk in risks(text):
        place = (text.count("\n", 0, risk.offset) + 1, risk.what)
        (unseen if "decoded text" in risk.what or "stranger" in risk.what else acts).append(place)
    return LooseScript(path.rpartition("/")[2], "run", tuple(unseen[:20]), tuple(acts[:20]))
