"""ReadAhead and WriteBehind: order, the earliest failure, interruptions, bounds, and no thread left."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue

import pytest

from fomm_rt.clip.overlap import ReadAhead, WriteBehind

COUNT = 20


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.enumerate()
    yield
    assert threading.enumerate() == before


class ReadError(Exception):
    """Raised while reading."""


class CallerError(Exception):
    """Raised between reading and writing."""


class WriteError(Exception):
    """Raised while writing."""


class Source:
    """Yields the numbers below COUNT and counts them."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.fails_at = fails_at
        self.produced = 0
        self.is_closed = False
        self.thread: threading.Thread | None = None

    def __iter__(self) -> Iterator[int]:
        self.thread = threading.current_thread()
        try:
            for i in range(COUNT):
                if i == self.fails_at:
                    raise ReadError(i)
                self.produced += 1
                yield i
        finally:
            assert threading.current_thread() is self.thread
            self.is_closed = True


def write_to(written: list[int], fails_at: int | None = None) -> Callable[[int], None]:
    def write(item: int) -> None:
        if item == fails_at:
            raise WriteError(item)
        written.append(item)

    return write


def pass_on(
    source: Iterable[int],
    write_one: Callable[[int], None],
    depth: int = 2,
    handle: Callable[[int], None] = lambda _: None,
) -> None:
    """Reads, handles and writes all items."""
    with ReadAhead(source, depth) as ahead, WriteBehind(write_one, depth) as write:
        for item in ahead:
            handle(item)
            write(item)


def wait_until_blocked(source: Source, depth: int) -> None:
    """Waits until the reading thread has produced as many items as it may."""
    for _ in range(10_000):
        if source.produced == depth:
            return
        threading.Event().wait(0.001)
    raise AssertionError(f"{source.produced} items, expected {depth}")


@pytest.mark.parametrize("depth", [1, 2, COUNT, 3 * COUNT])
def test_keeps_the_order(depth: int) -> None:
    source, written = Source(), list[int]()
    with ReadAhead(source, depth) as ahead, WriteBehind(write_to(written), depth) as write:
        for item in ahead:
            write(item)
        assert list(ahead) == []
    assert written == list(range(COUNT))
    assert source.is_closed
    assert source.thread is not threading.current_thread()
    assert ahead.busy_s > 0
    assert ahead.waiting_s > 0
    assert write.busy_s > 0
    assert write.waiting_s > 0


def test_reads_nothing() -> None:
    with ReadAhead[int]([], 2) as ahead:
        assert list(ahead) == []


def test_reads_ahead_of_any_iterable() -> None:
    with ReadAhead(range(COUNT), 2) as ahead:
        assert next(ahead) == 0


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("at", [0, 7, COUNT - 1])
def test_failure_of_reading_comes_after_the_items_before_it(at: int, depth: int) -> None:
    written: list[int] = []
    with pytest.raises(ReadError, match=rf"^{at}$"):
        pass_on(Source(fails_at=at), write_to(written), depth)
    assert written == list(range(at))


@pytest.mark.parametrize("at", [0, 7, COUNT - 1])
def test_a_failure_of_the_caller_ends_both_threads(at: int) -> None:
    source, written = Source(), list[int]()

    def fail(item: int) -> None:
        if item == at:
            raise CallerError

    with pytest.raises(CallerError):
        pass_on(source, write_to(written), handle=fail)
    assert written == list(range(at))
    assert source.is_closed
    assert source.produced <= at + 1 + 2


@pytest.mark.parametrize("at", [0, 7, COUNT - 1])
def test_a_failure_of_writing_reaches_the_caller(at: int) -> None:
    source, written = Source(), list[int]()
    with pytest.raises(WriteError, match=rf"^{at}$"):
        pass_on(source, write_to(written, fails_at=at))
    assert written == list(range(at))
    assert source.is_closed
    assert source.produced <= at + 1 + 2 * 2 + 1


@pytest.mark.parametrize("later", [ReadError, CallerError])
def test_the_earliest_failure_is_raised(later: type[Exception]) -> None:
    """The caller fails while an earlier item, which will fail too, waits to be written."""
    may_write, written = threading.Event(), list[int]()

    def write_slowly(item: int) -> None:
        assert may_write.wait(60)
        write_to(written, fails_at=1)(item)

    def fail_with_writes_pending() -> None:
        with WriteBehind(write_slowly, 3) as write:
            for item in range(3):
                write(item)
            may_write.set()
            raise later

    with pytest.raises(WriteError, match=r"^1$") as caught:
        fail_with_writes_pending()
    assert written == [0]
    assert isinstance(caught.value.__context__, later)


def test_a_failure_reaches_a_caller_that_waits_for_a_place() -> None:
    may_write, calls = threading.Event(), list[int]()
    timer = threading.Timer(0.05, may_write.set)

    def fail(item: int) -> None:
        calls.append(item)
        timer.start()
        assert may_write.wait(60)
        raise WriteError

    with pytest.raises(WriteError):
        pass_on(range(COUNT), fail)
    assert calls == [0]
    timer.join()


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_interrupted_work_is_dropped(interruption: type[BaseException]) -> None:
    source, written, has_begun, may_write = Source(), list[int](), threading.Event(), threading.Event()
    timer = threading.Timer(0.05, may_write.set)

    def write_slowly(item: int) -> None:
        has_begun.set()
        assert may_write.wait(60)
        written.append(item)

    def interrupt(item: int) -> None:
        if item == 3:
            assert has_begun.wait(60)
            timer.start()
            raise interruption

    with pytest.raises(interruption):
        pass_on(source, write_slowly, 3, interrupt)
    assert written == [0]
    assert source.is_closed
    timer.join()


@pytest.mark.parametrize("presses", [1, 3])
@pytest.mark.parametrize("waiting_for", ["reading", "a place", "the end"])
def test_ctrl_c_waits_for_both_threads(waiting_for: str, presses: int) -> None:
    """The main thread waits in a queue; both threads end before what they use is closed."""
    may_go_on, in_use, events = threading.Event(), threading.Event(), list[str]()

    def hold() -> None:
        in_use.set()
        assert may_go_on.wait(60)
        events.append("ended")

    def read() -> Iterator[int]:
        yield from range(3)
        if waiting_for == "reading":
            hold()
        yield 3

    def write_one(_: int) -> None:
        if waiting_for != "reading":
            hold()

    main = threading.get_ident()

    def press() -> None:
        assert in_use.wait(60)
        for _ in range(presses):
            threading.Event().wait(0.05)
            signal.pthread_kill(main, signal.SIGINT)
        threading.Event().wait(0.05)
        may_go_on.set()

    presser = threading.Thread(target=press)

    def interrupted() -> None:
        try:
            with ReadAhead(read(), 2) as ahead, WriteBehind(write_one, 2 if waiting_for == "a place" else 4) as write:
                presser.start()
                for item in ahead:
                    write(item)
        finally:
            events.append("closed")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    presser.join()
    assert events == ["ended", "closed"]


def test_a_slow_caller_bounds_reading_ahead() -> None:
    source = Source()
    with ReadAhead(source, 3) as ahead:
        for taken in range(5):
            wait_until_blocked(source, taken + 3)
            assert next(ahead) == taken
    assert source.produced <= 5 + 3


def test_a_slow_writer_bounds_reading_ahead() -> None:
    """At most 5 items are alive: 2 written or waiting, 1 with the caller, 2 read ahead."""
    source, may_write, written = Source(), SimpleQueue[None](), list[int]()
    most = 0

    def write_slowly(item: int) -> None:
        nonlocal most
        may_write.get(timeout=60)
        most = max(most, source.produced - len(written))
        written.append(item)

    def let_write() -> None:
        for i in range(COUNT):
            if i + 5 <= COUNT:
                wait_until_blocked(source, i + 5)
            may_write.put(None)

    letter = threading.Thread(target=let_write)
    letter.start()
    with ReadAhead(source, 2) as ahead, WriteBehind(write_slowly, 2) as write:
        for item in ahead:
            write(item)
    letter.join()
    assert written == list(range(COUNT))
    assert most == 5


def test_closes_an_abandoned_iteration() -> None:
    source = Source()
    with ReadAhead(source, 2) as ahead:
        for item in ahead:
            if item == 3:
                break
    assert source.is_closed
    assert source.produced <= 4 + 2


def test_can_be_abandoned_before_the_first_item() -> None:
    with ReadAhead(Source(fails_at=0), 2), WriteBehind(write_to([]), 2):
        pass


@pytest.mark.parametrize("piece", [lambda: ReadAhead(Source(), 2), lambda: WriteBehind(write_to([]), 2)])
def test_an_interrupt_while_starting_leaves_no_thread(
    piece: Callable[[], ReadAhead[int] | WriteBehind[[int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def start_and_interrupt(self: threading.Thread) -> None:
        start(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", start_and_interrupt)
    with pytest.raises(KeyboardInterrupt), piece():
        pass


def test_reports_that_no_thread_can_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail)
    with pytest.raises(RuntimeError, match="new thread"), ReadAhead(Source(), 2):
        pass
