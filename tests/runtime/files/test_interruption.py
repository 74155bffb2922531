"""Signals wait for the end of a step."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from fomm_rt.files.interruption import SIGNALS, uninterrupted


class _StoppedError(Exception):
    pass


@pytest.fixture(autouse=True)
def stopping() -> Iterator[None]:
    """Lets every signal raise, and checks that its handler is restored."""

    def stop(number: int, _frame: object) -> None:
        raise _StoppedError(number)

    before = [(number, signal.signal(number, stop)) for number in SIGNALS]
    yield
    handlers = [signal.getsignal(number) for number in SIGNALS]
    for number, handler in before:
        signal.signal(number, handler)
    assert handlers == [stop] * len(SIGNALS)


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_waits_for_the_outermost_context(number: int) -> None:
    done: list[int] = []

    def work() -> None:
        with uninterrupted():
            with uninterrupted():
                send(number)
                done.append(1)
            done.append(2)
        done.append(3)

    with pytest.raises(_StoppedError, match=str(number)):
        work()
    assert done == [1, 2]


def test_a_signal_is_delivered_after_an_error() -> None:
    def work() -> None:
        with uninterrupted():
            send(signal.SIGINT)
            raise OSError("disk full")

    with pytest.raises(_StoppedError) as caught:
        work()
    assert isinstance(caught.value.__context__, OSError)


def test_of_several_signals_the_first_is_delivered() -> None:
    def work() -> None:
        with uninterrupted():
            send(signal.SIGTERM)
            send(signal.SIGINT)

    with pytest.raises(_StoppedError, match=str(int(signal.SIGTERM))):
        work()


def test_an_ignored_signal_stays_ignored() -> None:
    handler = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with uninterrupted():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
            send(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, handler)


def test_other_threads_may_enter() -> None:
    entered: list[bool] = []

    def work() -> None:
        with uninterrupted():
            entered.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert entered == [True]
