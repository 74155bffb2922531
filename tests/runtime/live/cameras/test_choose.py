from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fomm_rt.bundled import bundled_avatars, bundled_performance
from fomm_rt.errors import CameraError
from fomm_rt.live.cameras import choose
from fomm_rt.live.cameras.choose import choose_camera
from fomm_rt.live.cameras.device import DeviceCamera
from fomm_rt.live.cameras.file import FileCamera
from fomm_rt.live.cameras.listing import ListedCamera
from fomm_rt.live.cameras.network import NetworkCamera
from fomm_rt.live.cameras.screen import ScreenCamera
from fomm_rt.live.cameras.still import StillCamera

CAMERAS = [
    ListedCamera(0, "Integrated Camera", "/dev/video0", problem="in use"),
    ListedCamera(2, "Logitech C920", "/dev/video2"),
    ListedCamera(4, "Logitech C922", "/dev/video4"),
]


@pytest.fixture(autouse=True)
def cameras(monkeypatch: pytest.MonkeyPatch) -> list[ListedCamera]:
    """The cameras of this machine; a test may take them away."""
    cameras = list(CAMERAS)
    monkeypatch.setattr(choose, "list_cameras", lambda: cameras)
    return cameras


def test_first_camera_that_can_be_used() -> None:
    camera = choose_camera()
    assert isinstance(camera, DeviceCamera)
    assert camera.listed is CAMERAS[1]


def test_no_camera(cameras: list[ListedCamera]) -> None:
    cameras.clear()
    with pytest.raises(CameraError, match=r"No camera was found; plug one in, or give a video file"):
        choose_camera()


@pytest.mark.parametrize(("text", "number"), [("4", 4), ("c920", 2), ("Integrated", 0), ("/dev/video2", 2)])
def test_device(text: str, number: int) -> None:
    camera = choose_camera(text, size=(1280, 720), fps=60)
    assert isinstance(camera, DeviceCamera)
    assert (camera.listed.path, camera.size, camera.fps) == (f"/dev/video{number}", (1280, 720), 60)
    assert camera.reconnects


def test_whole_name_goes_before_part_of_a_name(cameras: list[ListedCamera]) -> None:
    cameras.append(ListedCamera(6, "Logitech C920 HD", "/dev/video6"))
    camera = choose_camera("logitech c920")
    assert isinstance(camera, DeviceCamera)
    assert camera.listed.number == 2


def test_ambiguous_name() -> None:
    with pytest.raises(CameraError, match="several cameras; give a number: 2 Logitech C920, 4 Logitech C922"):
        choose_camera("logitech")


@pytest.mark.parametrize("text", ["1", "Sony", "/dev/video77"])
def test_missing_camera(text: str) -> None:
    with pytest.raises(CameraError, match=f"no camera '{text}' here; choose one of: 0 Integrated Camera, 2 Log"):
        choose_camera(text)


def test_missing_file() -> None:
    with pytest.raises(CameraError, match=r"^talk\.mp4 does not exist, and no camera has this name"):
        choose_camera("talk.mp4")


def test_file(tmp_path: Path) -> None:
    path = tmp_path / "my clip"
    shutil.copy(bundled_performance(), path)
    assert choose_camera(str(path), loop=False, start_s=2) == FileCamera(path, loops=False, start_s=2)
    with pytest.raises(CameraError, match="is a folder"):
        choose_camera(str(tmp_path))


def test_picture() -> None:
    camera = choose_camera(str(bundled_avatars()[0]))
    assert isinstance(camera, StillCamera)
    assert camera.picture.shape == (256, 256, 3)


@pytest.mark.parametrize("content", [b"", b"some text"])
def test_file_that_is_no_video(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "clip.mp4").write_bytes(content)
    with pytest.raises(CameraError, match=r"clip\.mp4 is "):
        choose_camera(str(tmp_path / "clip.mp4")).open()


def test_test_camera_is_the_bundled_performance() -> None:
    camera = choose_camera("test")
    assert camera == FileCamera(bundled_performance(), title="test")
    stream = camera.open()
    frame = stream.read()
    assert frame is not None
    assert frame.pixels.std() > 10
    stream.close()


@pytest.mark.parametrize(
    "url", ["rtsp://host/1", "HTTP://host/", "https://host:8080/video", "udp://@:1234", "srt://h:1"]
)
def test_network_stream(url: str) -> None:
    assert choose_camera(url) == NetworkCamera(url)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "concat://a|b", "ftp://host/a.mp4", "data://x", "subfile,,start://a"]
)
def test_address_that_leads_elsewhere(url: str) -> None:
    with pytest.raises(CameraError, match="is not the address of a stream; it must begin with one of rtsp, "):
        choose_camera(url)


def test_screen() -> None:
    assert choose_camera("x11grab::7+10,20", size=(640, 360)) == ScreenCamera(":7+10,20", (640, 360))
