"""Memory and threads of animate_file: nothing of a run waits for the garbage collector."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from clips import write_clip
from fomm_rt.animator import Animator
from fomm_rt.clip.animate_file import animate_file
from fomm_rt.media.write.frame_writer import ContainerWriter
from fomm_rt.media.write.picture import write_picture
from golden_files import Golden
from memory_of import run_without_collector

SOURCE = Golden("small_aligned").source
PACKAGES = ("fomm_rt.", "av.")
OTHERS = (FrameType, TracebackType, threading.Thread, np.ndarray)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.png"
    write_picture(path, SOURCE)
    return path


@pytest.fixture
def garbage() -> Iterator[Callable[[], list[Any]]]:
    """What of ours waits for the collector since the test began."""
    gc.collect()
    gc.disable()

    def collect() -> list[Any]:
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        gc.set_debug(0)
        found = [thing for thing in gc.garbage if _is_ours(thing)]
        gc.garbage.clear()
        return found

    yield collect
    gc.enable()


def _is_ours(thing: object) -> bool:
    return type(thing).__module__.startswith(PACKAGES) or isinstance(thing, OTHERS)


class StoppedError(Exception):
    """Ends a run from within."""


def stop_with(error: BaseException) -> Callable[[str, int, int | None], None]:
    def progress(_stage: str, done: int, _total: int | None) -> None:
        if done == 2:
            raise error

    return progress


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"view": "panel"},
        {"best_frame": "auto"},
        {"best_frame": 1000},
        {"progress": stop_with(StoppedError())},
        {"progress": stop_with(KeyboardInterrupt())},
    ],
    ids=["plain", "panel", "best frame", "no such frame", "failure", "interruption"],
)
@pytest.mark.parametrize("name", ["result.mp4", "result.gif", "result-%02d.png"])
def test_nothing_of_a_run_waits_for_the_collector(
    small_model: Path,
    source: Path,
    tmp_path: Path,
    garbage: Callable[[], list[Any]],
    options: dict[str, Any],
    name: str,
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=5, audio="aac")
    with Animator.load(small_model, threads=1) as animator:
        garbage()
        with suppress(BaseException):
            animate_file(source, clip, tmp_path / name, animator=animator, **options)
        assert garbage() == []


@pytest.mark.parametrize("fails", ["decoder", "encoder"])
def test_nothing_of_a_failed_run_waits_for_the_collector(
    small_model: Path,
    source: Path,
    tmp_path: Path,
    garbage: Callable[[], list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    fails: str,
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=5)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if fails == "encoder":
        monkeypatch.setattr(ContainerWriter, "_mux", fail)
    else:
        monkeypatch.setattr("fomm_rt.media.read.frame_pixels.lay_over_white", fail)
        clip = write_clip(tmp_path / "clip.apng", frames=5, codec="apng", pix_fmt="rgba", container_format="apng")
    with Animator.load(small_model, threads=1) as animator:
        garbage()
        with suppress(Exception):
            animate_file(source, clip, tmp_path / "result.mp4", animator=animator)
        assert garbage() == []


def repeated(short: Path, path: Path, times: int) -> Path:
    """Writes the frames of a clip several times over, without encoding them again."""
    with av.open(str(path), "w") as output:
        with av.open(str(short)) as first:
            stream = output.add_stream_from_template(first.streams.video[0])
        assert isinstance(stream, VideoStream)
        for turn in range(times):
            with av.open(str(short)) as again:
                video = again.streams.video[0]
                ticks = turn * (video.duration or 0)
                for packet in again.demux(video):
                    if packet.dts is not None and packet.pts is not None:
                        packet.pts, packet.dts, packet.stream = packet.pts + ticks, packet.dts + ticks, stream
                        output.mux(packet)
    return path


ANIMATE_ONCE = """
from fomm_rt.clip.animate_file import animate_file

model, source, clip, result = sys.argv[1:]
done = animate_file(source, clip, result, model=model, threads=1)
report([done.frames, peak()])
"""


def test_a_long_clip_takes_no_more_memory_than_a_short_one(small_model: Path, source: Path, tmp_path: Path) -> None:
    short = write_clip(tmp_path / "short.mp4", frames=30, size=(1920, 1080), options={"preset": "ultrafast"})
    peaks = {}
    for times in (1, 10):
        clip = repeated(short, tmp_path / "clip.mp4", times)
        frames, peak = run_without_collector(ANIMATE_ONCE, small_model, source, clip, tmp_path / "result.mp4")
        assert frames == 30 * times
        peaks[times] = peak
    assert peaks[10] <= 1.1 * peaks[1]


ANIMATE_MANY = """
from fomm_rt.animator import Animator
from fomm_rt.clip.animate_file import animate_file

model, source, clip, result = sys.argv[1:]
figures = []
with Animator.load(model, threads=1) as animator:
    for _ in range(50):
        animate_file(source, clip, result, animator=animator)
        figures.append([resident(), threads()])
report(figures)
"""


def test_fifty_files_in_one_process_leave_neither_memory_nor_threads(
    small_model: Path, source: Path, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=4, audio="aac")
    figures = run_without_collector(ANIMATE_MANY, small_model, source, clip, tmp_path / "result.mp4")
    assert len(figures) == 50
    memory, threads = zip(*figures, strict=True)
    assert memory[-1] <= 1.05 * max(memory[:5])
    assert threads[-1] <= max(threads[:5]) + 2
