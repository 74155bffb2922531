from __future__ import annotations

import pytest

from fomm_rt.errors import CameraError
from fomm_rt.live.cameras.screen import ScreenCamera
from virtual_display import HEIGHT, WIDTH, virtual_display


def test_screen_and_a_part_of_it() -> None:
    with virtual_display() as display:
        for camera, shape in (
            (ScreenCamera(display.name), (HEIGHT, WIDTH, 3)),
            (ScreenCamera(f"{display.name}+10,20", (64, 48)), (48, 64, 3)),
        ):
            stream = camera.open()
            frames = [stream.read(), stream.read()]
            assert all(frame is not None and frame.pixels.shape == shape for frame in frames)
            assert stream.description.startswith(f"screen {camera.display}, {shape[1]}×{shape[0]}, 30 fps, ")
            stream.close()
        with pytest.raises(CameraError, match="the part must lie within the screen"):
            ScreenCamera(display.name, (WIDTH * 2, HEIGHT)).open()


def test_screen_that_is_not_there() -> None:
    with pytest.raises(CameraError, match="screen :4711 cannot be read: "):
        ScreenCamera(":4711").open()
    with pytest.raises(CameraError, match="x11grab: expected a display behind it"):
        ScreenCamera("").open()
