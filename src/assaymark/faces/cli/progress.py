"""A progress bar on stderr: files and bytes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from assaymark.survey import Progress

_WIDTH = 28


@contextmanager
def bar(*, enabled: bool) -> Iterator[Progress | None]:
    """Draws on one line that is gone afterwards."""
    if not enabled:
        yield None
        return
    shown = -1

    def draw(files: int, all_files: int, done: int, total: int) -> None:
        nonlocal shown
        part = done / total if total else files / max(all_files, 1)
        if total and int(part * 200) == shown and files < all_files:
            return
        shown = int(part * 200)
        filled = int(part * _WIDTH)
        size = f"{_size(done)} of {_size(total)}" if total else f"{_size(done)} fetched"
        line = f"\r{'█' * filled}{'░' * (_WIDTH - filled)} {files:,}/{all_files:,} files, {size}"
        sys.stderr.write(line + "\x1b[K")
        sys.stderr.flush()

    try:
        yield draw
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def _size(count: int) -> str:
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
