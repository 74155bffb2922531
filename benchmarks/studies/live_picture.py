"""Takes the picture of the live window for the documents.

    Xvfb :77 -screen 0 900x900x24 &
    DISPLAY=:77 python benchmarks/studies/live_picture.py

The window opens in the middle of the screen, the bundled performance drives a bundled avatar, and the gallery is open.
The screen must show nothing else.
"""

import os
from pathlib import Path
from threading import Thread
from time import sleep

from fomm_rt.animator import Animator
from fomm_rt.image import Image
from fomm_rt.live.cameras.choose import choose_camera
from fomm_rt.live.controls.state import LiveState
from fomm_rt.live.outputs.window import Window
from fomm_rt.live.session import LiveSession
from fomm_rt.media.write.picture import write_picture

PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "live.jpg"
SCREEN, WINDOW = 900, 720
LEAD_S = 8
AVATAR = 4


def main() -> None:
    """Writes the picture."""
    state = LiveState(avatar=AVATAR, shows_gallery=True, shows_driving=True, shows_keypoints=True)
    with Animator.load() as animator:
        session = LiveSession(animator, choose_camera("test"), [Window()], state=state)

        def take() -> None:
            sleep(LEAD_S)
            write_picture(PICTURE, _window())
            session.end()

        Thread(target=take, daemon=True).start()
        session.run()
    print(PICTURE)


def _window() -> Image:
    camera = choose_camera(f"x11grab:{os.environ['DISPLAY']}", size=(SCREEN, SCREEN))
    stream = camera.open()
    try:
        frame = stream.read()
        assert frame is not None
        edge = (SCREEN - WINDOW) // 2
        return frame.pixels[edge : edge + WINDOW, edge : edge + WINDOW]
    finally:
        stream.close()


if __name__ == "__main__":
    main()
