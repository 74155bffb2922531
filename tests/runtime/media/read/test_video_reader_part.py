"""Reading a part of a video: the right frames, without decoding all that come before."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from clips import ClipMaker, numbered_frame, packet_places
from fomm_rt.errors import MediaError
from fomm_rt.media.read.frame_decoder import FrameDecoder
from fomm_rt.media.read.video_reader import VideoReader

NTSC = Fraction(30000, 1001)


def brightness(index: int) -> int:
    return int(numbered_frame(index)[0, -1, 0])


def numbers(path: Path, start: str, duration: str | None = None) -> list[tuple[int, Fraction]]:
    """The frames of a part by what they show, with their times."""
    with VideoReader(path) as reader:
        part = reader.find_part(Fraction(start), None if duration is None else Fraction(duration))
        frames = list(reader.read_part(part))
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert len(frames) == part.timing.frame_count
    shown = [float(frame.pixels[:, 32:].mean()) for frame in frames]
    return [
        (int(np.argmin([abs(brightness(i) - grey) for i in range(28)])), frame.time)
        for grey, frame in zip(shown, frames, strict=True)
    ]


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.avi", "clip.ts", "clip.mov"])
def test_frames_and_times(make_clip: ClipMaker, name: str) -> None:
    codec = {"codec": "mpeg4"} if name.endswith(".avi") else {"options": {"g": "6", "bf": "2", "crf": "5"}}
    clip = make_clip(name, frames=28, **codec)
    whole = numbers(clip, "0")
    assert [number for number, _ in whole] == list(range(28))
    found = numbers(clip, "0.4", "0.32")
    assert [number for number, _ in found] == list(range(10, 18))
    assert all(abs(time - Fraction(i, 25)) <= Fraction(1, 1000) for i, (_, time) in enumerate(found))
    assert [number for number, _ in numbers(clip, "1.0")] == [25, 26, 27]


def test_a_start_between_two_frames(make_clip: ClipMaker) -> None:
    assert [number for number, _ in numbers(make_clip(frames=20), "0.39", "0.08")] == [9, 10]


def test_varying_times(make_clip: ClipMaker) -> None:
    clip = make_clip(frames=5, times=[0, 1000, 2500, 4000, 4100], time_base=Fraction(1, 1000), options={"bf": "0"})
    assert numbers(clip, "1.5", "2.2") == [(1, Fraction(0)), (2, Fraction(1))]


def test_a_picture_is_one_frame(make_clip: ClipMaker) -> None:
    gif = make_clip("one.gif", frames=1, codec="gif", pix_fmt="rgb8")
    with VideoReader(gif) as reader:
        assert reader.find_part(Fraction(0), Fraction(1)).timing.frame_count == 1
    with VideoReader(make_clip(frames=4)) as reader, pytest.raises(MediaError, match=r"clip\.mp4 ends after 0\.16 s"):
        reader.find_part(Fraction(1), None)


def test_animated_pictures(make_clip: ClipMaker) -> None:
    """Their frames are drawn over those before, so all of them are decoded."""
    with VideoReader(make_clip("clip.gif", frames=28, codec="gif", pix_fmt="rgb8", rate=20)) as reader:
        whole = [frame.pixels for frame in reader]
        part = list(reader.read_part(reader.find_part(Fraction("0.5"), Fraction("0.2"))))
    assert [frame.time for frame in part] == [Fraction(i, 20) for i in range(4)]
    assert all(np.array_equal(frame.pixels, whole[10 + i]) for i, frame in enumerate(part))


def test_a_closed_reader(make_clip: ClipMaker) -> None:
    with VideoReader(make_clip(frames=4)) as reader:
        part = reader.find_part(Fraction(0), None)
    with pytest.raises(MediaError, match="was closed"):
        reader.read_part(part)


def test_decodes_from_the_key_frame_before(make_clip: ClipMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_clip(frames=28, options={"g": "7", "bf": "2", "sc_threshold": "0"})
    decoded: list[int] = []
    decode = FrameDecoder.decode

    def counted(self: FrameDecoder, packet: object) -> object:
        decoded.append(1)
        return decode(self, packet)  # type: ignore[arg-type]

    monkeypatch.setattr(FrameDecoder, "decode", counted)
    with VideoReader(clip) as reader:
        part = reader.find_part(Fraction("0.9"), Fraction("0.08"))
        decoded.clear()
        assert len(list(reader.read_part(part))) == 2
    # Frame 22 belongs to the group that begins with frame 21; the decoder works a few packets ahead.
    assert len(decoded) <= 7


def test_damage_before_the_part_does_not_count(make_clip: ClipMaker, caplog: pytest.LogCaptureFixture) -> None:
    clip = make_clip(frames=28, options={"g": "7", "bf": "0"})
    content = bytearray(clip.read_bytes())
    position, size = packet_places(clip)[2]
    content[position + 4 : position + size] = bytes(size - 4)
    clip.write_bytes(content)
    with VideoReader(clip) as reader, caplog.at_level(logging.WARNING):
        caplog.clear()
        frames = list(reader.read_part(reader.find_part(Fraction("0.6"), Fraction("0.2"))))
        assert (len(frames), reader.skipped_packets) == (5, 0)
    assert not caplog.records
