from __future__ import annotations

import os
import pty
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from fakes.live_control import FakeControl, numbered_frame
from fomm_bench.numbered_pictures import number_of
from fomm_rt.errors import OutputError
from fomm_rt.live.controls.commands import Command
from fomm_rt.live.outputs.raw_frames import RawFrames

SIZE = (64, 32)


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def target(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "frames", os.O_CREAT | os.O_RDWR)
    yield descriptor
    os.close(descriptor)


def _numbers(descriptor: int) -> list[int]:
    content = os.pread(descriptor, 1 << 24, 0)
    frames = np.frombuffer(content, np.uint8).reshape(-1, SIZE[1], SIZE[0], 3)
    return [number_of(frame) for frame in frames]


def _opened(descriptor: int, clock: Clock, control: FakeControl | None = None) -> RawFrames:
    output = RawFrames(SIZE, 10, descriptor, clock)
    output.open(control or FakeControl())
    return output


def test_frames_keep_the_announced_rate(clock: Clock, target: int) -> None:
    """At 10 fps: a result that stays for 0.3 s is written three times, and of three within 0.1 s the newest counts."""
    output = _opened(target, clock)
    for number, at_s in enumerate([0.0, 0.1, 0.4, 0.42, 0.44, 0.5]):
        clock.now_s = 100 + at_s
        output.present(numbered_frame(number, at_s, *SIZE))
    output.close()
    assert _numbers(target) == [0, 1, 2, 2, 2, 5]


def test_the_count_never_drifts(clock: Clock, target: int) -> None:
    output = _opened(target, clock)
    times = np.arange(0, 20, 0.083)
    for number, at_s in enumerate(times):
        clock.now_s = 100 + at_s
        output.present(numbered_frame(number, at_s, *SIZE))
    written = _numbers(target)
    assert len(written) == round(times[-1] * 10) + 1
    shown_s = np.array([times[np.searchsorted(times, index / 10 + 0.05, "right") - 1] for index in range(len(written))])
    late = np.abs(shown_s - np.arange(len(written)) / 10)
    assert late.max() <= 0.1


def test_a_reader_that_stopped_is_not_flooded(clock: Clock, target: int) -> None:
    output = _opened(target, clock)
    output.present(numbered_frame(0, 0, *SIZE))
    clock.now_s += 60
    output.present(numbered_frame(1, 60, *SIZE))
    clock.now_s += 0.1
    output.present(numbered_frame(2, 60.1, *SIZE))
    assert _numbers(target) == [0, 1, 2]


def test_mirrors(clock: Clock, target: int) -> None:
    control = FakeControl()
    control.send(Command("mirror-output"))
    output = _opened(target, clock, control)
    output.present(numbered_frame(0b1011000000000000, 0, *SIZE))
    assert _numbers(target) == [0b00001101]


def test_a_gone_reader_is_a_broken_pipe(clock: Clock) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        output = _opened(writer, clock)
        with pytest.raises(BrokenPipeError):
            output.present(numbered_frame(0, 0, *SIZE))
    finally:
        os.close(writer)


def test_a_full_disk(clock: Clock) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        output = _opened(full, clock)
        with pytest.raises(OutputError, match=r"raw frames cannot be written .No space left on device"):
            output.present(numbered_frame(0, 0, *SIZE))
    finally:
        os.close(full)


def test_refuses_a_terminal(clock: Clock) -> None:
    controller, terminal = pty.openpty()
    try:
        with pytest.raises(OutputError, match=r"flood this terminal.*ffplay -f rawvideo .* -video_size 64x32"):
            _opened(terminal, clock)
    finally:
        os.close(controller)
        os.close(terminal)


def test_ffmpeg_reads_them_with_the_printed_arguments(clock: Clock, tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "frames", os.O_CREAT | os.O_RDWR)
    output = _opened(descriptor, clock)
    for number in range(4):
        clock.now_s = 100 + number / 10
        output.present(numbered_frame(number, 0, *SIZE))
    os.close(descriptor)
    words = output.ffmpeg_input.split()
    told = {key.removeprefix("-"): value for key, value in zip(words[::2], words[1::2], strict=True)}
    assert told.pop("i") == "-"
    with av.open(str(tmp_path / "frames"), format=told.pop("f"), options=told) as container:
        read = [(number_of(frame.to_ndarray(format="rgb24")), frame.time) for frame in container.decode(video=0)]  # type: ignore[arg-type]
    assert read == [(0, 0.0), (1, 0.1), (2, 0.2), (3, 0.3)]


def test_tells_how_to_read_them() -> None:
    told = RawFrames((1280, 720), 25).ffmpeg_input
    assert told == "-f rawvideo -pixel_format rgb24 -video_size 1280x720 -framerate 25 -i -"
