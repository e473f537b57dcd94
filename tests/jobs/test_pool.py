"""The pool: every task is answered, a task that kills its worker kills nothing else, and nothing is left running."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assaymark.jobs import pool

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
PATIENT = 600.0


def double(task: int) -> int:
    return task * 2


def children() -> set[int]:
    """Processes that have this one as their parent, zombies included."""
    found = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == os.getpid():
            found.add(int(name))
    return found


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    before = children()
    yield
    assert children() == before


def run(
    work: pool.Work, tasks: list[Any], *, jobs: int = 2, costs: list[int] | None = None, **limits: float
) -> dict[int, Any]:
    limits = {"batch_cost": 1, "patience": PATIENT} | limits
    answers = list(pool.run(work, tasks, costs or [1] * len(tasks), jobs=jobs, **limits))  # type: ignore[arg-type]
    assert len(answers) == len(dict(answers)), "a task was answered twice"
    return dict(answers)


@given(st.lists(st.integers(0, 100), max_size=80), st.integers(1, 4), st.integers(1, 200))
@settings(max_examples=15, deadline=None)
def test_every_task_is_answered_once(costs: list[int], jobs: int, batch_cost: int) -> None:
    tasks = list(range(len(costs)))
    assert run(double, tasks, jobs=jobs, costs=costs, batch_cost=batch_cost) == {n: 2 * n for n in tasks}


def test_the_work_is_done_in_several_processes() -> None:
    barrier = multiprocessing.get_context("fork").Barrier(3)

    def met(_task: int) -> int:
        barrier.wait(60)  # passes only when three are at it at the same time
        return os.getpid()

    pids = set(run(met, [0, 1, 2], jobs=3).values())
    assert len(pids) == 3
    assert os.getpid() not in pids


def test_the_largest_goes_first() -> None:
    order = [index for index, _ in pool.run(double, [0, 1, 2], [1, 3, 2], jobs=1, batch_cost=1, patience=PATIENT)]
    assert order == [1, 2, 0]


def test_tasks_cross_as_json() -> None:
    values = ["\udcff", "é\n\0", None, [1, {"a": 2.5}], 2**70, ""]
    answers = run(lambda task: [task], values)
    assert answers == {n: [value] for n, value in enumerate(values)}


def test_nothing_is_pickled(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> bytes:
        raise AssertionError("pickled")

    monkeypatch.setattr("multiprocessing.reduction.ForkingPickler.dumps", refuse)
    monkeypatch.setattr("multiprocessing.reduction.ForkingPickler.loads", refuse)
    assert run(double, [1, 2, 3]) == {0: 2, 1: 4, 2: 6}


def leave() -> None:
    os._exit(0)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def no_memory() -> None:
    raise MemoryError


def leave_by_exception() -> None:
    raise SystemExit(3)


def answer_by_nonsense() -> object:
    return object()


def stop() -> None:
    while True:
        time.sleep(60)


def deaf() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    stop()


@pytest.mark.parametrize(
    "end", [leave, kill, no_memory, leave_by_exception, answer_by_nonsense], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("batch_cost", [1, 1000], ids=["alone", "in a batch"])
def test_a_task_that_kills_its_worker_is_the_only_one_lost(
    end: Any, batch_cost: int, capfd: pytest.CaptureFixture[str]
) -> None:
    def work(task: int) -> Any:
        return end() if task in {3, 7} else task

    answers = run(work, list(range(12)), batch_cost=batch_cost)
    assert answers == {n: None if n in {3, 7} else n for n in range(12)}
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("end", [stop, deaf], ids=lambda f: f.__name__)
def test_a_silent_worker_is_killed(end: Any) -> None:
    def work(task: int) -> Any:
        return end() if task == 1 else task

    assert run(work, [0, 1, 2], patience=0.2) == {0: 0, 1: None, 2: 2}


def test_a_whole_batch_of_killers_is_lost_one_by_one() -> None:
    assert run(lambda _task: kill(), [0, 1, 2, 3], batch_cost=100) == dict.fromkeys(range(4))


def test_a_worker_that_died_between_two_batches_costs_no_task() -> None:
    def work(task: int) -> int:
        if task == 0:
            threading.Timer(0.05, kill).start()
        return task

    answers = pool.run(work, [0, 1], [2, 1], jobs=1, batch_cost=1, patience=PATIENT)
    assert next(answers) == (0, 0)
    while multiprocessing.active_children():
        time.sleep(0.01)
    assert list(answers) == [(1, 1)]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, GeneratorExit])
def test_an_exception_in_the_consumer_ends_the_workers(error: type[BaseException]) -> None:
    answers = pool.run(
        lambda task: stop() if task else task, [0, 1, 2, 3], [9, 1, 1, 1], jobs=3, batch_cost=1, patience=PATIENT
    )
    assert next(answers) == (0, 0)
    assert len(multiprocessing.active_children()) == 3
    with pytest.raises(error):
        answers.throw(error)
    assert multiprocessing.active_children() == []


def test_a_consumer_that_walks_away_ends_the_workers() -> None:
    answers = pool.run(lambda task: stop() if task else task, [0, 1], [9, 1], jobs=2, batch_cost=1, patience=PATIENT)
    next(answers)
    answers.close()
    assert multiprocessing.active_children() == []


def test_workers_leave_ctrl_c_to_their_parent() -> None:
    def work(task: int) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        return task

    assert run(work, [1, 2]) == {0: 1, 1: 2}


def test_a_worker_without_its_parent_ends() -> None:
    """The parent is killed, so nobody tells the workers: they notice by themselves."""
    reading, writing = os.pipe()
    parent = os.fork()
    if not parent:
        try:
            answers = pool.run(lambda _task: os.getpid(), [0], [1], jobs=1, batch_cost=1, patience=PATIENT)
            os.write(writing, str(next(answers)[1]).encode())
            kill()
        finally:
            os._exit(1)
    os.close(writing)
    worker = int(os.read(reading, 20))
    os.waitpid(parent, 0)
    # its end of the pipe is inherited: the read ends when the worker does
    assert os.read(reading, 1) == b""
    os.close(reading)
    assert worker not in children()


def test_no_task_at_all() -> None:
    assert run(double, []) == {}
