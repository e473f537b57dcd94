"""How the library layer knows its documents. Their tools find them by name, so the name is what is asked for first."""

import re
from collections.abc import Callable

from assaymark.core.format import Head

Recognise = Callable[[Head], bool]

_NAME = re.compile(r"(?:.*[-_.])?(?:requirements|constraints)(?:[-_.].*)?\.(?:txt|in)|requirements\.pip", re.IGNORECASE)
_CERTAIN = re.compile(r"(?:requirements|constraints)(?:[-_.][\w.-]*)?\.(?:txt|in)", re.IGNORECASE)
_LIKELY = re.compile(
    rb"\s*(?:#.*|-.*|[A-Za-z0-9][\w.-]*\s*(?:[\[<>=!~;@(].*|#.*|)|(?:\S+\+)?\w+://\S+.*|\.{0,2}/\S*)\\?\s*"
)
_LONGEST_NAME = 255
"""What file systems take; a member of an archive may say more, and the patterns take the square of it."""
_SETTINGS = frozenset({"pip.conf", "pip.ini", ".pypirc", ".npmrc", "uv.toml", "pyproject.toml", "pipfile"})
_LOCKS = frozenset({"uv.lock", "poetry.lock", "pdm.lock", "pipfile.lock", "package-lock.json", "npm-shrinkwrap.json"})
_PYLOCK = re.compile(r"pylock(?:\.[^.]+)?\.toml")  # PEP 751


def is_requirements(head: Head) -> bool:
    """By name, or a `.txt`/`.in` in a folder of requirements; a name that prose may have needs lines that fit too."""
    base = head.basename
    if len(base) > _LONGEST_NAME:
        return False
    if _CERTAIN.fullmatch(base):
        return True
    folder = head.name.lower().rsplit("/", 2)[-2:-1]
    if not (_NAME.fullmatch(base) or (folder in (["requirements"], ["reqs"]) and base.endswith((".txt", ".in")))):
        return False
    lines = [line for line in head.start.splitlines()[:-1] or [head.start] if line.strip()]
    return head.is_text and 2 * sum(bool(_LIKELY.fullmatch(line)) for line in lines) >= len(lines)


def is_settings(head: Head) -> bool:
    """Settings that may say where packages come from."""
    return head.basename in _SETTINGS


def is_lock(head: Head) -> bool:
    """Lock files of uv, Poetry, PDM, Pipenv, npm, and pylock.toml."""
    return head.basename in _LOCKS or bool(_PYLOCK.fullmatch(head.basename))


def is_setup_script(head: Head) -> bool:
    """The script that setuptools runs to build a package from source."""
    return head.basename == "setup.py"
