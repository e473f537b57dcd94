"""A wheel beside the source archive of the same release: what is in the wheel and does not come from the source."""

from collections.abc import Sequence

from assaymark.core.finding import Severity
from assaymark.library.maintainers.history import Shift
from assaymark.library.names import listed

_STARTS = (".pth", "sitecustomize.py", "usercustomize.py")
_BUILT = (".so", ".pyd", ".dylib", ".dll", ".pyi", "_version.py", "version.py", "__about__.py")
"""Made by builds: their absence from the source says nothing."""


def differ(project: str, wheel_name: str, wheel: Sequence[str], sdist: Sequence[str]) -> list[Shift]:
    """Python files, and files that run at the start of Python, that the wheel has and the source archive lacks.

    The source may have them under any folder (`src/`), so that a path there has to end with the path in the wheel.
    """
    below = {part for path in sdist for part in _ends(path)}
    extra = [
        path
        for path in wheel
        if path.endswith((".py", ".pth", ".pyc"))
        and not path.endswith(_BUILT)
        and ".dist-info/" not in path
        and _bare(path) not in below
    ]
    if not extra:
        return []
    starts = [path for path in extra if path.endswith(_STARTS)]
    severity = Severity.HIGH if starts else Severity.MEDIUM
    what = f"{wheel_name} holds {listed(starts or extra, 3)}, which the source archive does not"
    return [Shift("sdist-wheel-differ", severity, project, what, tuple(extra[:20]))]


def _bare(path: str) -> str:
    """The path as a source would have it: `x.data/purelib/` is where a wheel keeps what goes beside its packages."""
    head, _, rest = path.partition("/")
    return rest.partition("/")[2] if head.endswith(".data") else path


def _ends(path: str) -> list[str]:
    parts = path.split("/")[-12:]
    return ["/".join(parts[i:]) for i in range(len(parts))]
