"""The one readable answer for a model folder: whose code a loader runs, from where, and under which flag."""

from assaymark.core.format import Item, Tree
from assaymark.model.huggingface.views import CodeReference, CodeThatRuns, Kind, Setting, UnseenCode

_MOST = 25


class Summary:
    """Takes note of the views of one folder."""

    def __init__(self, tree: Tree, folder: str) -> None:
        self._tree = tree
        self._folder = folder
        self._path = ""
        self._lines: dict[str, None] = {}

    def note(self, path: str, view: Item) -> None:
        """Add what this view says of code."""
        said = _line(view)
        if said:
            self._path = self._path or path
            self._lines[said] = None

    def views(self) -> "list[tuple[str, CodeThatRuns]]":
        """Give the answer, at the file that was the first to name code; nothing where none did."""
        lines = list(self._lines)
        if not lines:
            return []
        if len(lines) > _MOST:
            lines = [*lines[:_MOST], f"and {len(lines) - _MOST} more"]
        wanted = f"{self._folder}requirements.txt"
        if wanted in self._tree.files:
            lines.append("requirements.txt beside it is installed by services that run it")
        return [(self._path, CodeThatRuns(tuple(lines)))]


def _line(view: Item) -> str:
    if isinstance(view, CodeReference):
        return f"{_place(view)}, {view.flag} ({view.key[:80]})"
    if isinstance(view, UnseenCode) and "/" in view.where:
        pin = f"commit {view.revision}" if view.pinned else "no fixed commit"
        return f"code of {view.where}, at {pin} ({view.what})"
    if isinstance(view, Setting) and view.kind is Kind.KERNEL:
        return f"kernel of {view.value}, at no fixed commit, always where kernels is installed ({view.key})"
    if isinstance(view, Setting) and view.kind is Kind.FOREIGN:
        return f"{view.value} of an installed package ({view.key})"
    return ""


def _place(view: CodeReference) -> str:
    if view.repository:
        return f"{view.named[:150]} of {view.repository[:100]}, at no fixed commit"
    if not view.file:
        return f"{view.named[:150]}, which is not here"
    more = f" and {view.files - 1} that it imports" if view.files > 1 else ""
    return f"{view.file}{more} of this folder"
