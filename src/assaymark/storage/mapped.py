"""The files of a model that is open, of which the large ones are verified part by part when they are touched."""

import threading
from collections.abc import Callable, Mapping
from typing import BinaryIO

from assaymark.core.errors import AssayError, Untrusted, UsageError
from assaymark.core.pieces import Pieces
from assaymark.storage.heldfiles import Held
from assaymark.storage.lazymap import Trust, VerifiedMap


class Mapped:
    """`later`: the parts of files that were not hashed yet. `hashed`: whether all others were. `refused` makes errors."""

    def __init__(
        self, held: Held, later: Mapping[str, Pieces], refused: Callable[[str, str], Untrusted],
        *, hashed: bool = True, copy: bool = False,
    ) -> None:  # fmt: skip
        self._held, self._later, self._hashed, self._copy = held, later, hashed, copy
        self._trust = Trust(refused)
        self._maps: dict[str, VerifiedMap] = {}
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._threads: list[threading.Thread] = []
        self._failed: list[AssayError] = []

    def map(self, path: str) -> VerifiedMap:
        """The map of a file, made once."""
        with self._lock:
            if self._stop.is_set():
                raise UsageError(f"{path!r:.300} was closed", step="read before the model is closed")
            self._trust.require()
            if path not in self._maps:
                descriptor, file, stamp = self._held.opened(path)
                known = stamp if self._hashed and path not in self._later else None
                pieces = self._later.get(path) or Pieces.whole(file)
                self._maps[path] = VerifiedMap(descriptor, file, pieces, self._trust, copy=self._copy, stamp=known)
            return self._maps[path]

    def open(self, path: str) -> BinaryIO:
        """A file from its start."""
        self._trust.require()
        return self.map(path).open() if self._copy or path in self._later else self._held.open(path)

    def read(self, path: str) -> bytes:
        """A whole file, hashed as it is read."""
        self._trust.require()
        return self._held.read(path)

    def prefetch(self, threads: int, *, wait: bool) -> None:
        """Verify what is left, the largest file first, a thread for each file; `wait` until it is done or something is wrong."""
        if threads < 1:
            raise ValueError("at least one thread")
        self._failed.clear()
        left = sorted(map(self.map, self._later), key=lambda one: one.size)
        begun = [
            threading.Thread(target=self._serve, args=(left,), daemon=True) for _ in range(min(threads, len(left)))
        ]
        self._threads += begun
        for thread in begun:
            thread.start()
        if wait:
            for thread in begun:
                thread.join()
            self._trust.require()
            if self._failed:
                raise self._failed[0]

    def is_complete(self) -> bool:
        """Whether all bytes of all files were proven."""
        return all(path in self._maps and self._maps[path].is_complete for path in self._later)

    def close(self) -> None:
        """End the threads and let go of the files."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for one in self._maps.values():
            one.close()
        self._held.close()

    def _serve(self, left: list[VerifiedMap]) -> None:
        while not self._stop.is_set():
            try:
                one = left.pop()
            except IndexError:
                return
            try:
                one.prove(self._stop)
            except AssayError as error:  # what is wrong is said at the next touch as well
                self._failed.append(error)
                return
