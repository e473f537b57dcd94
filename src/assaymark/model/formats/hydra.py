"""Hydra and OmegaConf configurations: `_target_` names what `hydra.utils.instantiate` imports and calls.

NeMo, Uni2TS, FlexTok and others instantiate a configuration that comes with the model (CVE-2025-23304), so a target
like `builtins.exec` is a command in a text file. The same stands under `_component_` (torchtune), `class_path` beside
`init_args` (jsonargparse, LightningCLI) and `target` beside `params` (latent diffusion). `${eval:...}` is the resolver
that many projects register with Python's own `eval`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.blob import Blob, exact
from assaymark.core.errors import Malformed
from assaymark.core.format import Context, Item
from assaymark.core.source.python_deeds import Deed, canonical, deed_of
from assaymark.core.source.secrets import safe_excerpt
from assaymark.core.source.yaml_tree import LIMIT, Node, documents, walk

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
_KEYS = {"_target_": "", "_component_": "", "class_path": "init_args", "target": "params"}
"""Keys that name what is called; those that other files have too count only beside a second key."""
_EVALUATED = re.compile(r"\$\{eval:(?P<code>.*)\}", re.DOTALL)
_CALLS = re.compile(r"__\w+__|\bimport\b|\b(?:exec|eval|open|compile|getattr|globals)\s*\(|\b(?:os|sys|subprocess)\s*\.")
_POINTER = re.compile(r"\$\{(?P<path>[\w.]+)\}")
_HOPS = 8


@dataclass(frozen=True, slots=True)
class HydraTarget:
    """A target that does more than make a component. `does` completes "this code ..."."""

    target: str
    does: str
    line: int
    excerpt: str


@dataclass(frozen=True, slots=True)
class ComputedTarget:
    """A target that is put together when the configuration is read, from what cannot be seen here."""

    target: str
    line: int


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
        elif "${" in target:
            yield ComputedTarget(target[:200], line)


def _targets(text: str) -> Iterator[tuple[str, tuple[str, ...], int]]:
    """Target, the texts beside it, line. Long or broken documents are searched line by line."""
    if len(text) <= LIMIT:
        try:
            for root in documents(text):
                yield from _in_document(root)
        except Malformed:
            pass
        else:
            return
    line = at = 0
    for match in _RAW.finditer(text):
        line += text.count("\n", at, match.start("target"))
        at = match.start("target")
        yield match["target"], (), line + 1


def _in_document(root: Node) -> Iterator[tuple[str, tuple[str, ...], int]]:
    for node, _ in walk(root):
        if node.kind == "scalar":
            evaluated = _EVALUATED.search(node.text)
            if evaluated and _CALLS.search(evaluated["code"]):
                yield "builtins.eval", (), node.line
            continue
        for key, beside in _KEYS.items() if node.kind == "mapping" else ():
            target = node.get(key)
            if target is not None and target.kind == "scalar" and (not beside or node.get(beside) is not None):
                inner = (n.text for n, name in walk(node) if n.kind == "scalar" and name is not None)
                others = tuple(value for _, value in zip(range(64), inner, strict=False))
                yield _resolved(target.text, root), others, target.line


def _resolved(target: str, root: Node) -> str:
    """Put in what `${a.b}` points to; what points out of the document stays as it is."""
    for _ in range(_HOPS):
        match = _POINTER.search(target)
        found = root.get(*match["path"].split(".")) if match else None
        if match is None or found is None or found.kind != "scalar" or len(target) > 1000:
            break
        target = target[: match.start()] + found.text + target[match.end() :]
    return target


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
