"""How a Hydra configuration is known. Light, for it is asked for every file of a scan."""

import re

from assaymark.core.format import Head

_LIMIT = 8 << 20
_CLASS_PATH = re.compile(rb"\bclass_path[\"']?\s*:\s*[\"']?[A-Za-z_]\w*\.")
_TAG = re.compile(rb"!(?:apply|new|name|module|call):[A-Za-z_]")
_NAME = re.compile(rb"(?<![\w.-])name[\"']?\s*:\s*[\"']?[A-Za-z_]\w*\.[A-Za-z_]")
_TARGET = re.compile(rb"(?<![\w.-])target[\"']?\s*:\s*[\"']?[A-Za-z_]\w*\.[A-Za-z_]")


def is_hydra(head: Head) -> bool:
    """YAML or JSON that speaks of targets, of classes with their arguments, or has texts evaluated."""
    if not head.basename.endswith((".yaml", ".yml", ".json")) or not head.is_text or head.size > _LIMIT:
        return False
    return _speaks(head.start) or (head.size > len(head.start) and _speaks(head.blob.read(0, _LIMIT)))


def _speaks(data: bytes) -> bool:
    return (
        b"_target_" in data
        or (b"!" in data and _TAG.search(data) is not None)
        or (b'"lc"' in data and b'"constructor"' in data)
        or (b"params" in data and _NAME.search(data) is not None)
        or b"_component_" in data
        or b"${eval:" in data
        or (b"init_args" in data and _CLASS_PATH.search(data) is not None)
        or (b"params" in data and _TARGET.search(data) is not None)
    )
