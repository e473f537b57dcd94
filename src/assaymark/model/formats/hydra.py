"""Hydra and OmegaConf configurations: `_target_` names what `hydra.utils.instantiate` imports and calls.

NeMo, Uni2TS, FlexTok and others instantiate a configuration that comes with the model (CVE-2025-23304), so a target
like `builtins.exec` is a command in a text file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.blob import Blob, exact
from assaymark.core.errors import Malformed
from assaymark.core.format import Context, Item
from assaymark.core.source.python_deeds import Deed, canonical, deed_of
from assaymark.core.source.secrets import safe_excerpt
from assaymark.core.source.yaml_tree import LIMIT, documents, walk

_ACTS = (Deed.PROCESS, Deed.EXECUTION, Deed.UNPICKLING, Deed.NATIVE, Deed.DELETION, Deed.DYNAMIC)
_LEVERS = re.compile(
    r"hydra\.(?:utils|_internal\.utils)\.\w+|functools\.(?:partial|reduce)|operator\.\w+|(?:builtins\.)?(?:map|filter)|"
    r"nemo\.core\.classes\.common\.\w+|hydra\.core\.\w+\.\w+"
)
"""Targets that call or fetch what their arguments name."""
_REACH = frozenset(
    {"getattr", "setattr", "delattr", "open", "globals", "vars", "locals", "breakpoint", "input", "memoryview"}
)
_MODULES = frozenset(
    {"os", "subprocess", "sys", "shutil", "importlib", "ctypes", "runpy", "pty", "socket", "pickle", "marshal"}
)
_CALM = re.compile(
    r"os\.(?:path\.\w+|getcwd|cpu_count|getpid|getenv|environ.*|fspath|listdir|makedirs|sep)|importlib\.(?:resources|metadata)\..*"
)
_RAW = re.compile(r"[\"']?_target_[\"']?\s*:\s*[\"']?(?P<target>[A-Za-z_][\w.]*)")
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.\w+)+|exec|eval")
_MOST = 2_000


@dataclass(frozen=True, slots=True)
class HydraTarget:
    """A target that does more than make a component. `does` completes "this code ..."."""

    target: str
    does: str
    line: int
    excerpt: str


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Yield the targets that act; where the text is no YAML, those that stand in it by their looks."""
    context.budget.tick()
    text = exact(blob, 0, blob.size, context.name).decode("utf-8", "replace")
    lines = text.split("\n")
    for count, (target, others, line) in enumerate(_targets(text)):
        if count >= _MOST:
            return
        name, does = _judge(target, others)
        if does:
            yield HydraTarget(name, does, line, safe_excerpt(lines[line - 1][:1000]) if line <= len(lines) else "")


def _targets(text: str) -> Iterator[tuple[str, tuple[str, ...], int]]:
    """Target, the texts beside it, line. Long or broken documents are searched line by line."""
    if len(text) <= LIMIT:
        try:
            for root in documents(text):
                for node, _ in walk(root):
                    target = node.get("_target_") if node.kind == "mapping" else None
                    if target is not None:
                        inner = (n.text for n, key in walk(node) if n.kind == "scalar" and key is not None)
                        others = [value for _, value in zip(range(64), inner, strict=False)]
                        yield target.text, tuple(others), target.line
        except Malformed:
            pass
        else:
            return
    line = at = 0
    for match in _RAW.finditer(text):
        line += text.count("\n", at, match.start("target"))
        at = match.start("target")
        yield match["target"], (), line + 1


def _judge(target: str, others: tuple[str, ...]) -> tuple[str, str]:
    """The name that acts and what it does; empty where the target only makes something."""
    name = canonical(target.strip())
    deed = deed_of(name)
    if deed in _ACTS and deed is not None:
        return target, deed.value
    if name in _REACH:
        return target, "reaches any attribute or file"
    if name.partition(".")[0] in _MODULES and deed is None and "." in name and not _CALM.fullmatch(name):
        return target, f"calls into {name.partition('.')[0]}"
    if _LEVERS.fullmatch(target.strip()):
        for other in others:
            inner = deed_of(canonical(other)) if _NAME.fullmatch(other) else None
            if inner in _ACTS and inner is not None:
                return f"{target} of {other}", inner.value
    return "", ""
