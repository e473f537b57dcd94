"""Threads for work that waits for other machines: a process pool would fork with open connections.

The threads are daemons. Whoever is interrupted hangs up the connections and leaves; nothing is waited for.
"""

import contextvars
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")


def run(work: Callable[[int], T], count: int, *, jobs: int, pulse: float) -> Iterator[tuple[int, T] | None]:
    """Yield `(index, work(index))` as they finish, in any order, and None after each `pulse` seconds without one.

    What `work` raises is raised here, and nothing more is begun.
    """
    waiting = deque(range(count))
    answers: queue.SimpleQueue[tuple[int, T | None, BaseException | None]] = queue.SimpleQueue()

    def serve() -> None:
        while True:
            try:
                index = waiting.popleft()
            except IndexError:
                return
            try:
                answers.put((index, work(index), None))
            except BaseException as error:  # noqa: BLE001 - it is raised again where the answer is taken
                answers.put((index, None, error))

    for number in range(min(jobs, count)):
        inherited = contextvars.copy_context()  # the allow policy in force is kept there
        threading.Thread(target=inherited.run, args=(serve,), name=f"assay-{number}", daemon=True).start()
    done = 0
    try:
        while done < count:
            try:
                index, answer, error = answers.get(timeout=pulse)
            except queue.Empty:
                yield None
                continue
            done += 1
            if error is not None:
                raise error
            yield index, answer  # type: ignore[misc] # without an error there is an answer
    finally:
        waiting.clear()
