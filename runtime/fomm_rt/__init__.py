"""Animate a picture by driving frames with the First Order Motion Model, without torch.

from fomm_rt import Animator, read_picture

with Animator.load("models/vox-adv") as animator:
    animator.set_source(read_picture("portrait.jpg"))    # (H, W, 3) uint8 RGB
    result = animator.animate(frame)                     # (size, size, 3) uint8 RGB
"""

from typing import TYPE_CHECKING, Any

from fomm_rt.animator import Animator
from fomm_rt.backends.protocol import BackendDescription, Explanation
from fomm_rt.errors import FommError
from fomm_rt.framing import Framing
from fomm_rt.keypoints import Keypoints
from fomm_rt.version import __version__

if TYPE_CHECKING:
    from fomm_rt.media.pictures import read_picture, write_picture

__all__ = [
    "Animator",
    "BackendDescription",
    "Explanation",
    "FommError",
    "Framing",
    "Keypoints",
    "__version__",
    "read_picture",
    "write_picture",
]


def __getattr__(name: str) -> Any:
    """Imports the picture functions, and with them OpenCV and FFmpeg, only when they are asked for."""
    if name in {"read_picture", "write_picture"}:
        from fomm_rt.media import pictures

        return getattr(pictures, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
