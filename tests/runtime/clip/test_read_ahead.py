"""Reading ahead and writing behind: order, the earliest failure, interruptions, bounds, no thread left."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue

import pytest

from fomm_rt.clip.read_ahead import ReadAhead
from fomm_rt.clip.write_behind import WriteBehind

COUNT = 20


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.enumerate()
    yield
    assert threading.enumerate() == before


class ReadError(Exception):
    """In reading."""


class CallerError(Exception):
    """Between the two."""


class WriteError(Exception):
    """In writing."""


class Source:
    """Numbers up to COUNT, which tell how many of them are alive."""

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
    """Reads, handles, writes."""
    with ReadAhead(source, depth) as ahead, WriteBehind(write_one, depth) as write:
        for item in ahead:
            handle(item)
            write(item)


def wait_until_blocked(source: Source, depth: int) -> None:
    """Lets the reading thread come as far as it may."""
    for _ in range(10_000):
        if source.produced == depth:
            return
        threading.Event().wait(0.001)
    raise AssertionError(f"{source.produced} items, expected {depth}")


@pytest.mark.parametrize("depth", [1, 2, COUNT, 3 * COUNT])
def test_order(depth: int) -> None:
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


def test_nothing_to_read() -> None:
    with ReadAhead[int]([], 2) as ahead:
        assert list(ahead) == []


def test_what_is_no_generator() -> None:
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
def test_failure_of_the_caller(at: int) -> None:
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
def test_failure_of_writing(at: int) -> None:
    source, written = Source(), list[int]()
    with pytest.raises(WriteError, match=rf"^{at}$"):
        pass_on(source, write_to(written, fails_at=at))
    assert written == list(range(at))
    assert source.is_closed
    assert source.produced <= at + 1 + 2 * 2 + 1


@pytest.mark.parametrize("later", [ReadError, CallerError])
def test_the_earliest_failure_is_raised(later: type[Exception]) -> None:
    """The caller fails while an earlier item waits to be written and will fail, too."""
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


def test_failure_while_the_caller_waits_for_a_place() -> None:
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
def test_ctrl_c_while_waiting(waiting_for: str, presses: int) -> None:
    """The main thread hangs in a queue; both threads end, and what they use is not touched before."""
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


def test_a_slow_caller_bounds_what_is_read() -> None:
    source = Source()
    with ReadAhead(source, 3) as ahead:
        for taken in range(5):
            wait_until_blocked(source, taken + 3)
            assert next(ahead) == taken
    assert source.produced <= 5 + 3


def test_a_slow_writer_bounds_what_is_read() -> None:
    """Alive are at most: 2 being written or waiting for it, 1 in the caller's hands, 2 read ahead."""
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


def test_abandoned_iteration_is_closed() -> None:
    source = Source()
    with ReadAhead(source, 2) as ahead:
        for item in ahead:
            if item == 3:
                break
    assert source.is_closed
    assert source.produced <= 4 + 2


def test_abandoned_before_its_start() -> None:
    with ReadAhead(Source(fails_at=0), 2), WriteBehind(write_to([]), 2):
        pass


@pytest.mark.parametrize("piece", [lambda: ReadAhead(Source(), 2), lambda: WriteBehind(write_to([]), 2)])
def test_interrupted_while_starting(
    piece: Callable[[], ReadAhead[int] | WriteBehind[[int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def start_and_interrupt(self: threading.Thread) -> None:
        start(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", start_and_interrupt)
    with pytest.raises(KeyboardInterrupt), piece():
        pass


def test_no_thread_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail)
    with pytest.raises(RuntimeError, match="new thread"), ReadAhead(Source(), 2):
        pass
