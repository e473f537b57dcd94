"""Reads the JSON of an image: what it says, and whether two readers could take it for two things."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from assaymark.core.errors import Malformed
from assaymark.model.archive import escape

LIMIT = 4 << 20
"""Bytes of a manifest: what registries take (OCI distribution specification)."""
_DIGEST = re.compile(r"(?P<algorithm>[a-z0-9]+(?:[.+_-][a-z0-9]+)*):(?P<value>[a-zA-Z0-9=_-]+)")
_HEX = {"sha256": 64, "sha512": 128}
_TAR = ("tar", "compressed")
_EXPECTED = (
    (re.compile(r"application/vnd\.(oci\.image\.layer|docker\.image\.rootfs)\.[\w.+-]*tar(\.gzip|\+\w+)?"), _TAR),
    (re.compile(r"application/vnd\.(cncf\.model|cnai\.model|kitops\.modelkit)\.[\w.-]*\.tar(\+\w+)?"), _TAR),
    (re.compile(r"application/vnd\.docker\.ai\.gguf\.[\w.-]*"), ("gguf",)),
    (re.compile(r"application/vnd\.docker\.ai\.safetensors"), ("safetensors",)),
    (re.compile(r"application/vnd\.docker\.ai\.[\w.-]*\.tar(\+\w+)?"), _TAR),
    (re.compile(r"application/vnd\.ollama\.image\.(model|projector|adapter|tensor)"), ("gguf", "safetensors")),
)
"""Media type -> formats that content of it may have."""
_FILE_NAMES = (
    "org.opencontainers.image.title", "org.cncf.model.filepath", "org.cnai.model.filepath",
    "com.docker.ai.filepath",
)  # fmt: skip
"""Annotations that clients use as the name of the file that they write."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Where something is and what it should be. `size` in bytes; None where none is declared."""

    digest: str
    algorithm: str
    value: str
    size: int | None
    media_type: str
    urls: tuple[str, ...]
    data: str
    names: tuple[tuple[str, str], ...]
    """Annotations that name a file."""


def load(data: bytes) -> tuple[Any, list[str]]:
    """The document, and the keys that occur twice in one object. Raises Malformed."""
    twice: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(items)
        if len(made) < len(items):
            seen: set[str] = set()
            twice.extend(key for key, _ in items if key in seen or seen.add(key))  # type: ignore[func-returns-value] # add gives None
        return made

    try:
        return json.loads(data, object_pairs_hook=pairs), twice
    except (ValueError, RecursionError) as error:
        raise Malformed(f"no JSON: {str(error)[:200]}") from None


def descriptor(value: Any) -> Descriptor:
    """Raises Malformed for what is no descriptor."""
    if not isinstance(value, dict) or not isinstance(value.get("digest"), str):
        raise Malformed("a descriptor has no digest")
    match = _DIGEST.fullmatch(value["digest"])
    algorithm, text = (match["algorithm"], match["value"]) if match else ("", "")
    length = _HEX.get(algorithm)
    if length and (len(text) != length or text.strip("0123456789abcdef")):
        algorithm = ""
    size, annotations, urls = value.get("size"), value.get("annotations"), value.get("urls")
    names = annotations.items() if isinstance(annotations, dict) else ()
    return Descriptor(
        value["digest"][:400],
        algorithm,
        text,
        size if isinstance(size, int) and not isinstance(size, bool) else None,
        str(value.get("mediaType") or "")[:200],
        tuple(str(url)[:300] for url in urls[:10]) if isinstance(urls, list) else (),
        value["data"] if isinstance(value.get("data"), str) else "",
        tuple((key, name[:400]) for key, name in names if key in _FILE_NAMES and isinstance(name, str)),
    )


def expected(media_type: str) -> tuple[str, ...]:
    """Formats that content of this media type may have; empty where it says nothing of that."""
    return next((formats for pattern, formats in _EXPECTED if pattern.fullmatch(media_type)), ())


def leaves(value: str) -> str:
    """Why a digest or file name leads out of its folder; empty when it does not."""
    path = value.replace(":", "/", 1) if _DIGEST.match(value) else value
    return escape(path) or ("climbs out with '..'" if ".." in re.split(r"[/\\:-]", value) and "/" in value else "")


def configured_paths(document: Any) -> Iterator[str]:
    """The paths that a KitOps configuration (a Kitfile as JSON) unpacks to."""
    stack, steps = [document], 0
    while stack and steps < 10_000:
        steps += 1
        value = stack.pop()
        if isinstance(value, dict):
            if isinstance(value.get("path"), str):
                yield value["path"]
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)
