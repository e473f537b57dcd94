"""MLflow models: an `MLmodel` file (YAML) names the module that loads each flavour, and folders put on `sys.path`.

Read from mlflow `pyfunc/__init__.py` (`load_model`, `_add_code_from_conf_to_system_path`) and `models/model.py`.
"""

import re
from collections.abc import Iterator

from assaymark.core.errors import AssayError
from assaymark.core.format import Item, Tree
from assaymark.core.source.python_deeds import canonical, deed_of
from assaymark.core.source.yaml_tree import LIMIT, Node, documents
from assaymark.model.huggingface.code import Repository
from assaymark.model.huggingface.keys import leaves
from assaymark.model.huggingface.views import Kind, Setting, UnreadableConfig

FLAG = "always, by mlflow.pyfunc.load_model"
_OWN = re.compile(r"mlflow(?:\.\w+)+")
_FILES = frozenset({"data", "code", "python_model", "model_code_path", "pickled_model", "model_data", "env", "conda", "virtualenv",
    "model_path", "model_binary", "resources_path", "artifacts", "path", "saved_input_example_info"})  # fmt: skip
_MOST = 80


def views(tree: Tree, code: Repository, folder: str, names: list[str]) -> Iterator[tuple[str, Item]]:
    """Yield what loading the model of this folder imports, unpickles or opens."""
    if "MLmodel" not in names:
        return
    path = f"{folder}MLmodel"
    try:
        roots = list(documents(tree.read(path, LIMIT).decode("utf-8", "replace")))
    except AssayError as error:
        yield path, UnreadableConfig(error.message)
        return
    flavours = roots[0].get("flavors") if roots else None
    for name, flavour in flavours.named() if flavours is not None else ():
        for view in _flavour(tree, code, folder, name, flavour):
            yield path, view


def _flavour(tree: Tree, code: Repository, folder: str, name: str, flavour: Node) -> Iterator[Item]:
    place = f"flavors.{name}"
    loader, brought = flavour.get("loader_module"), flavour.get("code")
    inside = f"{folder}{brought.text.strip('/')}/" if brought is not None and _plain(brought) else folder
    if loader is not None and loader.kind == "scalar":
        own = code.reference(
            f"{place}.loader_module", f"{loader.text}._load_pyfunc", inside, line=loader.line, flag=FLAG
        )
        if own.file:
            yield own
        elif deed_of(canonical(loader.text)) is not None:
            yield Setting(Kind.ACTING, f"{place}.loader_module", loader.text[:200], loader.line)
        elif not _OWN.fullmatch(loader.text):
            yield Setting(Kind.FOREIGN, f"{place}.loader_module", loader.text[:200], loader.line)
    script = flavour.get("model_code_path")
    if script is not None and _plain(script):
        module = script.text.rpartition("/")[2].removesuffix(".py")
        yield code.reference(f"{place}.model_code_path", f"{module}.Model", folder, line=script.line, flag=FLAG)
    if brought is not None and _plain(brought):
        # The folder comes first on sys.path: any module of it may be imported under any name.
        files = sorted(p for p in tree.files if p.startswith(inside) and p.endswith(".py"))
        for found in files[:_MOST]:
            module = found[len(inside) :].removesuffix(".py").replace("/", ".")
            yield code.reference(f"{place}.code", f"{module}.", inside, line=brought.line, flag=FLAG)
    for key, value in flavour.named():
        if key in _FILES and value.kind == "scalar" and leaves(value.text):
            yield Setting(Kind.ESCAPING, f"{place}.{key}", value.text[:300], value.line)


def _plain(node: Node) -> bool:
    return node.kind == "scalar" and node.text not in {"", "null", "~", "."} and not leaves(node.text)
