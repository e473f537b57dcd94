"""Where packages are fetched from, as requirement files and the settings of pip, uv, Poetry, PDM, Pipenv and npm say it.

The views are shared by every parser of this layer, so that one check speaks of an address wherever it stands.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from assaymark.core.source.secrets import find_secrets, redact, safe_excerpt
from assaymark.library.urls import is_loopback, is_plain, split


@dataclass(frozen=True, slots=True)
class Source:
    """One place that packages come from."""

    kind: str
    """`index`, `extra-index`, `find-links`, `direct` (the address of one package) or `no-verify` (TLS switched off)."""
    url: str
    line: int
    excerpt: str
    tool: str
    """Who reads it: `pip`, `uv`, `poetry`, `pdm`, `pipenv`, `npm`."""
    mixes: bool = False
    """The tool takes the newest version that any index offers, so a stranger's package can win over yours."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret that stands in the document."""

    kind: str
    masked: str
    line: int
    excerpt: str


def source(kind: str, url: str, line: int, excerpt: str, tool: str, *, mixes: bool = False) -> Source:
    """A Source whose texts hold no password."""
    return Source(kind, redact(url), line, safe_excerpt(excerpt), tool, mixes)


def credentials(text: str) -> Iterator[Credential]:
    """Every secret of a known format in the document."""
    line, excerpt = 0, ""
    for secret in find_secrets(text):
        if secret.line != line:
            start = text.rfind("\n", 0, secret.start) + 1
            line, excerpt = secret.line, safe_excerpt(text[start : start + 4_000].split("\n", 1)[0])
        yield Credential(secret.kind, secret.masked, line, excerpt)


def is_insecure(place: Source) -> bool:
    """Content from there may be changed on its way."""
    if place.kind == "no-verify":
        return not is_loopback(split(f"//{place.url}").hostname or "") if place.url else True
    return is_plain(place.url)
