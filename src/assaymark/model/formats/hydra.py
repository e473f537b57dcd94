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
    r"nemo\.core\.classes\.common\.\w+|hydra\.core\.\w+\.\w+|hydra_zen\.(?:\w+\.)*\w+"
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
_RAW = re.compile(r"[\"']?__?target__?[\"']?\s*:\s*[\"']?(?P<target>[A-Za-z_][\w.]*)")
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.\w+)+|exec|eval")
_PLAIN = re.compile(r"[A-Za-z_]\w*(?:\.\w+)+")
_MOST = 2_000
_KEYS = {
    "_target_": "",
    "__target__": "",
    "_component_": "",
    "_zen_target": "",
    "class_path": "init_args",
    "target": "params",
    "name": "params",
}
"""Keys that name what is called; those that other files have too count only beside a second key."""
_EVALUATED = re.compile(r"\$\{eval:(?P<code>.*)\}", re.DOTALL)
_CALLS = re.compile(
    r"__\w+__|\bimport\b|\b(?:exec|eval|open|compile|getattr|globals)\s*\(|\b(?:os|sys|subprocess)\s*\."
)
_TAG = re.compile(r"!(?P<form>apply|new|name|module|call):(?P<name>[\w.:]+)")
"""HyperPyYAML (SpeechBrain): what the tag names is imported, and called by all but `name` and `module`."""
_WRITES = re.compile(r"pathlib\.\w*Path\.\w+|io\.open|codecs\.open|gzip\.open|(?:tarfile|zipfile)\.\w+")
_KNOWN = frozenset(
    """
    torch torchvision torchaudio torchmetrics torchtune torchao torchtitan torchdata torchtext nemo nemo_run nemo_text_processing
    pytorch_lightning lightning lightning_fabric transformers diffusers timm peft trl sentence_transformers speechbrain hydra
    hydra_zen omegaconf numpy scipy sklearn pandas polars monai datasets tokenizers accelerate megatron apex xformers flash_attn
    ldm sgm taming cldm kornia albumentations open_clip clip fairseq fairseq2 espnet espnet2 detectron2 mmcv mmengine mmdet mmseg
    einops pyannote asteroid_filterbanks optuna ray jax flax optax keras tensorflow tf_keras jsonargparse xgboost lightgbm catboost
    builtins collections functools math random json logging pathlib datetime typing itertools operator os copy statistics string
    anemoi gluonts uni2ts flextok cosmos_predict1 cosmos_predict2 sam2 vllm langchain langchain_core langchain_community
    src code models model modules module networks nets project lib libs core data dataset utils losses train trainer layers
    langchain_openai langchain_text_splitters wandb mlflow tensorboard rich tqdm PIL cv2 safetensors huggingface_hub
""".split()  # noqa: SIM905 - a table of words is read as a text
)
"""Packages that models of these kinds are made of, and the folders of a project of one's own."""
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
class ForeignTarget:
    """A target of a package that no known library is."""

    target: str
    line: int


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
        elif "." in target and target.partition(".")[0] not in _KNOWN and _PLAIN.fullmatch(target):
            yield ForeignTarget(target[:200], line)


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
        tagged = _TAG.fullmatch(node.tag)
        if tagged:
            texts = (n.text for n, _ in walk(node) if n.kind == "scalar")
            yield tagged["name"], tuple(text for _, text in zip(range(64), texts, strict=False)), node.line
        elif node.kind == "mapping" and node.get("lc") is not None:
            # LangChain's `load`: the class of this path is called with `kwargs`.
            form, parts = node.get("type"), node.get("id")
            if form is not None and parts is not None and form.text == "constructor":
                yield ".".join(part.text for part in parts.items[:20]), (), node.line
        if node.kind == "scalar":
            evaluated = _EVALUATED.search(node.text)
            if evaluated and _CALLS.search(evaluated["code"]):
                yield "builtins.eval", (), node.line
            continue
        for key, beside in _KEYS.items() if node.kind == "mapping" else ():
            target = node.get(key)
            if target is None or target.kind != "scalar" or (beside and node.get(beside) is None):
                continue
            if key != "name" or _PLAIN.fullmatch(target.text):
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
    if _WRITES.fullmatch(name):
        return target, "opens and writes files"
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
