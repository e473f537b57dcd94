"""The manifest of a TorchServe archive (.mar): which handler the server imports, and what it installs for it."""

import json
import re
from collections.abc import Iterator
from typing import Any

from assaymark.core.blob import exact
from assaymark.core.errors import Malformed
from assaymark.core.source.text import decode, line_of
from assaymark.model.torch.part import TorchPart
from assaymark.model.torch.views import ForeignHandler, Installs

_OWN = frozenset({
    "image_classifier", "image_segmenter", "object_detector", "text_classifier", "dali_image_classifier", "base_handler",
    "vision_handler", "text_handler", "densenet_handler",
})  # fmt: skip
"""Handlers of ts.torch_handler that a manifest names without a file."""
_LIMIT = 1 << 20
_HANDLER = re.compile(r"[\w./-]+?(?:\.py)?(?::\w+)?")


def read_manifest(part: TorchPart) -> Iterator[ForeignHandler | Installs]:
    """Yield what the archive itself does not hold, and what is installed."""
    text = decode(exact(part, 0, min(part.size, _LIMIT + 1), "the manifest"), "the manifest")
    if len(text) > _LIMIT:
        raise Malformed(f"the manifest is longer than {_LIMIT >> 10} KiB")
    try:
        manifest = json.loads(text)
    except RecursionError:
        raise Malformed("the manifest is nested too deeply") from None
    except ValueError as error:
        raise Malformed(f"the manifest is no JSON: {error}") from None
    model: Any = manifest.get("model") if isinstance(manifest, dict) else None
    if not isinstance(model, dict):
        raise Malformed("the manifest describes no model")
    handler = model.get("handler")
    if isinstance(handler, str) and not _is_here(handler, part):
        yield ForeignHandler(handler[:200], line_of(text, handler))
    for key in ("requirementsFile", "requirements_file"):
        file = model.get(key)
        if isinstance(file, str) and file:
            yield Installs(file[:200], line_of(text, file))


def _is_here(handler: str, part: TorchPart) -> bool:
    """One of the server's own by name, or a file of the archive. The server imports `module` of `path/module.py:function`."""
    if handler in _OWN:
        return True
    if not _HANDLER.fullmatch(handler):
        return False
    module = handler.partition(":")[0].rsplit("/", 1)[-1].removesuffix(".py").casefold()
    return f"{module}.py" in part.names or f"{module}/__init__.py" in part.names
