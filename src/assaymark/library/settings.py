"""Settings that say where packages come from: pip.conf, .pypirc, .npmrc, uv.toml, and those parts of pyproject.toml and Pipfile."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from assaymark.core.blob import Blob
from assaymark.core.errors import OverBudget
from assaymark.core.format import Context, Item
from assaymark.core.source.secrets import looks_secret, mask, safe_excerpt
from assaymark.core.source.text import excerpt_at, line_of, read_text
from assaymark.library.documents import load_toml, rows, table, text, texts
from assaymark.library.sources import Credential, Source, credentials, source

_INI = frozenset({"pip.conf", "pip.ini", ".pypirc"})
_PIP = {"index-url": "index", "extra-index-url": "extra-index", "find-links": "find-links", "trusted-host": "no-verify"}
_INI_PAIR = re.compile(r"([^=:]+)[=:](.*)")
_NPM_PAIR = re.compile(r"([^=]+)=(.*)")
_MOST = 1_000  # sources and secrets of one file
_UNSAFE_STRATEGIES = frozenset({"unsafe-best-match", "unsafe-first-match"})


@dataclass(frozen=True, slots=True)
class Setting:
    """One value of a line-based settings file; a key with several lines of values gives several."""

    section: str
    key: str
    value: str
    line: int
    excerpt: str


def parse(blob: Blob, context: Context) -> Iterator[Item]:
    """Every source and secret."""
    document = read_text(blob, context.budget, context.name)
    yield from credentials(document)
    for count, item in enumerate(_items(document, context.name.lower())):
        if count == _MOST:
            raise OverBudget(f"{context.name} names more than {_MOST:,} sources")
        yield item


def _items(document: str, name: str) -> Iterator[Item]:
    if name == ".npmrc":
        for setting in settings(document, _NPM_PAIR):
            yield from _npm(setting)
        return
    if name in _INI:
        for setting in settings(document, _INI_PAIR):
            yield from _pip(setting)
        return
    data = load_toml(document, name)
    if name == "uv.toml":
        yield from _uv(data, document)
    elif name == "pipfile":
        yield from _pipfile(data, document)
    else:
        yield from _uv(table(data, "tool", "uv"), document)
        yield from _poetry(table(data, "tool", "poetry"), document)
        yield from _pdm(table(data, "tool", "pdm"), document)


def settings(document: str, pair: re.Pattern[str]) -> Iterator[Setting]:
    """`[section]`, `key = value` by `pair`; in INI files an indented line goes on with the value before it."""
    section = key = ""
    for number, line in enumerate(document.split("\n"), 1):
        bare = line.strip()
        if not bare or bare[0] in "#;":
            continue
        if key and line[0] in " \t" and pair is _INI_PAIR:
            yield Setting(section, key, bare, number, bare)
        elif bare[0] == "[" and "]" in bare:
            section, key = bare[1 : bare.index("]")].strip().lower(), ""
        elif match := pair.fullmatch(bare):
            key = match[1].strip()
            if match[2].strip():
                yield Setting(section, key, match[2].strip(), number, bare)


def _pip(setting: Setting) -> Iterator[Item]:
    """pip.conf and .pypirc (`repository`, `password`)."""
    key = setting.key.lower().replace("_", "-").removeprefix("--")
    if key in _PIP:
        for url in setting.value.split():
            yield source(_PIP[key], url, setting.line, setting.excerpt, "pip", mixes=key == "extra-index-url")
    elif key == "repository":
        yield source("index", setting.value, setting.line, setting.excerpt, "twine")
    yield from _secret(setting)


def _npm(setting: Setting) -> Iterator[Item]:
    """.npmrc: a registry for all or for one @scope, `strict-ssl`, and `//host/:_authToken` and its like."""
    if setting.key == "registry" or re.fullmatch(r"@[\w.-]+:registry", setting.key):
        yield source("index", setting.value, setting.line, setting.excerpt, "npm")
    elif setting.key == "strict-ssl" and setting.value.lower() == "false":
        yield source("no-verify", "", setting.line, setting.excerpt, "npm")
    yield from _secret(setting)


def _secret(setting: Setting) -> Iterator[Credential]:
    name = setting.key.rsplit(":", 1)[-1]
    name = "authToken" if name == "_auth" else name
    kind = looks_secret(name, setting.value)
    if kind in {"password", "token"}:
        yield Credential(kind, mask(setting.value), setting.line, safe_excerpt(setting.excerpt, setting.value))


def _uv(data: dict[str, Any], document: str) -> Iterator[Source]:
    """`[[index]]` and the older options. uv asks one index after the other unless it is told to mix them."""
    strategy = text(data.get("index-strategy")) or text(table(data, "pip").get("index-strategy"))
    mixed = strategy in _UNSAFE_STRATEGIES
    for index in rows(data.get("index")):
        kind = "index" if index.get("default") or index.get("explicit") else "extra-index"
        yield _found(kind, text(index.get("url")), document, "uv", mixes=mixed and kind == "extra-index")
    for options in (data, table(data, "pip")):
        for url in texts(options.get("index-url")):
            yield _found("index", url, document, "uv")
        for url in texts(options.get("extra-index-url")):
            yield _found("extra-index", url, document, "uv", mixes=mixed)
        for url in texts(options.get("find-links")):
            yield _found("find-links", url, document, "uv")
        for name in texts(options.get("allow-insecure-host")) + texts(options.get("trusted-host")):
            yield _found("no-verify", name, document, "uv")


def _poetry(data: dict[str, Any], document: str) -> Iterator[Source]:
    """`[[tool.poetry.source]]`: all of equal rank unless `explicit` or `supplemental`."""
    ranked = [(index, text(index.get("priority")).lower() or "primary") for index in rows(data.get("source"))]
    primary = [
        text(index.get("url")) for index, priority in ranked if priority == "primary" and not index.get("default")
    ]
    for index, _ in ranked:
        url = text(index.get("url"))
        if not url:
            continue  # PyPI, by its name
        extra = url in primary[1:] or (url in primary and any(rank == "default" for _, rank in ranked))
        yield _found("extra-index" if extra else "index", url, document, "poetry", mixes=extra)


def _pdm(data: dict[str, Any], document: str) -> Iterator[Source]:
    """`[[tool.pdm.source]]`: besides PyPI, unless it is named `pypi` or says which packages it has."""
    respected = table(data, "resolution").get("respect-source-order") is True
    for index in rows(data.get("source")):
        extra = text(index.get("name")) != "pypi" and not index.get("include_packages") and not respected
        yield _found("extra-index" if extra else "index", text(index.get("url")), document, "pdm", mixes=extra)
        if index.get("verify_ssl") is False:
            yield _found("no-verify", text(index.get("url")).split("://")[-1].split("/")[0], document, "pdm")


def _pipfile(data: dict[str, Any], document: str) -> Iterator[Source]:
    """`[[source]]`: Pipenv binds packages to the first one unless `install_search_all_sources` is on."""
    mixed = table(data, "pipenv").get("install_search_all_sources") is True
    for at, index in enumerate(rows(data.get("source"))):
        kind = "extra-index" if at else "index"
        yield _found(kind, text(index.get("url")), document, "pipenv", mixes=mixed and bool(at))
        if index.get("verify_ssl") is False:
            yield _found("no-verify", text(index.get("url")).split("://")[-1].split("/")[0], document, "pipenv")


def _found(kind: str, url: str, document: str, tool: str, *, mixes: bool = False) -> Source:
    line = line_of(document, url) if url else 1
    return source(kind, url, line, excerpt_at(document, line), tool, mixes=mixes)
