"""The fake video devices behave as the kernel's do, as seen by FFmpeg."""

from __future__ import annotations

import numpy as np
import pytest

from fakes.video_devices import FakeVideoDevices
from fomm_bench.numbered_pictures import number_of, numbered

READ = """
import av, time
from fomm_bench.numbered_pictures import number_of
read = []
try:
    with av.open("/dev/video0", format="v4l2", container_options={"video_size": "640x480"}) as container:
        for frame in container.decode(video=0):
            age_s = time.perf_counter() - frame.pts * float(frame.time_base)
            read.append((number_of(frame.to_ndarray(format="rgb24")), frame.width, age_s))
            if len(read) == 12:
                break
            if len(read) == pause_before:
                time.sleep(0.5)
    error = None
except OSError as failure:
    error = failure.errno
result = read, error
"""


def test_camera_gives_numbered_frames_with_the_time_of_the_kernel(devices: FakeVideoDevices) -> None:
    devices.add(0, sizes="320x240,640x480", rate=60)
    read, error = devices.evaluate(READ, pause_before=-1)
    assert error is None
    assert [number for number, _, _ in read] == sorted({number for number, _, _ in read})
    assert {width for _, width, _ in read} == {640}
    assert all(0 <= age_s < 30 for *_, age_s in read)


def test_late_reader_gets_the_oldest_frames_and_misses_those_without_a_buffer(devices: FakeVideoDevices) -> None:
    devices.add(0, rate=60)
    read, _ = devices.evaluate(READ, pause_before=2)
    numbers = [number for number, _, _ in read]
    assert numbers[2] == numbers[1] + 1
    assert numbers[-1] - numbers[0] > len(numbers)
    assert read[2][2] > 0.3


def test_camera_is_unplugged(devices: FakeVideoDevices) -> None:
    devices.add(0, unplug_after=5)
    read, error = devices.evaluate(READ, pause_before=-1)
    assert len(read) == 5
    assert error == 19


@pytest.mark.parametrize("where", ["open", "format", "buffers"])
def test_camera_is_busy(devices: FakeVideoDevices, where: str) -> None:
    devices.add(0, busy=where)
    assert devices.evaluate(READ, pause_before=-1) == [[], 16]


def test_loopback_keeps_what_is_written(devices: FakeVideoDevices) -> None:
    devices.add(9)
    devices.evaluate(
        """
import av, numpy as np
with av.open("/dev/video9", "w", format="v4l2") as container:
    stream = container.add_stream("rawvideo", 30)
    stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
    for level in (16, 128, 235):
        frame = av.VideoFrame(320, 240, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes([level]) * plane.buffer_size)
        container.mux(stream.encode(frame))
result = None
"""
    )
    text, frames = devices.written()
    assert text == "320x240 YU12"
    assert [frame[0] for frame in frames] == [16, 128, 235]
    assert {len(frame) for frame in frames} == {320 * 240 * 3 // 2}


def test_numbers_are_read_as_they_are_drawn() -> None:
    for number in (0, 1, 4660, 65535):
        assert number_of(numbered(number, 256, 144)) == number
    assert number_of(np.zeros((48, 64, 3), np.uint8)) == 0
