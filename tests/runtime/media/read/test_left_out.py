"""Parts of a file that are not read are named, by the reader and in the report of an animation."""

from __future__ import annotations

import struct
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from clips import ClipMaker
from fomm_rt.clip.animate_file import animate_file
from fomm_rt.media.read.left_out import LeftOut
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.write.picture import write_picture
from golden_files import Golden


def left_out_of(path: Path) -> LeftOut:
    with VideoReader(path) as reader:
        return reader.left_out


def remux(target: Path, *sources: Path, with_chapters: bool = False) -> Path:
    """Copies all streams of the sources into one file."""
    with ExitStack() as stack:
        output = stack.enter_context(av.open(str(target), "w"))
        if with_chapters:
            output.set_chapters(
                [{"id": 1, "start": 0, "end": 1, "time_base": Fraction(1), "metadata": {"title": "One"}}]
            )
        packets: list[Any] = []
        for source in sources:
            container = stack.enter_context(av.open(str(source)))
            copies: list[Any] = [output.add_stream_from_template(stream) for stream in container.streams]
            for packet in container.demux():
                if packet.dts is not None:
                    packets.append((packet.dts * packet.time_base, copies[packet.stream.index], packet))
        for _, stream, packet in sorted(packets, key=lambda entry: entry[0]):
            packet.stream = stream
            output.mux(packet)
    return target


@pytest.fixture
def subtitles(tmp_path: Path) -> Path:
    path = tmp_path / "words.srt"
    path.write_text("1\n00:00:00,000 --> 00:00:00,200\nwords\n\n", encoding="utf-8")
    return path


def test_an_ordinary_clip_leaves_nothing_out(make_clip: ClipMaker) -> None:
    assert left_out_of(make_clip("a.mp4", audio="aac")) == LeftOut()
    assert left_out_of(make_clip("b.mkv")) == LeftOut()


def test_further_tracks_subtitles_and_chapters(make_clip: ClipMaker, subtitles: Path, tmp_path: Path) -> None:
    clip = make_clip("a.mp4", audio="aac")
    movie = remux(tmp_path / "movie.mkv", clip, clip, clip, subtitles, with_chapters=True)
    assert left_out_of(movie) == LeftOut(
        ("2 further sound tracks",), ("2 further video streams", "subtitles", "chapters")
    )


def with_unknown_codec(path: Path) -> Path:
    """Gives the first sound track of a QuickTime file, of 16-bit samples, a codec that is not known."""
    content = path.read_bytes()
    path.write_bytes(content.replace(b"sowt", b"xxxx", 1))
    return path


def test_sound_in_an_unknown_codec(make_clip: ClipMaker, tmp_path: Path) -> None:
    clip = with_unknown_codec(make_clip("a.mov", audio="pcm_s16le"))
    assert left_out_of(clip) == LeftOut(("sound in an unsupported codec",))
    sound = make_clip("b.mov", audio="pcm_s16le")
    two = with_unknown_codec(remux(tmp_path / "two.mov", sound, sound))
    assert left_out_of(two).sound == ("1 sound track in an unsupported codec",)
    with VideoReader(two) as reader:
        assert reader.has_audio


@pytest.mark.skipif(
    not (hasattr(cv2, "imwriteanimation") and cv2.haveImageWriter("a.avif")), reason="this OpenCV writes no AVIF"
)
def test_the_transparency_of_an_avif_sequence(tmp_path: Path) -> None:
    path = tmp_path / "moving.avif"
    animation = cv2.Animation()
    animation.frames = [np.full((48, 64, 4), level, np.uint8) for level in (40, 90)]
    animation.durations = [100, 100]
    assert cv2.imwriteanimation(str(path), animation)
    assert left_out_of(path) == LeftOut((), ("transparency",))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_picture(tmp_path / "source.png", Golden("small_aligned").source)
    return tmp_path / "source.png"


@pytest.mark.parametrize("audio", [True, False])
def test_the_report_names_them(
    make_clip: ClipMaker,
    subtitles: Path,
    source: Path,
    small_model: Path,
    tmp_path: Path,
    audio: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    clip = make_clip("a.mp4", audio="aac", frames=3)
    movie = remux(tmp_path / "movie.mkv", clip, make_clip("b.mp4", audio="aac", frames=3), subtitles)
    report = animate_file(source, movie, tmp_path / "r.mkv", model=small_model, audio=audio)
    expected = ("1 further sound track",) if audio else ()
    assert report.left_out == (*expected, "1 further video stream", "subtitles")
    text = (
        "1 further sound track, 1 further video stream and subtitles"
        if audio
        else "1 further video stream and subtitles"
    )
    assert f"{movie}: the result leaves out {text}" in [record.message for record in caplog.records]


def test_sound_that_vanishes_is_said(
    make_clip: ClipMaker, source: Path, small_model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    unknown = with_unknown_codec(make_clip("a.mov", audio="pcm_s16le", frames=3))
    report = animate_file(source, unknown, tmp_path / "r.mp4", model=small_model)
    assert report.left_out == ("sound in an unsupported codec",)
    assert f"{unknown}: the result leaves out sound in an unsupported codec" in caplog.text
    caplog.clear()
    report = animate_file(source, make_clip("b.mp4", audio="aac", frames=3), tmp_path / "r.gif", model=small_model)
    assert report.left_out == ("sound",)
    assert "a GIF has no sound" in caplog.text


def test_sound_that_cannot_be_decoded_is_said(
    make_clip: ClipMaker, source: Path, small_model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = make_clip("in.mkv", frames=10, audio="flac")
    with av.open(str(clip)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(audio=0) if packet.size]
    content = bytearray(clip.read_bytes())
    for position, size in places:
        assert position is not None
        start = content.index(b"\xff\xf8", position)
        content[start : start + size] = struct.pack("B", 1) * size
    clip.write_bytes(content)
    report = animate_file(source, clip, tmp_path / "r.webm", model=small_model)
    assert report.left_out == ("sound",)
    assert "its sound cannot be read and is left out" in caplog.text
