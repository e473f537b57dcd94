"""What a Hugging Face Hub says of a model and its owner: the answers of its API as they are, for a snapshot.

`/api/models/{id}/revision/{revision}?blobs=true`, `/api/organizations/{name}/overview` or `/api/users/{name}/overview`,
`/api/models/{id}/commits/{commit}`, `/api/models/{id}/discussions`. Requests are those of `feeds.hub`: bounded, behind its
fence, with its token for the hub alone.
"""

import re
from contextlib import closing
from typing import Any
from urllib.parse import quote

from assaymark.core.errors import AssayError, Unauthorized, Unreadable, UsageError
from assaymark.feeds.hub import Repository, connect

_COMMIT_PAGES = 10
"""Of at most 100 commits each: the newest thousand."""


def answers(url: str) -> tuple[str, dict[str, Any]]:
    """The canonical reference `hf://org/name[@revision]`, and the answers by name. Raises UsageError, Unreadable, Unauthorized.

    The owner, commits and discussions may be kept from us: then they are None.
    """
    source = connect(url)
    with closing(source):
        if source.kind != "models" or source.inside:
            raise UsageError(f"{url}: a snapshot is of a whole model repository", step="hf://org/name[@revision]")
        model = source.ask(f"/revision/{quote(source.revision, safe='')}?blobs=true")
        if not isinstance(model, dict) or not re.fullmatch(r"[0-9a-f]{40}", str(model.get("sha"))):
            raise Unreadable(f"{source.given}: the hub names no commit for revision {source.revision!r}")
        owner = str(model.get("author") or source.repository.partition("/")[0])
        found = {
            "model": model,
            "owner": _owner(source, owner),
            "commits": _commits(source, str(model["sha"])),
            "discussions": _maybe(source, "/discussions"),
        }
    suffix = "" if source.revision == "main" else f"@{source.revision}"
    return f"hf://{source.repository}{suffix}", found


def _owner(source: Repository, name: str) -> Any:
    """The organisation of that name, else the user."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}", name):
        return None
    for kind, word in (("organizations", "org"), ("users", "user")):
        found = _maybe(source, f"/api/{kind}/{name}/overview", whole=True)
        if isinstance(found, dict):
            return {"name": name, "type": word, **found}
    return None


def _commits(source: Repository, commit: str) -> list[Any]:
    found: list[Any] = []
    for page in range(_COMMIT_PAGES):
        entries = _maybe(source, f"/commits/{commit}?p={page}&limit=100")
        if not isinstance(entries, list) or not entries:
            break
        found.extend(entries)
        if len(entries) < 50:  # the hub's own pages have fifty
            break
    return found


def _maybe(source: Repository, path: str, *, whole: bool = False) -> Any:
    """An answer, or None where there is none or it is not for us."""
    try:
        return source.ask(path, whole=whole)
    except Unauthorized:
        return None
    except AssayError as error:
        if "not found" in error.message or "no such repository" in error.message:
            return None
        raise
