"""Decoded frames are freed at once, without the garbage collector."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from av.video.frame import VideoFrame as CodedFrame

from clips import write_clip
from fomm_rt.media.read.video_reader import VideoReader


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def coded_frames() -> int:
    """Number of decoded frames in memory."""
    return sum(type(thing) is CodedFrame for thing in gc.get_objects())


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.avi"])
@pytest.mark.usefixtures("no_collector")
def test_no_decoded_frame_waits_for_the_collector(name: str, tmp_path: Path) -> None:
    path = write_clip(tmp_path / name, frames=40)
    before = coded_frames()
    with VideoReader(path) as reader:
        kept = [coded_frames() - before for _frame in reader]
    assert len(kept) == 40
    assert max(kept) <= 10  # a decoder with threads gives several frames at once
    assert coded_frames() - before <= 1
