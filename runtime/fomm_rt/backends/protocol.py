"""The interface between the animator and a backend, at the level of the frame.

The prepared objects hide sessions, device buffers and captured graphs, so a GPU backend can upload a frame, run all
networks on it and download only the result.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from fomm_rt.framing import Region
from fomm_rt.image import Image
from fomm_rt.motion.keypoints import Keypoints
from fomm_rt.motion.transfer import Transfer

STAGES = ("upload", "detector", "geometry", "dense_motion", "warp", "generator", "download")
"""Stages of a frame: picture to network input; keypoint detector; motion transfer; dense motion; warp, unless part of
the generator; generator; prediction to picture."""

StageTimes = Mapping[str, float]
"""A name of STAGES -> milliseconds that this stage took for one frame."""

Prediction = TypeVar("Prediction")


@dataclass(frozen=True, eq=False)
class AnimatedFrame(Generic[Prediction]):
    """One animated frame, its keypoints, and the time that each stage of it took.

    Attributes:
        prediction: (size, size, 3) uint8 RGB: the array that `animate` returns.
        kp_driving: Keypoints of the driving frame, as the detector found them.
        stage_ms: A name of STAGES -> milliseconds; read-only. Stages that the frame did not need, or that the backend
            cannot tell apart, are missing; all of them if the frame was not timed.
    """

    prediction: Prediction
    kp_driving: Keypoints
    stage_ms: StageTimes

    def __post_init__(self) -> None:
        object.__setattr__(self, "stage_ms", MappingProxyType(self.stage_ms))


@dataclass(frozen=True)
class BackendDescription:
    """Which backend runs, on which device, and why.

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
        keypoints: Keypoints of the source.
    """

    image: Image
    keypoints: Keypoints


@dataclass(frozen=True, eq=False)
class PreparedReference:
    """Everything that depends on the source and the reference frame; backends may subclass it."""

    source: PreparedSource
    transfer: Transfer

    def explanation(
        self, prediction: Image, keypoints: Keypoints, maps: Mapping[str, NDArray[np.float32]]
    ) -> Explanation:
        """Collects an explanation; `maps` holds deformation, mask, and any occlusion_map and blend_mask, (1, h, w)."""
        occlusion_map, blend_mask = maps.get("occlusion_map"), maps.get("blend_mask")
        return Explanation(
            prediction,
            self.source.keypoints,
            keypoints,
            self.transfer(keypoints),
            maps["deformation"],
            maps["mask"],
            None if occlusion_map is None else occlusion_map[0],
            None if blend_mask is None else blend_mask[0],
        )


@dataclass(frozen=True, eq=False)
class Explanation:
    """A prediction with the intermediate results that led to it.

    Attributes:
        prediction: (size, size, 3) uint8.
        kp_source, kp_driving: Keypoints of the two pictures.
        kp_animated: The driving keypoints after motion transfer.
        deformation: (h, w, 2) float32: for each pixel of the prediction, the (x, y) to sample in the source.
        mask: (K+1, h, w) float32: the weight of each keypoint's motion, the background's first.
        occlusion_map: (h, w) float32: 0 where the generator must inpaint; None in a model without it.
        blend_mask: (size, size) float32: 1 where the prediction is the warped source, 0 where it is what the generator
            decoded; None in a model without it.
    """

    prediction: Image
    kp_source: Keypoints
    kp_driving: Keypoints
    kp_animated: Keypoints
    deformation: NDArray[np.float32]
    mask: NDArray[np.float32]
    occlusion_map: NDArray[np.float32] | None
    blend_mask: NDArray[np.float32] | None


class Backend(Protocol):
    """One way of running a model, for one thread at a time; backends subclass it.

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
        """Runs everything that depends on the source alone, a picture (H, W, 3) uint8 RGB of any size."""

    def prepare_reference(self, source: PreparedSource, transfer: Transfer) -> PreparedReference:
        """Prepares a source and its motion transfer for frames."""
        return PreparedReference(source, transfer)

    def detect(self, image: Any, region: Region) -> Keypoints:
        """Returns the keypoints of a picture (H, W, 3) uint8 RGB; on the GPU only if `takes_device_arrays`."""

    def animate(
        self, reference: PreparedReference, image: Any, region: Region, out: Any, *, timed: bool = False
    ) -> tuple[Keypoints, StageTimes]:
        """Animates the source by one driving frame.

        Args:
            reference: The source and its motion transfer.
            image: (H, W, 3) uint8 RGB; may be on the GPU if `takes_device_arrays`.
            region: The part of the image to use.
            out: (size, size, 3) uint8, receives the prediction; may be on the GPU if `takes_device_arrays`.
            timed: Measure the stages of this frame, which costs a little on a GPU.

        Returns:
            The keypoints of the frame, and the times of the stages that the backend can tell apart; these are empty
            unless `timed`.
        """

    def animate_keypoints(
        self, reference: PreparedReference, keypoints: Keypoints, out: Any, *, timed: bool = False
    ) -> StageTimes:
        """Does the same as `animate` with keypoints found earlier; returns only the times."""

    def animate_all(
        self, reference: PreparedReference, frames: Iterable[tuple[Image, Region]]
    ) -> Generator[tuple[Image, Keypoints], None, None]:
        """Animates many frames in order; a backend with a batch takes several at a time, and copies meanwhile.

        Such a backend reads up to twice `batch` frames ahead of the predictions. Until it ends, no other method may be
        called.

        Yields:
            The prediction of each frame, a new array, and the keypoints of the frame.
        """
        for image, region in frames:
            out = np.empty_like(reference.source.image)
            keypoints, _ = self.animate(reference, image, region, out)
            yield out, keypoints

    def explain(self, reference: PreparedReference, keypoints: Keypoints) -> Explanation:
        """Does the same as `animate_keypoints` and returns the intermediate results."""

    def interrupt(self) -> None:
        """Makes the network that runs in another thread fail soon, if the backend can end it; otherwise does nothing.

        The only method that another thread may call. Between two networks of a frame it has no effect.
        """
        return

    def close(self) -> None:
        """Frees sessions and buffers; the backend and what it prepared must not be used afterwards."""
