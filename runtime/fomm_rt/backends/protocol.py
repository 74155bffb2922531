"""What a backend does for the animator, at the level of the frame.

A backend keeps whatever it likes (session, device buffers, captured graphs) behind the prepared objects, so
that one on a GPU can take a frame up, carry it through all networks and bring only the result down.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fomm_rt.framing import Region
from fomm_rt.image import Image
from fomm_rt.motion.keypoints import Keypoints
from fomm_rt.motion.transfer import Transfer

STAGES = ("upload", "detector", "geometry", "dense_motion", "warp", "generator", "download")
"""Of a frame: picture to network input; keypoint detector; motion transfer; dense motion; warp, where it is apart from
the generator; generator; prediction to picture."""

StageTimes = Mapping[str, float]
"""A name of STAGES -> milliseconds that this stage of one frame took."""


@dataclass(frozen=True)
class BackendDescription:
    """Which backend runs, where, and why this one.

    Attributes:
        name: As given to `Animator.load(backend=...)`.
        device: The device in words.
        reason: Why this backend was chosen, and why faster ones were not.
    """

    name: str
    device: str
    reason: str


@dataclass(frozen=True, eq=False)
class PreparedSource:
    """Everything that depends on the source picture alone; backends subclass it.

    Attributes:
        image: (size, size, 3) uint8, the source as the networks see it.
        keypoints: Of the source.
    """

    image: Image
    keypoints: Keypoints


@dataclass(frozen=True, eq=False)
class PreparedReference:
    """Everything that depends on the source and the reference frame; backends may subclass it."""

    source: PreparedSource
    transfer: Transfer


@dataclass(frozen=True, eq=False)
class Explanation:
    """How one frame came about.

    Attributes:
        prediction: (size, size, 3) uint8.
        kp_source, kp_driving: Of the two pictures.
        kp_animated: The driving keypoints after motion transfer, which the source is animated by.
        deformation: (h, w, 2) float32, for each pixel of the prediction the (x, y) in the source.
        mask: (K+1, h, w) float32, share of each keypoint's motion; the background's first.
        occlusion_map: (h, w) float32, 0 where the picture is painted anew; None in a model without.
    """

    prediction: Image
    kp_source: Keypoints
    kp_driving: Keypoints
    kp_animated: Keypoints
    deformation: NDArray[np.float32]
    mask: NDArray[np.float32]
    occlusion_map: NDArray[np.float32] | None


class Backend(Protocol):
    """One way of running a model, for one thread at a time.

    Attributes:
        takes_device_arrays: True if frames and results may be arrays on the GPU, see `gpu.device_arrays`.
        batch: Frames that `animate_all` takes at a time; 1 if it gains nothing over `animate`.
    """

    takes_device_arrays: bool
    batch: int

    @property
    def description(self) -> BackendDescription:
        """Which backend this is and why it was chosen."""

    def prepare_source(self, image: Image, region: Region) -> PreparedSource:
        """Runs what depends on the source alone. image: (H, W, 3) uint8 RGB of any size."""

    def prepare_reference(self, source: PreparedSource, transfer: Transfer) -> PreparedReference:
        """Readies a source and its motion transfer for frames."""

    def detect(self, image: Any, region: Region) -> Keypoints:
        """Keypoints of a picture, (H, W, 3) uint8, where `takes_device_arrays` also on the GPU."""

    def animate(
        self, reference: PreparedReference, image: Any, region: Region, out: Any, *, timed: bool = False
    ) -> StageTimes:
        """Animates the source by one driving frame.

        Args:
            reference: The source and its motion transfer.
            image: (H, W, 3) uint8 RGB; may be on the GPU if `takes_device_arrays`.
            region: The square of the image to use.
            out: (size, size, 3) uint8, receives the prediction; may be on the GPU if `takes_device_arrays`.
            timed: Measure the stages of this frame, which costs a little on a GPU.

        Returns:
            The times of the stages that the backend can tell apart; empty unless `timed`.
        """

    def animate_keypoints(
        self, reference: PreparedReference, keypoints: Keypoints, out: Any, *, timed: bool = False
    ) -> StageTimes:
        """Does the same as `animate` from keypoints found earlier."""

    def animate_all(
        self, reference: PreparedReference, frames: Iterable[tuple[Image, Region]]
    ) -> Generator[Image, None, None]:
        """As `animate` for many frames, in order: several at a time, while those before and after come and go.

        Frames are asked for ahead of predictions, by up to twice `batch`. Predictions are new arrays. No other call may
        come between.
        """

    def explain(self, reference: PreparedReference, keypoints: Keypoints) -> Explanation:
        """As `animate_keypoints`, with everything on the way."""

    def close(self) -> None:
        """Frees sessions and buffers; neither the backend nor what it prepared is used afterwards."""
