"""Network streams from fake cameras on loopback."""

from __future__ import annotations

import numpy as np
import pytest

from clips import ClipMaker
from fakes.stream_server import http_camera, rtsp_camera, udp_camera
from fomm_bench.numbered_pictures import number_of, numbered
from fomm_rt.errors import CameraError
from fomm_rt.live.cameras.network import NetworkCamera
from fomm_rt.live.cameras.protocol import CameraStream
from fomm_rt.live.capture import Capture
from fomm_rt.live.frames import CameraFrame
from fomm_rt.live.numbers import Accounting


def read(stream: CameraStream, count: int) -> list[CameraFrame]:
    frames = []
    for _ in range(count):
        frame = stream.read()
        assert frame is not None
        frames.append(frame)
    return frames


def assert_in_order(frames: list[CameraFrame]) -> None:
    numbers = [number_of(frame.pixels) for frame in frames]
    assert numbers == sorted(set(numbers))
    steps = np.diff([frame.sequence for frame in frames])
    assert steps.tolist() == np.diff(numbers).tolist()


def test_motion_jpeg_over_http() -> None:
    with http_camera() as server:
        stream = NetworkCamera(f"{server.url}/video").open()
        assert stream.description == f"{server.url}/video, 160×96, MJPEG"
        assert_in_order(read(stream, 10))
        stream.close()


def test_stream_that_is_slower_than_its_times_say_loses_nothing() -> None:
    # FFmpeg makes up times of 25 frames per second.
    with http_camera(fps=10) as server:
        stream = NetworkCamera(f"{server.url}/video").open()
        assert [frame.sequence for frame in read(stream, 8)] == list(range(8))
        stream.close()


def test_size_that_changes_while_pictures_come() -> None:
    with http_camera(sizes=[(160, 96)] * 4 + [(320, 192)]) as server:
        stream = NetworkCamera(f"{server.url}/video").open()
        shapes = [frame.pixels.shape for frame in read(stream, 8)]
        assert shapes[0] == (96, 160, 3)
        assert shapes[-1] == (192, 320, 3)
        assert "320×192" in stream.description
        stream.close()


def test_h264_over_udp() -> None:
    with udp_camera() as url:
        stream = NetworkCamera(url).open()
        assert "H264" in stream.description
        assert_in_order(read(stream, 15))
        stream.close()


def test_h264_over_rtsp() -> None:
    with rtsp_camera() as url:
        stream = NetworkCamera(url).open()
        assert_in_order(read(stream, 15))
        stream.close()


def test_camera_that_ends_is_opened_again() -> None:
    with http_camera(count=5) as server:
        phases: list[str] = []
        capture = Capture(
            NetworkCamera(f"{server.url}/video"), Accounting(), lambda state: phases.append(state.phase), retry_s=0.05
        )
        capture.start()
        sequences = []
        while len(phases) < 3:
            frame = capture.frames.take(20)
            assert frame is not None
            sequences.append(frame.sequence)
        capture.stop()
        assert phases[:3] == ["open", "lost", "open"]
        assert sequences == sorted(set(sequences))


def test_camera_that_stalls() -> None:
    with http_camera(stalls_after=3) as server:
        stream = NetworkCamera(f"{server.url}/video", patience_s=0.5).open()
        with pytest.raises(CameraError, match=r"/video has sent no picture for 0\.5 s"):
            read(stream, 10)
        stream.close()


def test_file_on_a_server_is_played_at_its_pace(make_clip: ClipMaker) -> None:
    path = make_clip("clip.mkv", frames=16, rate=40, size=(160, 96), pixels=lambda number: numbered(number, 160, 96))
    with http_camera(files={"/clip.mkv": path.read_bytes()}) as server:
        stream = NetworkCamera(f"{server.url}/clip.mkv").open()
        frames = read(stream, 8)
        assert [number_of(frame.pixels) for frame in frames] == list(range(8))
        assert np.diff([frame.captured_s for frame in frames]).min() > 0.02
        with pytest.raises(CameraError, match="has ended; the other side closed it"):
            read(stream, 9)
        stream.close()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/nothing", "cannot be read: server returned 404 Not Found"),
        ("/private", "asks for a user name and a password; give http://NAME:PASSWORD@HOST/"),
        ("/page", "cannot be read: "),
    ],
)
def test_address_without_a_stream(path: str, message: str) -> None:
    with (
        http_camera(files={"/page": b"<html>not a camera</html>" * 20}) as server,
        pytest.raises(CameraError, match=message),
    ):
        NetworkCamera(server.url + path).open()


def test_nothing_listens() -> None:
    with http_camera() as server:
        url = server.url
    with pytest.raises(CameraError, match="cannot be read: connection refused"):
        NetworkCamera(url).open()


@pytest.mark.parametrize("line", ["file://{path}", "{path}", "concat:{path}", "subfile,,start,0,end,0,,:{path}"])
def test_playlist_cannot_lead_to_a_file_of_this_machine(make_clip: ClipMaker, line: str) -> None:
    path = make_clip("secret.ts", container_format="mpegts")
    entry = line.format(path=path)
    playlists = {
        "/live.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{entry}\n#EXT-X-ENDLIST\n",
        "/list.ffconcat": f"ffconcat version 1.0\nfile '{entry}'\n",
        "/session.sdp": f"v=0\na=control:{entry}\n",
    }
    with http_camera(files={name: text.encode() for name, text in playlists.items()}) as server:
        for name in playlists:
            with pytest.raises(CameraError):
                NetworkCamera(server.url + name).open().read()


def test_redirection_is_followed_to_streams_and_not_to_files(make_clip: ClipMaker) -> None:
    path = make_clip("secret.ts", container_format="mpegts")
    with http_camera(redirections={"/moved": "/video", "/file": f"file://{path}"}) as server:
        stream = NetworkCamera(f"{server.url}/moved").open()
        assert_in_order(read(stream, 2))
        stream.close()
        with pytest.raises(CameraError):
            NetworkCamera(f"{server.url}/file").open()


def test_secrets_in_an_address_are_not_shown() -> None:
    camera = NetworkCamera("rtsp://me:secret@127.0.0.1:9/live?token=secret")
    with pytest.raises(CameraError) as caught:
        camera.open()
    assert "secret" not in str(caught.value)
    assert str(caught.value).startswith("rtsp://127.0.0.1:9/live cannot be read: ")
    assert "secret" not in repr(camera)
