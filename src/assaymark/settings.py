"""Where settings come from: the project's `assaymark.toml` or `[tool.assaymark]`, and the user's home."""

import os
import sys
import tomllib
from datetime import date
from typing import Any

from assaymark.core.errors import UsageError
from assaymark.core.ignore import Ignore, read_ignores
from assaymark.core.record import dataclass

_KEYS = {"fail_on", "exclude", "persona", "ignore", "allow"}


@dataclass(frozen=True, slots=True)
class Settings:
    """`source` is the file they came from, or None. Texts are validated where they are used."""

    source: str | None = None
    fail_on: str | None = None
    persona: str | None = None
    exclude: tuple[str, ...] = ()
    ignores: tuple[Ignore, ...] = ()
    allow: str | None = None
    """A signed allow policy; its path stands relative to the file, as those of keys do."""
    allow_keys: tuple[str, ...] = ()


def home(given: str | None = None) -> str:
    """The folder that holds keys and caches: given, `ASSAY_HOME`, or the platform's user data folder."""
    if given or os.environ.get("ASSAY_HOME"):
        return given or os.environ["ASSAY_HOME"]
    user = os.path.expanduser("~")
    if sys.platform == "darwin":
        return os.path.join(user, "Library", "Application Support", "assaymark")
    if sys.platform == "win32":
        return os.path.join(os.environ.get("APPDATA", user), "assaymark")
    return os.path.join(os.environ.get("XDG_DATA_HOME") or os.path.join(user, ".local", "share"), "assaymark")


def load(path: str | None, *, start: str, today: date) -> Settings:
    """Read `path`, or the nearest settings from `start` up to the repository's top. Raises UsageError.

    `start` is the current folder, never a scanned path as such: a stranger's folder must not accept its own findings.
    Whoever stands in one says `--no-config`.
    """
    if path is not None:
        named = _read(path, today)
        if named is None:
            raise UsageError(
                f"{path} has no table [tool.assaymark] that can be read", step="name another with --config"
            )
        return named
    folder = os.path.abspath(start)
    while True:
        for name in ("assaymark.toml", "pyproject.toml"):
            candidate = os.path.join(folder, name)
            if os.path.isfile(candidate):
                found = _read(candidate, today)
                if found is not None:
                    return found
        parent = os.path.dirname(folder)
        if parent == folder or os.path.exists(os.path.join(folder, ".git")):
            return Settings()
        folder = parent


def _read(path: str, today: date) -> Settings | None:
    try:
        with open(path, "rb") as file:
            document = tomllib.load(file)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", step="name another file with --config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        if os.path.basename(path) == "pyproject.toml":
            return None  # a project file of others, broken or not, is not ours to refuse
        raise UsageError(f"{path} is not TOML: {error}") from error
    if os.path.basename(path) == "pyproject.toml":
        tools = document.get("tool")
        if not isinstance(tools, dict) or "assaymark" not in tools:
            return None
        document = tools["assaymark"]
    return _settings(document, path, today)


def _settings(document: Any, path: str, today: date) -> Settings:
    if not isinstance(document, dict) or document.keys() - _KEYS:
        raise UsageError(f"{path}: known settings are {', '.join(sorted(_KEYS))}")
    exclude = document.get("exclude", [])
    if not isinstance(exclude, list) or not all(isinstance(item, str) for item in exclude):
        raise UsageError(f"{path}: 'exclude' is a list of path patterns")
    for name in ("fail_on", "persona"):
        if not isinstance(document.get(name, ""), str):
            raise UsageError(f"{path}: {name!r} is a text")
    ignores = read_ignores(document.get("ignore", []), today, path)
    allow = _allow(document.get("allow"), path)
    return Settings(path, document.get("fail_on"), document.get("persona"), tuple(exclude), ignores, *allow)


def _allow(table: Any, path: str) -> tuple[str | None, tuple[str, ...]]:
    """`[allow]`: the policy and the public keys of those who may sign it."""
    if table is None:
        return None, ()
    if not isinstance(table, dict) or table.keys() - {"policy", "keys"} or not isinstance(table.get("policy"), str):
        raise UsageError(f"{path}: [allow] has 'policy' (a file) and 'keys' (public keys)")
    keys = table.get("keys", [])
    if not isinstance(keys, list) or not keys or not all(isinstance(key, str) for key in keys):
        raise UsageError(f"{path}: [allow] needs 'keys', a list of public keys", step='add keys = ["review.pub"]')
    folder = os.path.dirname(os.path.abspath(path))
    near = [key if os.sep not in key and not key.endswith(".pub") else os.path.join(folder, key) for key in keys]
    return os.path.join(folder, table["policy"]), tuple(near)
