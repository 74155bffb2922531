"""Animate a picture by driving frames with the First Order Motion Model, without torch.

from fomm_rt import Animator, read_picture

with Animator.load("models/vox-adv") as animator:
animator.set_source(read_picture("portrait.jpg"))    # (H, W, 3) uint8 RGB
result = animator.animate(frame)                     # (size, size, 3) uint8 RGB
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fomm_rt.version import __version__

if TYPE_CHECKING:
    from fomm_rt.animator import Animator, Source
    from fomm_rt.backends.protocol import BackendDescription, Explanation
    from fomm_rt.errors import FommError
    from fomm_rt.framing import Framing
    from fomm_rt.media.read.picture import read_picture
    from fomm_rt.media.read.video_reader import VideoReader
    from fomm_rt.media.write.picture import write_picture
    from fomm_rt.motion.keypoints import Keypoints

__all__ = [
    "Animator",
    "BackendDescription",
    "Explanation",
    "FommError",
    "Framing",
    "Keypoints",
    "Source",
    "VideoReader",
    "__version__",
    "read_picture",
    "write_picture",
]

_HOMES = {
    "Animator": "animator",
    "BackendDescription": "backends.protocol",
    "Explanation": "backends.protocol",
    "FommError": "errors",
    "Framing": "framing",
    "Keypoints": "motion.keypoints",
    "Source": "animator",
    "VideoReader": "media.read.video_reader",
    "read_picture": "media.read.picture",
    "write_picture": "media.write.picture",
}


def __getattr__(name: str) -> Any:
    """Imports what is asked for, and its libraries, only then."""
    if name in _HOMES:
        return getattr(import_module(f"fomm_rt.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
