"""Virtual cameras on Windows and macOS: the one that OBS Studio installs, reached through pyvirtualcam.

pyvirtualcam is GPLv2, so it is never installed unless the user asks for the extra, and imported only here.
"""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from fomm_rt.errors import OutputError, first_line
from fomm_rt.image import Image
from fomm_rt.live.outputs.canvas import Size
from fomm_rt.live.outputs.picture_sink import PictureSink

INSTALL = 'pip install "fomm-rt[virtual-camera]"'
INSTALL_OBS = "install OBS Studio, start it once and press Start Virtual Camera, then Stop"


class ObsSink(PictureSink):
    """Writes to the virtual camera of OBS.

    Raises:
        OutputError: pyvirtualcam or OBS is not installed, or another program uses the camera.
    """

    def __init__(self, choice: str | None, size: Size, rate: int) -> None:
        pyvirtualcam = _pyvirtualcam()
        width, height = size
        try:
            self._camera = pyvirtualcam.Camera(
                width=width, height=height, fps=rate, fmt=pyvirtualcam.PixelFormat.RGB, device=choice
            )
        except (RuntimeError, ValueError, OSError) as error:
            reasons = "; ".join(str(error).splitlines())
            raise OutputError(
                f"there is no virtual camera to write to ({reasons}); {INSTALL_OBS}, and end other programs that use it"
            ) from error
        self.name = str(self._camera.device)

    @override
    def write(self, pixels: Image) -> None:
        try:
            self._camera.send(pixels)
        except (RuntimeError, ValueError, OSError) as error:
            raise OutputError(f"the virtual camera {self.name} failed ({first_line(error)})") from error

    @override
    def close(self) -> None:
        self._camera.close()


def _pyvirtualcam() -> Any:
    try:
        import pyvirtualcam
    except ImportError as error:
        raise OutputError(
            f"a virtual camera needs pyvirtualcam, which is not installed; run: {INSTALL} ({INSTALL_OBS})"
        ) from error
    return pyvirtualcam
