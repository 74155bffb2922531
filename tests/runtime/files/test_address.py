"""Addresses where paths are expected are refused with what to do instead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from clips import ClipMaker
from fomm_rt import Animator, VideoReader, VideoWriter, animate_file, read_picture, write_picture
from fomm_rt.clip.motion_file import load_motion
from fomm_rt.errors import FommError, MediaError, ModelError, MotionError, OutputError
from fomm_rt.files.address import explain_input, explain_output, find_address


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("https://example.com/a.mp4", "https://example.com/a.mp4"),
        (Path("https://example.com/a.mp4"), "https://example.com/a.mp4"),
        (Path("s3://bucket/a"), "s3://bucket/a"),
        (Path("RTSP://camera:554/live?x=1"), "RTSP://camera:554/live?x=1"),
        (Path("file:///home/me/a.png"), "file:///home/me/a.png"),
        ("a/https://b", None),
        ("concat:a.mp4", None),
        ("C:/pictures/a.png", None),
        ("a:b", None),
        ("plain.png", None),
        ("", None),
    ],
)
def test_find_address(path: str | Path, address: str | None) -> None:
    assert find_address(path) == address
    assert (explain_input(Path(path)) is None) == (address is None)
    assert (explain_output(Path(path)) is None) == (address is None)


def test_what_to_do_instead() -> None:
    assert explain_input(Path("https://a.com/b.mp4")) == (
        "https://a.com/b.mp4 is an address; only files on this machine are read. Download it first, then give the file."
    )
    assert explain_input(Path("rtsp://camera/live")) == (
        "rtsp://camera/live is a stream; only files are read. Record it to a file first, for example: "
        "ffmpeg -i rtsp://camera/live -t 60 -c copy recorded.mkv"
    )
    for written in ("file:///home/me/my%20face.png", "file://localhost/home/me/my%20face.png"):
        explained = explain_input(Path(written))
        assert explained is not None
        assert explained.endswith("is an address; give the path itself: /home/me/my face.png")


ADDRESS = "https://127.0.0.1:9/clip.mp4"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: read_picture(ADDRESS), MediaError),
        (lambda: VideoReader(ADDRESS), MediaError),
        (lambda: load_motion(ADDRESS.replace(".mp4", ".npz")), MotionError),
        (lambda: VideoWriter(ADDRESS, 25), OutputError),
        (lambda: VideoWriter("s3://bucket/frames-%05d.png", 25), OutputError),
        (lambda: VideoWriter("https://127.0.0.1/no-ending", 25), OutputError),
        (lambda: Animator.load(ADDRESS), ModelError),
        (lambda: Animator.load(Path(ADDRESS)), ModelError),
        (lambda: animate_file(ADDRESS, ADDRESS, "a.mp4"), MediaError),
    ],
)
def test_addresses_are_refused_everywhere(
    call: Callable[[], object], error: type[FommError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=r"^(https://127\.0\.0\.1(:9)?|s3://bucket)/\S+ is an address; "):
        call()
    assert list(tmp_path.iterdir()) == []


def test_a_picture_is_not_written_to_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match="results are written to files on this machine"):
        write_picture("ftp://host/a.png", np.zeros((4, 4, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_with_such_a_name_is_read(
    make_clip: ClipMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip(frames=2)
    monkeypatch.chdir(tmp_path)
    Path("https:/a").mkdir(parents=True)
    clip.rename("https:/a/clip.mp4")
    with VideoReader("https://a/clip.mp4") as reader:
        assert sum(1 for _ in reader) == 2
    with VideoWriter("https://a/out.mkv", 25) as writer:
        writer.write(read_picture("https://a/clip.mp4"))
    assert Path("https:/a/out.mkv").exists()
