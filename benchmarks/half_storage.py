"""Which tensors between kernels and trunks may be stored as half, and what each costs when it is.

Runs the split path of a frame on a CPU (`fomm_export.host_chain`) in float32 and rounds one kind of tensor at a time to
half: arithmetic is float32 either way, so that this is what storing it as half does. Says how far keypoints move and
what the prediction loses, in absolute motion, against float32 throughout.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fomm_export.host_chain import host_chain
from fomm_export.parity import parity_frames
from fomm_rt.backends.frame_shape import FrameShape
from fomm_rt.backends.split_frame import Buffers, SplitFrame, SplitSource, Trunks, transfer_rows
from fomm_rt.bundled import open_bundled_model
from fomm_rt.framing import Image, Region
from fomm_rt.model_folder import open_model_folder
from fomm_rt.transfer import ABSOLUTE

DETECTOR_INPUT = ("kp_hourglass_input",)
SOURCE = ("source_image",)
HEAD = ("kp_logits", "jacobian_maps")
MOTION_INPUT = ("motion_hourglass_input",)
MASKS = ("mask_logits", "occlusion_logits")
FEATURES = ("source_features", "masked_features", "warped_features")
PREDICTION = ("prediction",)
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


class RoundingTrunks:
    """Trunks with some of the tensors around them rounded to half.

    Args:
        trunks: What to run.
        names: Tensors to round.
    """

    def __init__(self, trunks: Trunks, names: Collection[str]) -> None:
        self.trunks = trunks
        self.names = names
        self.sparse_motion: NDArray[np.float32] | None = None

    def run(self, trunk: str, inputs: Buffers, outputs: Buffers, stream: Any = None) -> None:
        """See `Trunks.run`."""
        self._round(inputs)
        if trunk == "dense_motion" and self.sparse_motion is not None:
            self._round({"sparse_motion": self.sparse_motion})
        self.trunks.run(trunk, inputs, outputs, stream)
        self._round(outputs)

    def _round(self, tensors: Mapping[str, NDArray[np.float32]]) -> None:
        for name, tensor in tensors.items():
            if name in self.names:
                tensor[...] = tensor.astype(np.float16)


def animate(frame: SplitFrame, trunks: RoundingTrunks, pictures: list[Image]) -> list[tuple[Any, Any]]:
    """Keypoints and prediction of every picture, the first being the source as well."""
    square = Region.square(frame.shape.size)
    trunks.sparse_motion = frame.sparse_motion
    source = _rounded(frame.prepare_source(pictures[0][None], square), trunks.names)
    results = []
    for picture in pictures:
        frame.detect(picture[None], square)
        if "keypoints" in trunks.names:
            frame.keypoints[...] = frame.keypoints.astype(np.float16)
        frame.animate(source, transfer_rows(ABSOLUTE, frame.shape.num_kp))
        results.append((frame.keypoints[0].copy(), frame.tensors["prediction"][0].copy()))
    return results


def _rounded(source: SplitSource, names: Collection[str]) -> SplitSource:
    if "keypoints" in names:
        source.keypoints[...] = source.keypoints.astype(np.float16)
    if "source_image" in names:
        source.quarter[...] = source.quarter.astype(np.float16)
    return source


def main() -> None:
    """Prints one row a kind of tensor."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path, nargs="?", help="model folder; the bundled model by default")
    parser.add_argument("-o", "--output", type=Path, help="write the figures here as JSON")
    arguments = parser.parse_args()
    model = open_model_folder(arguments.model) if arguments.model else open_bundled_model()
    shape = FrameShape.of(model.manifest)
    frame = host_chain(model)
    plain = frame.trunks
    pictures = parity_frames(shape.size)
    frame.trunks = expected_trunks = RoundingTrunks(plain, ())
    expected = animate(frame, expected_trunks, pictures)
    print(
        f"{model.manifest.name}, {shape.size}×{shape.size}, absolute motion of {len(pictures)} frames of a moved "
        "picture, against float32"
    )
    print(f"{'rounded to half':44} {'keypoints, pixels':>18} {'prediction, dB':>15}")
    rows = {}
    for kind, names in ROUNDED.items():
        frame.trunks = rounding = RoundingTrunks(plain, names)
        found = animate(frame, rounding, pictures)
        pixels = max(np.abs(a[:, :2] - b[:, :2]).max() for (a, _), (b, _) in zip(found, expected, strict=True))
        pixels *= (shape.size - 1) / 2
        error = np.mean([np.square(a - b).mean() for (_, a), (_, b) in zip(found, expected, strict=True)])
        psnr = 10 * np.log10(1 / error) if error else np.inf
        rows[kind] = {"keypoints_pixels": float(pixels), "prediction_psnr_db": float(psnr)}
        print(f"{kind:44} {pixels:18.4f} {psnr:15.1f}")
    if arguments.output:
        result = {
            "model": model.manifest.name,
            "size": shape.size,
            "mode": "absolute",
            "frames": len(pictures),
            "rounded_to_half": rows,
        }
        arguments.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
