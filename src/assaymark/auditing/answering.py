"""Questions of the OSV API (https://google.github.io/osv.dev/api/), answered from the store."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Self

from assaymark.auditing.audit import FRESH, feed_troubles
from assaymark.auditing.held import Advisories
from assaymark.core.errors import Unreadable, UsageError
from assaymark.core.record import dataclass
from assaymark.library.advisories import versions
from assaymark.library.advisories.matching import match
from assaymark.settings import home as home_folder
from assaymark.storage.advisories import open_store


@dataclass(frozen=True, slots=True)
class Query:
    """One question of the API: a package, of one version or (empty) of any. `start`: where this page begins."""

    ecosystem: str
    name: str
    version: str
    start: int = 0


def read_query(document: Any) -> Query:
    """A query as clients send it: package name and ecosystem, or purl; raises UsageError."""
    body = document if isinstance(document, dict) else {}
    package, version, token = body.get("package"), body.get("version") or "", body.get("page_token") or ""
    if not isinstance(package, dict) or not isinstance(version, str) or not isinstance(token, str):
        raise UsageError("a query has a package and a version; commits are not answered here")
    if token and not (token.isdecimal() and len(token) < 8):
        raise UsageError("this page_token was not given here")
    name, ecosystem, purl = (package.get(key) or "" for key in ("name", "ecosystem", "purl"))
    if not all(isinstance(text, str) and len(text) <= 500 for text in (name, ecosystem, purl, version)):
        raise UsageError("name, ecosystem, purl and version are texts of at most 500 characters")
    if purl:
        if name or ecosystem:
            raise UsageError("a package is named by purl, or by name and ecosystem")
        ecosystem, name, inside = _of_purl(purl)
        if inside and version:
            raise UsageError("the version stands in the purl and beside it")
        version = version or inside
    if not name or not ecosystem:
        raise UsageError("a package has a name and an ecosystem")
    return Query(ecosystem.partition(":")[0], name, version, int(token or 0))


def _of_purl(text: str) -> tuple[str, str, str]:
    from packageurl import PackageURL

    try:
        purl = PackageURL.from_string(text)
    except ValueError as error:
        raise UsageError(f"no purl: {str(error)[:200]}") from None
    systems = {"pypi": "PyPI", "npm": "npm", "golang": "Go", "cargo": "crates.io", "gem": "RubyGems", "maven": "Maven"}
    joint = ":" if purl.type == "maven" else "/"
    name = f"{purl.namespace}{joint}{purl.name}" if purl.namespace else purl.name
    return systems.get(purl.type, purl.type), name, purl.version or ""


class Answering:
    """The API over the store of a home. Nothing is answered from feeds that are missing or stale: silence reads as clean."""

    def __init__(self, home: str | None, now: datetime, max_age: timedelta = FRESH) -> None:
        store = open_store(home_folder(home))
        if store is None:
            raise Unreadable("no advisories were imported here", step="assay feeds import PATH")
        self._store = store
        self._advisories = Advisories(store)
        self._feeds, self._now, self._max_age = store.feeds(), now, max_age

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._store.close()

    def ids(self, queries: Sequence[Query]) -> list[list[tuple[str, str]]]:
        """Of each query the (id, modified) of what means the package, or may. Raises Unreadable."""
        systems = {query.ecosystem for query in queries}
        for _, why in feed_troubles(systems, self._feeds, self._now, self._max_age):
            raise Unreadable(why, step="assay feeds import PATH")
        self._advisories.prepare({(q.ecosystem, versions.name(q.ecosystem, q.name)) for q in queries})
        return [self._ids(query) for query in queries]

    def _ids(self, query: Query) -> list[tuple[str, str]]:
        records = self._advisories.of(query.ecosystem, query.name)
        found = (a for a in records if match(a, query.ecosystem, query.name, query.version))
        return list({a.id: (a.id, a.modified) for a in found}.values())

    def document(self, identity: str) -> bytes | None:
        """A record as it was imported, by its id."""
        return self._store.document(identity)
