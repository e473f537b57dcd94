"""Shell text in cells and steps: what is downloaded and run unseen, and what is installed from where."""

import re
from collections.abc import Iterator

_FETCH = r"(?:curl|wget|aria2c)\b"
_LEAD = r"(?:(?:sudo|env|exec|command|time|nohup|doas|xargs)(?:[ ]+-\S+)*[ ]+|\w+=\S*[ ]+)*(?:[\w./~-]*/)?"
_FETCHES = re.compile(rf"^[\s!(\"'`]*{_LEAD}{_FETCH}|[\"'(`$]\s*{_FETCH}|\b(?:-c|then|do|else)\s+[\"']?{_FETCH}")
_RUNS = re.compile(
    rf"^\s*{_LEAD}(?:(?:ba|z|da|k|a|c|tc|fi)?sh(?![\w.-])(?!\s+-c\b)"
    rf"|(?:python[\d.]*|perl|ruby|node|php)(?![\w.-])(?:\s+-(?=\s|$|\"|')|\s*$|\s*[\"')])"
    r"|(?:iex|invoke-expression)\b)",
    re.IGNORECASE,
)
_SUBSTITUTED = re.compile(
    rf"(?:(?<![\w.-])(?:ba|z|da|k|a)?sh|\bsource|(?:^|[;&|]\s*)\.|\beval|\bexec|\bpython[\d.]*)\s+(?:-\w+\s+)*[\"']?"
    rf"(?:<\(|\$\(|`)\s*(?:sudo\s+)?{_FETCH}"
)
_POWERSHELL = re.compile(
    r"\b(?:iex|invoke-expression)\b[^\n]{0,200}\b(?:iwr|irm|invoke-webrequest|invoke-restmethod|downloadstring)\b",
    re.IGNORECASE,
)
_DOWNLOADS = re.compile(r"\b(?:iwr|irm|invoke-webrequest|invoke-restmethod|downloadstring)\b", re.IGNORECASE)
_SAYS = re.compile(r"^\s*(?:echo|printf|Write-Host|Write-Output)\b")
_SPLIT = re.compile(r"&&|\|\||;")
_PIPE = re.compile(r"(?<![|>])\|(?!\|)&?")
_INSTALL = re.compile(
    r"(?:^|[\s!%;&|(])(?:uv\s+)?(?:pip[\d.]*|%pip|conda|mamba)\s+(?:-\S+\s+)*install\b(?P<rest>[^;&|\n]*)"
)
_REMOTE = re.compile(r"(?:git|hg|svn|bzr)\+\S+|(?:https?|ftp)://\S+")
_PINNED = re.compile(
    r"@[0-9a-f]{40}\b|#(?:.*&)?sha(?:256|384|512)=|/archive/[0-9a-f]{40}\b|/[0-9a-f]{40}\.(?:zip|tar\.gz)"
)


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Commands with their line number (from 1): continued lines are joined, comments left out."""
    start = 0
    parts: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.strip()
        if not parts:
            start = number
            if bare.startswith("#"):
                continue
        if bare.endswith(("\\", "`")) and not bare.endswith("\\\\") and bare.count("`") != 2:
            parts.append(bare[:-1])
        elif bare.endswith("|"):
            parts.append(bare)
        else:
            yield start, " ".join([*parts, bare])
            parts = []
    if parts:
        yield start, " ".join(parts)


def runs_download(command: str) -> bool:
    """The command hands what it downloads straight to an interpreter."""
    command = command[:8000]
    if _SAYS.match(command):
        return False
    if _SUBSTITUTED.search(command) or _POWERSHELL.search(command):
        return True
    for part in _SPLIT.split(command):
        pieces = _PIPE.split(part)
        fetched = False
        for piece in pieces:
            if fetched and _RUNS.match(piece):
                return True
            fetched = fetched or bool(_FETCHES.search(piece) or _DOWNLOADS.search(piece))
    return False


def unpinned_installs(command: str) -> Iterator[str]:
    """Addresses that pip or conda install from in this command, where neither commit nor hash says which bytes."""
    for match in _INSTALL.finditer(command[:8000]):
        previous = ""
        for word in match["rest"].partition(" #")[0].split():
            bare = word.strip("\"'")
            address = _REMOTE.search(bare)
            option = previous in {"-i", "--index-url", "--extra-index-url", "-f", "--find-links", "-c", "--constraint"}
            if address and not option and not bare.startswith("-") and not _PINNED.search(bare):
                yield address[0]
            previous = word
