"""Measures which tensors between kernels and trunks may be stored in half precision.

Runs the kernel path on a CPU (`fomm_build.parity.host_pipeline`) in float32 and rounds one kind of tensor at a time to
half, as storing it in half would. Reports how far keypoints move and what the prediction loses in absolute motion,
against float32 throughout.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from half_frames import Frame, animate, parse_request, report
from numpy.typing import NDArray
from typing_extensions import override

from fomm_build.parity.host_pipeline import host_pipeline
from fomm_rt.backends.gpu.frame_pipeline import Buffers, FramePipeline, Trunks
from fomm_rt.image import Image
from fomm_rt.model.parity_picture import parity_frames

DETECTOR_INPUT = ("kp_hourglass_input",)
SOURCE = ("source_image",)
HEAD = ("kp_logits", "jacobian_maps")
MOTION_INPUT = ("motion_hourglass_input",)
MASKS = ("mask_logits", "occlusion_logits")
FEATURES = ("source_features", "masked_features", "warped_features")
PREDICTION = ("prediction", "decoded")
TENSORS = (*SOURCE, *MOTION_INPUT, *MASKS, *FEATURES, *PREDICTION)
ROUNDED: Mapping[str, Collection[str]] = {
    "detector's input": DETECTOR_INPUT,
    "source and its quarter": SOURCE,
    "keypoint logits and jacobian maps": HEAD,
    "dense-motion input": MOTION_INPUT,
    "mask and occlusion logits": MASKS,
    "features": FEATURES,
    "prediction": PREDICTION,
    "all of these": (*TENSORS, *DETECTOR_INPUT, *HEAD),
    "all but what the detector takes and gives": TENSORS,
    "keypoints": ("keypoints",),
    "sparse motion": ("sparse_motion",),
}


class RoundingTrunks(Trunks):
    """Runs trunks and rounds some of the tensors around them to half.

    Args:
        trunks: Run the convolutions.
        sparse_motion: Read by the warp after the dense-motion trunk.
        names: Tensors to round.
    """

    def __init__(self, trunks: Trunks, sparse_motion: NDArray[np.float32], names: Collection[str]) -> None:
        self.trunks = trunks
        self.sparse_motion = sparse_motion
        self.names = names

    @override
    def run(self, trunk: str, inputs: Buffers, outputs: Buffers, stream: Any = None) -> None:
        round_to_half(inputs, self.names)
        if trunk == "dense_motion":
            round_to_half({"sparse_motion": self.sparse_motion}, self.names)
        self.trunks.run(trunk, inputs, outputs, stream)
        round_to_half(outputs, self.names)


def round_to_half(tensors: Mapping[str, NDArray[np.float32]], names: Collection[str]) -> None:
    """Rounds the named tensors in place."""
    for name, tensor in tensors.items():
        if name in names:
            tensor[...] = tensor.astype(np.float16)


def frames_rounded(frame: FramePipeline, trunks: Trunks, names: Collection[str], pictures: list[Image]) -> list[Frame]:
    """Animates the first picture by all pictures with some tensors rounded."""
    frame.trunks = RoundingTrunks(trunks, frame.sparse_motion, names)
    return animate(frame, pictures, lambda tensors: round_to_half(tensors, names))


def main() -> None:
    """Prints one row per kind of tensor."""
    request = parse_request(__doc__.split("\n")[0])
    frame = host_pipeline(request.model)
    plain = frame.trunks
    pictures = parity_frames(frame.shape.size)
    ways = ((kind, frames_rounded(frame, plain, names, pictures)) for kind, names in ROUNDED.items())
    report(request, "rounded to half", frames_rounded(frame, plain, (), pictures), ways)


if __name__ == "__main__":
    main()
