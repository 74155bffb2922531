"""Damaged drivers, interruption and failing stages: results are complete or absent."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from clips import packet_places, write_clip
from fakes.video_writer import FakeWriter
from fomm_rt.animator import Animator
from fomm_rt.clip.animate_file import animate_file
from fomm_rt.errors import BackendError, MediaError, OutputError
from fomm_rt.image import Image
from fomm_rt.media.read.video_reader import VideoFrame, VideoReader
from fomm_rt.media.write.video_writer import VideoTarget
from golden_clip import driving_pixels


def test_a_preview_that_fails_ends_the_run(animator: Animator, source: Path, clip: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())

    def fail(_picture: Image) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        animate_file(source, clip, tmp_path / "r.mp4", preview=fail, animator=animator)
    assert sorted(tmp_path.iterdir()) == before


def test_skips_a_broken_packet_in_the_middle(
    animator: Animator, source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=12, size=(80, 64), pixels=driving_pixels)
    content = bytearray(clip.read_bytes())
    position, size = packet_places(clip)[6]
    content[position : position + size] = b"\xff" * size
    clip.write_bytes(content)
    report = animate_file(source, clip, tmp_path / "r.mp4", animator=animator)
    assert report.frames == 11
    assert report.skipped_packets == 1
    assert "1 broken packet" in caplog.text


def test_warns_of_a_clip_that_was_cut_short(
    animator: Animator, source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = write_clip(
        tmp_path / "clip.mp4",
        frames=40,
        size=(80, 64),
        pixels=driving_pixels,
        container_options={"movflags": "+faststart"},
    )
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 6 // 10])
    report = animate_file(source, clip, tmp_path / "r.mp4", best_frame="auto", animator=animator)
    assert 0 < report.frames < 40
    assert report.frames + report.missing_frames == 40
    assert [record.message for record in caplog.records if "clip.mp4" in record.message] == [
        f"{clip} ends after {report.frames / 25:.1f} s of 1.6 s; the rest is missing or damaged"
    ]


def test_interrupt_leaves_the_old_result(animator: Animator, source: Path, clip: Path, tmp_path: Path) -> None:
    output, motion = tmp_path / "r.mp4", tmp_path / "m.npz"
    output.write_text("old")
    before = sorted(p.name for p in tmp_path.iterdir())

    def interrupt(_stage: str, done: int, _total: int | None) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        animate_file(source, clip, output, motion_output=motion, progress=interrupt, animator=animator)
    assert output.read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == before


@pytest.mark.parametrize("at", [0, 3, 6])
def test_a_failing_encoder_stops_the_run(
    animator: Animator, source: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    writer, threads = FakeWriter(at), threading.active_count()
    monkeypatch.setattr(VideoTarget, "open", lambda *_, **__: writer)
    with pytest.raises(OutputError, match="no space left"):
        animate_file(source, clip, tmp_path / "r.mp4", animator=animator)
    assert len(writer.frames) == at
    assert writer.threads_at_the_end == threads


@pytest.mark.parametrize("at", [0, 3, 6])
@pytest.mark.parametrize("error", [BackendError("ONNX Runtime failed"), KeyboardInterrupt()])
def test_failing_networks_leave_nothing(
    animator: Animator,
    source: Path,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    at: int,
    error: BaseException,
) -> None:
    before, threads, frames = sorted(tmp_path.iterdir()), threading.active_count(), itertools.count()
    animate = Animator.animate

    def fail(self: Animator, frame: Image) -> Image:
        if next(frames) == at:
            raise error
        return animate(self, frame)

    monkeypatch.setattr(Animator, "animate", fail)
    with pytest.raises(type(error)) as caught:
        animate_file(source, clip, tmp_path / "r.mp4", motion_output=tmp_path / "m.npz", animator=animator)
    assert caught.value is error
    assert sorted(tmp_path.iterdir()) == before
    assert threading.active_count() == threads


@pytest.mark.parametrize("at", [0, 3, 6])
@pytest.mark.parametrize("best_frame", [None, "auto"])
def test_a_failing_decoder_leaves_nothing(
    animator: Animator,
    source: Path,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    at: int,
    best_frame: Literal["auto"] | None,
) -> None:
    before, threads, seen = sorted(tmp_path.iterdir()), threading.active_count(), list[int]()
    decode = VideoReader._decode_and_warn

    def fail(self: VideoReader) -> Iterator[VideoFrame]:
        for frame in decode(self, None, 1):
            if frame.index == at:
                raise MediaError("clip.mp4 was taken away")
            yield frame

    monkeypatch.setattr(VideoReader, "_decode_and_warn", lambda self, _part, _interval: (frame for frame in fail(self)))
    with pytest.raises(MediaError, match="taken away"):
        animate_file(
            source,
            clip,
            tmp_path / "r.mp4",
            best_frame=best_frame,
            progress=lambda _stage, done, _total: seen.append(done),
            animator=animator,
        )
    assert seen == list(range(1, at + 1))
    assert sorted(tmp_path.iterdir()) == before
    assert threading.active_count() == threads
