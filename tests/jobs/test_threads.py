"""Threads for what waits: answers in any order, errors raised where they are taken, a pulse while nothing comes."""

import threading

import pytest

from assaymark.jobs import threads


def test_every_task_is_answered_once() -> None:
    answers = [answer for answer in threads.run(lambda n: n * n, 100, jobs=7, pulse=60) if answer]
    assert sorted(answers) == [(n, n * n) for n in range(100)]


def test_no_tasks() -> None:
    assert list(threads.run(lambda n: n, 0, jobs=4, pulse=60)) == []


def test_no_more_run_at_once_than_asked_for() -> None:
    lock = threading.Lock()
    running = most = 0

    def work(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        with lock:
            running -= 1

    assert len(list(threads.run(work, 200, jobs=3, pulse=60))) == 200
    assert most <= 3


def test_an_error_is_raised_and_nothing_more_is_begun() -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 2:
            raise ValueError("two")
        return number

    with pytest.raises(ValueError, match="two"):
        for _ in threads.run(work, 1_000_000, jobs=1, pulse=60):
            pass
    assert len(begun) < 1_000_000


def test_a_pulse_while_nothing_comes() -> None:
    go = threading.Event()
    answers = threads.run(lambda n: go.wait(60) and n, 1, jobs=1, pulse=0.01)
    assert next(answers) is None
    go.set()
    assert [answer for answer in answers if answer] == [(0, 0)]
