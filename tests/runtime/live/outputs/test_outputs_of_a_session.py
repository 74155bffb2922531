"""Recordings and raw frames as outputs of a whole session, with a camera and a network of known times."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Thread

import av
import numpy as np
import pytest

from fomm_bench.live_stand_ins import NumberedCamera, NumberReader, timed_animator
from fomm_bench.numbered_pictures import number_of
from fomm_rt.errors import OutputError
from fomm_rt.image import Image
from fomm_rt.live.controls.commands import Command
from fomm_rt.live.controls.state import LiveState
from fomm_rt.live.frames import LiveFrame
from fomm_rt.live.outputs.protocol import Output
from fomm_rt.live.outputs.raw_frames import RawFrames
from fomm_rt.live.outputs.recording import Recording
from fomm_rt.live.outputs.recording_file import RecordingFile
from fomm_rt.live.session import LiveSession

SOON_S = 30


def _session(*outputs: Output, count: int = 40, recording: bool = True) -> LiveSession:
    camera = NumberedCamera(0.01, count=count)
    return LiveSession(timed_animator(0.005), camera, outputs, state=LiveState(recording=recording))


def _recorded(path: Path) -> list[tuple[int, int]]:
    """The number in each picture of a file, and its time in milliseconds."""
    with av.open(str(path)) as container:
        return [
            (number_of(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)), round(1000 * (frame.time or 0)))
            for frame in container.decode(video=0)
        ]


def test_a_recording_holds_exactly_the_shown_frames(tmp_path: Path) -> None:
    reader, recording = NumberReader(), Recording(tmp_path / "out.mkv")
    report = _session(reader, recording).run(SOON_S)
    shown = [(sequence, captured_s) for _, sequence, captured_s, _ in reader.frames if sequence is not None]
    recorded = _recorded(tmp_path / "out.mkv")
    assert [number for number, _ in recorded] == [sequence for sequence, _ in shown]
    assert len(recorded) == report.numbers.shown
    since_ms = [(captured_s - shown[0][1]) * 1000 for _, captured_s in shown]
    assert np.abs(np.array([time_ms for _, time_ms in recorded]) - since_ms).max() <= 1


def test_a_recording_alone_counts_as_shown(tmp_path: Path) -> None:
    report = _session(Recording(tmp_path / "out.mkv")).run(SOON_S)
    assert len(_recorded(tmp_path / "out.mkv")) == report.numbers.shown
    assert report.numbers.captured == report.numbers.shown + report.numbers.dropped == 40


@pytest.fixture
def _full_at_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk of the first file is full at its tenth picture."""
    write = RecordingFile.write

    def fail(file: RecordingFile, picture: Image, time_s: float) -> None:
        if file.path.stem == "out" and file.count == 10:
            raise OutputError("the disk is full")
        write(file, picture, time_s)

    monkeypatch.setattr(RecordingFile, "write", fail)


@pytest.mark.usefixtures("_full_at_ten")
def test_a_session_goes_on_after_a_full_disk_and_records_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def record_again(frame: LiveFrame) -> None:
        if frame.sequence is not None and frame.sequence > 40 and len(recording.files) == 1:
            live.send(Command("record", True))

    recording = Recording(tmp_path / "out.mkv")
    live = _session(NumberReader(on_present=record_again), recording, count=120)
    assert live.run(SOON_S).ended_by == "camera"
    assert [record.message for record in caplog.records] == ["the disk is full"]
    assert [path.name for path in recording.files] == ["out.mkv", "out-2.mkv"]
    again = [number for number, _ in _recorded(tmp_path / "out-2.mkv")]
    assert again[0] > 40
    assert len(again) > 10


@pytest.mark.usefixtures("_full_at_ten")
def test_a_full_disk_ends_a_session_that_only_records(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="the disk is full"):
        _session(Recording(tmp_path / "out.mkv"), count=1000).run(SOON_S)


def test_a_reader_of_raw_frames(tmp_path: Path) -> None:
    """Takes some frames and goes; the session ends without an error."""
    reader, writer = os.pipe()
    frame_bytes, numbers = 64 * 64 * 3, []

    def read() -> None:
        with os.fdopen(reader, "rb") as pipe:
            for _ in range(8):
                content = pipe.read(frame_bytes)
                numbers.append(number_of(np.frombuffer(content, np.uint8).reshape(64, 64, 3)))

    thread = Thread(target=read)
    thread.start()
    recording = Recording(tmp_path / "out.mkv")
    report = _session(RawFrames((64, 64), 30, writer), recording, count=10_000).run(SOON_S)
    thread.join()
    os.close(writer)
    assert report.ended_by == "reader"
    assert len(numbers) == 8
    seen = numbers[1:]  # the first is the avatar at rest
    assert seen == sorted(seen)
    assert {number for number, _ in _recorded(tmp_path / "out.mkv")} >= set(seen) - {numbers[0]}
