"""A pool of processes that talk JSON: nothing is pickled, and a worker that dies takes only its own task along.

Tasks go out in small batches. When a worker dies or falls silent, its batch is tried again one task at a time in a fresh
worker; the task that kills that one too is reported as lost.
"""

import json
import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

Work = Callable[[Any], Any]
"""JSON value in, JSON value out. Under `spawn` it must be a function of a module."""
_BATCH = 32


@dataclass
class _Worker:
    process: Any
    pipe: Connection
    batch: list[int] = field(default_factory=list)
    since: float = 0.0


def run(
    work: Work, tasks: Sequence[Any], costs: Sequence[int], *, jobs: int, batch_cost: int, patience: float
) -> Iterator[tuple[int, Any]]:
    """Yield `(index, result)` as tasks finish, in any order; result is None for a task that was lost.

    `costs` (bytes, say) keep batches below `batch_cost`. A worker silent for `patience` seconds is killed.
    """
    pending = deque(_batches(costs, batch_cost))
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    workers: list[_Worker] = []
    try:
        while pending or any(worker.batch for worker in workers):
            while pending and len(workers) < jobs:
                workers.append(_start(context, work))
            for worker in [worker for worker in workers if not worker.batch]:
                if pending and _send(worker, pending[0], tasks):
                    pending.popleft()
                elif pending:
                    workers.remove(worker)
                    _end(worker)
            for worker in _ready(workers, patience):
                results = _receive(worker)
                if results is not None:
                    yield from zip(worker.batch, results, strict=True)
                    worker.batch = []
                    continue
                workers.remove(worker)
                _end(worker)
                if len(worker.batch) == 1:
                    yield worker.batch[0], None
                else:
                    pending.extendleft([index] for index in worker.batch)
    finally:
        for worker in workers:
            _end(worker)


def _batches(costs: Sequence[int], limit: int) -> Iterator[list[int]]:
    """Largest first, so that the last worker is not left alone with the largest."""
    batch: list[int] = []
    total = 0
    for index in sorted(range(len(costs)), key=lambda i: -costs[i]):
        if batch and (total + costs[index] > limit or len(batch) >= _BATCH):
            yield batch
            batch, total = [], 0
        batch.append(index)
        total += costs[index]
    if batch:
        yield batch


def _start(context: Any, work: Work) -> _Worker:
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, work, os.getpid()), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _serve(pipe: Connection, work: Work, parent: int) -> None:
    """The worker: Ctrl-C is the parent's to handle; without the parent there is nothing left to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while os.getppid() == parent:
        if not pipe.poll(2.0):
            continue
        try:
            tasks = json.loads(pipe.recv_bytes())
        except EOFError:
            return
        try:
            answer = json.dumps([work(task) for task in tasks]).encode()
        except Exception:  # noqa: BLE001 - the parent says which task was lost; a traceback in its terminal says nothing
            os._exit(1)
        pipe.send_bytes(answer)


def _send(worker: _Worker, batch: list[int], tasks: Sequence[Any]) -> bool:
    """Hand a batch out; False when the worker died after its last one."""
    try:
        worker.pipe.send_bytes(json.dumps([tasks[index] for index in batch]).encode())
    except OSError:
        return False
    worker.batch = batch
    worker.since = time.monotonic()
    return True


def _ready(workers: Sequence[_Worker], patience: float) -> list[_Worker]:
    """Workers that answered, died, or were silent too long."""
    busy = [worker for worker in workers if worker.batch]
    answered = wait([worker.pipe for worker in busy], timeout=1.0)
    late = time.monotonic()
    return [w for w in busy if w.pipe in answered or late - w.since > patience * len(w.batch)]


def _receive(worker: _Worker) -> list[Any] | None:
    try:
        if not worker.pipe.poll():
            return None
        results = json.loads(worker.pipe.recv_bytes())
    except (EOFError, OSError, ValueError):
        return None
    return results if isinstance(results, list) and len(results) == len(worker.batch) else None


def _end(worker: _Worker) -> None:
    worker.pipe.close()
    worker.process.kill()
    worker.process.join()
