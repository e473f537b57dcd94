"""Package URLs as the graph compares them."""

import re
from functools import lru_cache
from urllib.parse import quote, unquote

_RUNS = re.compile(r"[-_.]+")
_PYPI = "pkg:pypi/"


@lru_cache(4_096)
def canonical(text: str) -> str:
    """A purl in its one form, names of PyPI as PEP 503 has them; "" for what is none."""
    from packageurl import PackageURL

    try:
        purl = PackageURL.from_string(text)
        name = _RUNS.sub("-", purl.name).lower() if purl.type == "pypi" else purl.name
        return str(PackageURL(purl.type, purl.namespace, name, purl.version, purl.qualifiers, purl.subpath).to_string())
    except ValueError:
        return ""


def plain(purl: str) -> str:
    """A canonical purl without qualifiers and subpath."""
    return purl.partition("#")[0].partition("?")[0]


def split(purl: str) -> tuple[str, str]:
    """A canonical purl -> the package (without version, qualifiers and subpath) and its version, "" for none."""
    text = plain(purl)
    slash, at = text.rfind("/"), text.rfind("@")
    package, version = (text[:at], unquote(text[at + 1 :])) if at > slash else (text, "")
    if package.startswith(_PYPI):
        package = _PYPI + _RUNS.sub("-", package[len(_PYPI) :]).lower()
    return package, version


def versioned(purl: str, version: str) -> str:
    """A canonical purl, with a version where it has none."""
    if not version or split(purl)[1]:
        return purl
    text = plain(purl)
    return f"{text}@{quote(version, safe=':-._~')}{purl[len(text) :]}"
