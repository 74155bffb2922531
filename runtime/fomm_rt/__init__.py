"""Animate a picture by driving frames with the First Order Motion Model, without torch.

    from fomm_rt import Animator

    with Animator.load("models/vox-adv") as animator:
        animator.set_source(portrait)            # (H, W, 3) uint8 RGB
        result = animator.animate(frame)         # (size, size, 3) uint8 RGB
"""



from fomm_rt.animator import Animator
from fomm_rt.backends.protocol import BackendDescription, Explanation
from fomm_rt.errors import FommError
from fomm_rt.framing import Framing
from fomm_rt.keypoints import Keypoints
from fomm_rt.media.pictures import read_picture, write_picture
from fomm_rt.version import __version__

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


