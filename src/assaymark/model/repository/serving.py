"""Code that a service starts because a file has its name: `handler.py` of Inference Endpoints, `app.py` of Spaces.

Read from huggingface-inference-toolkit `handler.py` (`get_inference_handler_either_custom_or_default_handler`) and the
Spaces reference of the hub's documentation (`sdk`, `app_file`).
"""

import re
from collections.abc import Iterator

from assaymark.core.errors import AssayError
from assaymark.core.format import Item, Tree
from assaymark.model.huggingface.code import Repository

_CARD = 1 << 20
_FRONT = re.compile(r"\A\s*---\s*\n(?P<front>.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
_SDK = re.compile(r"^sdk\s*:\s*[\"']?(?P<sdk>gradio|streamlit|docker)\b", re.MULTILINE)
_APP = re.compile(r"^app_file\s*:\s*[\"']?(?P<file>[\w./-]+)", re.MULTILINE)
_HANDLER = 1 << 20


def views(tree: Tree, code: Repository, folder: str, names: list[str]) -> Iterator[tuple[str, Item]]:
    """Yield the file that a service runs, and what it does."""
    if "handler.py" in names and _is_handler(tree, f"{folder}handler.py"):
        yield (
            f"{folder}handler.py",
            code.reference("handler.py", "handler.EndpointHandler", folder, flag="always, by Inference Endpoints"),
        )
    app = _app(tree, f"{folder}README.md") if "README.md" in names else ""
    if app and f"{folder}{app}" in tree.files:
        module = app.removesuffix(".py").replace("/", ".")
        yield f"{folder}{app}", code.reference("app_file", f"{module}.", folder, flag="always, by the Space that it is")


def _is_handler(tree: Tree, path: str) -> bool:
    try:
        return b"EndpointHandler" in tree.read(path, _HANDLER)
    except AssayError:
        return True


def _app(tree: Tree, path: str) -> str:
    try:
        front = _FRONT.match(tree.read(path, _CARD).decode("utf-8", "replace"))
    except AssayError:
        return ""
    if front is None or not _SDK.search(front["front"]):
        return ""
    named = _APP.search(front["front"])
    return named["file"].removeprefix("./") if named else "app.py"
