"""What an address says of how far its content can be trusted: transport, and whether it names one fixed content."""

import re
from urllib.parse import SplitResult, urlsplit

_LOOPBACK = re.compile(r"localhost|127(?:\.\d{1,3}){3}|\[?::1\]?|0\.0\.0\.0", re.IGNORECASE)
_PLAIN = frozenset({"http", "ftp", "git", "svn", "rsync"})
_VCS = re.compile(r"(?:git|hg|svn|bzr)\+|git://", re.IGNORECASE)
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.IGNORECASE)
_HASH = re.compile(r"(?:^|[#&])sha(?:256|384|512)=[0-9a-f]{64,128}(?:$|&)", re.IGNORECASE)


def split(url: str) -> SplitResult:
    """`urlsplit` that has no opinion on what cannot be an address: then every part is empty."""
    try:
        return urlsplit(url.strip())
    except ValueError:
        return urlsplit("")


def host(url: str) -> str:
    """Host name in lower case, without user, password and port."""
    try:
        return split(url).hostname or ""
    except ValueError:
        return ""


def is_plain(url: str) -> bool:
    """Fetched without TLS from somewhere else: whoever sits on the way may answer."""
    transport = split(url).scheme.rpartition("+")[2]
    return transport in _PLAIN and bool(host(url)) and not is_loopback(host(url))


def is_loopback(name: str) -> bool:
    """The very machine we are on: nobody sits on the way."""
    return bool(_LOOPBACK.fullmatch(name))


def is_vcs(url: str) -> bool:
    """`git+https://…` and its like, as pip spells them."""
    return bool(_VCS.match(url))


def reference(url: str) -> str:
    """Branch, tag or commit of a VCS address: what stands after the last `@` of its path."""
    path, at, ref = split(url).path.rpartition("@")
    return ref if at and path and ":" not in ref else ""


def is_commit(ref: str) -> bool:
    """A full commit id. Anything shorter is a name that may be made to mean something else."""
    return bool(_COMMIT.fullmatch(ref))


def is_hashed(url: str) -> bool:
    """The fragment holds a sha256 or stronger, which pip and uv compare with what they fetched."""
    return bool(_HASH.search(split(url).fragment))


def is_fixed(url: str) -> bool:
    """The address names one content for ever: a commit in it, or a sha256 (or stronger) of the file behind it."""
    parts = split(url)
    if is_vcs(url):
        ref = reference(url)
        return is_commit(ref) or (parts.scheme.startswith(("svn", "bzr")) and ref.isdigit())
    if is_hashed(url):
        return True
    return any(is_commit(piece) for segment in parts.path.split("/") for piece in re.split(r"[.\-_]", segment))
