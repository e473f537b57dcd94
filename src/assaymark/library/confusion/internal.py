"""Names of one's own: whether a public index has them too, and whether something is written almost like them.

Dependency confusion: an installer that is given several indexes takes the highest version from any of them, so a name
that only one's own index has may be claimed at a public one by anybody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from assaymark.core.finding import Severity
from assaymark.library.confusion import spelling
from assaymark.library.confusion.index import Index, build
from assaymark.library.confusion.judge import Suspicion, judge

PUBLIC_HOSTS = ("pypi.org", "files.pythonhosted.org", "pypi.python.org", "test.pypi.org", "registry.npmjs.org")


@dataclass(frozen=True, slots=True)
class Named:
    """A name where it stands. `index`: what it is fetched from, as far as the file says."""

    name: str
    path: str = ""
    line: int = 0
    index: str = ""
    mixed: bool = False
    """Its file names further indexes, and no hash stands beside it."""


class Internal:
    """Names and patterns (`*`, `?`, `[…]`) of what only one's own index has."""

    def __init__(self, given: Sequence[str]) -> None:
        self._patterns = tuple(one.strip().lower().replace("_", "-").replace(".", "-") for one in given if one.strip())
        self.names = tuple(one for one in self._patterns if not set(one) & set("*?["))
        self._index = Index(build(self.names)) if self.names else None

    def has(self, name: str) -> bool:
        """Whether a name, however it is written, is one of them."""
        normal = spelling.normal(name)
        return any(fnmatchcase(normal, pattern) for pattern in self._patterns)

    def judge(self, named: Named, popular: Index | None, *, public: bool | None) -> list[Suspicion]:
        """What is wrong with one name. `public`: whether a public index has it; None where none was asked."""
        if not self.has(named.name):
            return self._like(named.name)
        found: list[Suspicion] = []
        normal = spelling.normal(named.name)
        rank = popular.ranks.get(normal) if popular else None
        host = next((host for host in PUBLIC_HOSTS if f"//{host}/" in f"{named.index}/"), "")

        def add(severity: Severity, reason: str, code: str = "internal-public") -> None:
            found.append(Suspicion(code, severity, named.name, normal, None if rank is None else rank + 1, reason))

        if host:
            add(Severity.HIGH, f"is one of your own names, and is fetched from {host}")
        if public or (public is None and rank is not None):
            add(Severity.HIGH, "is one of your own names, and a public index has a project of that name")
        elif public is False:
            add(Severity.LOW, "is one of your own names, and free at the public index: anybody may take it", "internal")
        if named.mixed:
            add(
                Severity.HIGH, "is one of your own names, in a file with further indexes and without a hash", "internal"
            )
        return found

    def _like(self, name: str) -> list[Suspicion]:
        if self._index is None:
            return []
        found = judge(name, self._index)
        if found is None or not found.flagged or found.rank is None:
            return []
        reason = f"looks like your own {found.target}: {found.reason}"
        return [Suspicion("internal-like", Severity.HIGH, name, found.target, None, reason)]
