"""Measures of a reconstruction: a predicted frame against the true one.

Source: Siarohin et al. 2019, section 4 (L1, average keypoint distance); Wang et al. 2004 (SSIM).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fomm_bench.quality.landmarks import TrueFace, compare_landmarks
from fomm_bench.results.agreement import psnr
from fomm_rt.errors import BenchmarkError
from fomm_rt.image import Image
from fomm_rt.motion.keypoints import Keypoints


@dataclass(frozen=True)
class FrameQuality:
    """One predicted frame against the true one.

    Attributes:
        l1: Mean absolute difference, pixels in [0, 1].
        psnr_db: Peak signal-to-noise ratio; None if they are identical.
        ssim: Structural similarity; 1 if they are identical.
        keypoint_px: Mean distance between the keypoints of both, in pixels.
        face_missing, landmark_px, landmark_eye_distances: See `LandmarkQuality`.
    """

    l1: float
    psnr_db: float | None
    ssim: float
    keypoint_px: float
    face_missing: bool | None = None
    landmark_px: float | None = None
    landmark_eye_distances: float | None = None


def frame_quality(
    prediction: Image, truth: Image, found: Keypoints, true: Keypoints, true_face: TrueFace | None
) -> FrameQuality:
    """Measures (S, S, 3) uint8 frames.

    Args:
        prediction, truth: The frames.
        found, true: Their keypoints, by one detector.
        true_face: The face of the true frame, if it has one.

    Raises:
        BenchmarkError: scikit-image is not installed.
    """
    landmarks = compare_landmarks(true_face, prediction)
    return FrameQuality(
        l1(prediction, truth),
        psnr(mean_squared_error(prediction, truth)),
        ssim(prediction, truth),
        keypoint_distance(found, true, len(truth)),
        landmarks.face_missing,
        landmarks.landmark_px,
        landmarks.landmark_eye_distances,
    )


def l1(a: Image, b: Image) -> float:
    """Mean absolute difference, pixels in [0, 1]."""
    return float(np.abs(a.astype(np.int16) - b.astype(np.int16)).mean()) / 255


def mean_squared_error(a: Image, b: Image) -> float:
    """Mean squared difference of uint8 values."""
    return float(np.square(a.astype(np.int16) - b.astype(np.int16), dtype=np.float64).mean())


def ssim(a: Image, b: Image) -> float:
    """Mean structural similarity of (H, W, 3) uint8 images, with the Gaussian window of its authors.

    Raises BenchmarkError if scikit-image is not installed.
    """
    try:
        from skimage.metrics import structural_similarity
    except ImportError as error:
        raise BenchmarkError(
            f'SSIM needs scikit-image ({error}); install it with: pip install "fomm-rt[bench]"'
        ) from error
    return float(
        structural_similarity(  # type: ignore[no-untyped-call]
            a, b, channel_axis=2, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
    )


def keypoint_distance(a: Keypoints, b: Keypoints, size: int) -> float:
    """Mean distance between corresponding keypoints, in pixels of a frame of side `size`."""
    # -1 and 1 are the centres of the corner pixels.
    return float(np.linalg.norm(a.value - b.value, axis=1).mean()) * (size - 1) / 2
