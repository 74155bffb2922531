"""Files that cannot be read as a video are refused with a reason."""

import os
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from clips import corners, packet_places
from fomm_rt.errors import MediaError
from fomm_rt.media.read.video_reader import VideoReader


def test_cover_art_is_not_a_video(tmp_path: Path) -> None:
    path = tmp_path / "song.m4a"
    cover = cv2.imencode(".png", corners())[1].tobytes()
    with av.open(str(path), "w", format="mp4") as output:
        sound = output.add_stream("aac", rate=44100)
        picture = output.add_stream("png", rate=1)
        assert isinstance(sound, av.AudioStream)
        assert isinstance(picture, av.VideoStream)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "rgb24"
        picture.disposition = av.stream.Disposition.attached_pic
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        frame.sample_rate = 44100
        output.mux(sound.encode(frame))
        packet = av.Packet(cover)
        packet.stream, packet.pts, packet.dts = picture, 0, 0
        output.mux(packet)
        output.mux(sound.encode(None))
    with av.open(str(path)) as container:
        assert container.streams.video[0].disposition & av.stream.Disposition.attached_pic
    with pytest.raises(MediaError, match="only sound"):
        VideoReader(path)


def test_sound_alone_is_not_a_video(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    clip = make_clip("both.mkv", audio="flac")
    path = tmp_path / "sound.mka"
    with av.open(str(clip)) as source, av.open(str(path), "w", format="matroska") as output:
        stream = output.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    with pytest.raises(MediaError, match="only sound"):
        VideoReader(path)


def test_damage_that_ffmpeg_reports_as_lack_of_memory(make_clip: Callable[..., Path]) -> None:
    clip = make_clip("damaged.mp4", frames=10)
    content = bytearray(clip.read_bytes())
    # The number of entries in the table of durations; FFmpeg does not allocate a table as long as this.
    content[content.index(b"stts") + 8] = 0x3F
    clip.write_bytes(content)
    with pytest.raises(av.MemoryError):
        av.open(str(clip))
    with pytest.raises(MediaError, match=r"damaged\.mp4 is an incomplete or damaged MP4 file"):
        VideoReader(clip)


def test_lack_of_memory_is_no_damage(make_clip: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def allocate(*_args: object, **_options: object) -> None:
        raise MemoryError

    monkeypatch.setattr(av, "open", allocate)
    with pytest.raises(MemoryError):
        VideoReader(make_clip("good.mp4"))


def test_refuses_a_stream_without_frames(make_clip: Callable[..., Path]) -> None:
    clip = make_clip("void.mp4", frames=10)
    content = bytearray(clip.read_bytes())
    for position, size in packet_places(clip):
        content[position : position + size] = bytes(size)
    clip.write_bytes(content)
    with pytest.raises(MediaError, match="no frame of it can be decoded"):
        VideoReader(clip)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.mp4", b"just text\n" * 100, "a text file"),
        ("a.txt", b"just text\n" * 100, "a text file"),
        ("a.mp4", b"<html><body>404</body></html>", "a web page"),
        ("a.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nclip.mp4\n#EXT-X-ENDLIST\n", "a playlist"),
        ("a.txt", b"ffconcat version 1.0\nfile clip.mp4\n", "a playlist"),
        ("a.mpd", b'<?xml version="1.0"?><MPD></MPD>', "an XML document"),
        ("a.srt", b"1\n00:00:00,000 --> 00:00:01,000\nHello\n", "a text file"),
        ("a.mp4", bytes(5000), "not a video of a known format"),
        ("a.mp4", bytes(4) + b"ftypisom" + bytes(100), "incomplete or damaged MP4"),
    ],
)
def test_names_the_content_of_a_file_that_is_not_a_video(
    *,
    tmp_path: Path,
    make_clip: Callable[..., Path],
    name: str,
    content: bytes,
    said: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    make_clip("clip.mp4", frames=2)
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MediaError, match=said) as caught:
        VideoReader(path)
    assert str(caught.value).startswith(str(path))
    assert capfd.readouterr().err == ""


def test_refuses_an_mp4_without_its_index(make_clip: Callable[..., Path]) -> None:
    clip = make_clip("clip.mp4", frames=20)
    content = clip.read_bytes()
    clip.write_bytes(content[: content.index(b"moov") - 4])
    with pytest.raises(MediaError, match="its index cannot be read"):
        VideoReader(clip)


@pytest.mark.parametrize(
    "name",
    [
        "concat:a.mp4|b.mp4",
        "pipe:0",
        "data:video/mp4;base64,AAAA",
        "lavfi:testsrc",
    ],
)
def test_addresses_are_file_names(name: str) -> None:
    with pytest.raises(MediaError, match="does not exist"):
        VideoReader(name)


def test_reads_names_that_look_like_protocols_or_patterns(
    tmp_path: Path, make_clip: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip("clip.mp4", frames=3)
    monkeypatch.chdir(tmp_path)
    for name in ("file:clip.mp4", "concat:clip.mp4", "frame-%03d.mp4", "a b#?&.mp4", "-i.mp4", "ünï.mp4"):
        Path(name).write_bytes(clip.read_bytes())
        with VideoReader(name) as reader:
            assert sum(1 for _ in reader) == 3


def test_refuses_missing_and_empty_files_folders_and_pipes(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "folder.mp4").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    for name, said in (
        ("none.mp4", "does not exist"),
        ("empty.mp4", "is empty"),
        ("folder.mp4", "is a folder"),
        ("pipe.mp4", "not a regular file"),
    ):
        with pytest.raises(MediaError, match=said):
            VideoReader(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_refuses_a_video_without_permission(make_clip: Callable[..., Path]) -> None:
    clip = make_clip("locked.mp4")
    clip.chmod(0)
    with pytest.raises(MediaError, match="may not be read"):
        VideoReader(clip)


def test_refuses_a_file_that_vanished(make_clip: Callable[..., Path]) -> None:
    clip = make_clip("clip.mp4")
    with VideoReader(clip) as reader:
        clip.unlink()
        with pytest.raises(MediaError, match="does not exist"):
            list(reader)
