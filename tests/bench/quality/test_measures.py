"""Measures of a reconstruction against closed-form values and scikit-image."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from fomm_bench.quality.landmarks import TrueFaces
from fomm_bench.quality.measures import frame_quality, keypoint_distance, l1, mean_squared_error, ssim
from fomm_bench.results.agreement import psnr
from fomm_bench.scenes import PlacedFace, scene
from fomm_rt.errors import BenchmarkError
from fomm_rt.motion.keypoints import Keypoints

RNG = np.random.default_rng(2)
NOISE = RNG.integers(0, 256, (32, 32, 3), np.uint8)
FLAT = np.full((32, 32, 3), 100, np.uint8)


def test_l1() -> None:
    assert l1(FLAT, FLAT) == 0
    assert l1(FLAT + np.uint8(51), FLAT) == pytest.approx(0.2)
    half = FLAT.copy()
    half[:16] += np.uint8(51)
    assert l1(half, FLAT) == pytest.approx(0.1)


def test_psnr() -> None:
    assert psnr(mean_squared_error(FLAT, FLAT)) is None
    assert psnr(mean_squared_error(FLAT + np.uint8(1), FLAT)) == pytest.approx(20 * math.log10(255))
    other = RNG.integers(0, 256, NOISE.shape, np.uint8)
    expected = peak_signal_noise_ratio(other, NOISE, data_range=255)  # type: ignore[no-untyped-call]
    assert psnr(mean_squared_error(NOISE, other)) == pytest.approx(expected)


def test_ssim_of_flat_pictures() -> None:
    """Without variance SSIM is (2·a·b + c) / (a² + b² + c) with c = (0.01 · 255)²."""
    a, b, c = 100.0, 150.0, 2.55**2
    assert ssim(FLAT, FLAT) == pytest.approx(1)
    assert ssim(FLAT, FLAT + np.uint8(50)) == pytest.approx((2 * a * b + c) / (a * a + b * b + c))
    assert ssim(NOISE, NOISE) == pytest.approx(1)
    assert ssim(NOISE, RNG.integers(0, 256, NOISE.shape, np.uint8)) < 0.1


def test_keypoint_distance() -> None:
    a = Keypoints(np.zeros((3, 2), np.float32))
    b = Keypoints(np.array([[0, 0], [0.6, 0.8], [2, 0]], np.float32))
    # The grid's width of 2 is 255 pixels of a frame of 256.
    assert keypoint_distance(a, b, 256) == pytest.approx((0 + 1 + 2) / 3 * 127.5)
    assert keypoint_distance(a, a, 256) == 0


def test_measures_of_identical_frames() -> None:
    keypoints = Keypoints(np.zeros((2, 2), np.float32))
    quality = frame_quality(NOISE, NOISE, keypoints, keypoints, None)
    assert (quality.l1, quality.psnr_db, quality.keypoint_px) == (0, None, 0)
    assert (quality.face_missing, quality.landmark_px, quality.landmark_eye_distances) == (None, None, None)


def test_measures_the_landmarks_of_a_face() -> None:
    """A scene against itself and against one without a face."""
    keypoints = Keypoints(np.zeros((2, 2), np.float32))
    frame = scene(128, 128, PlacedFace(1, (64, 64), 60))
    true_face = TrueFaces()(frame)
    same = frame_quality(frame, frame, keypoints, keypoints, true_face)
    assert (same.face_missing, same.landmark_px, same.landmark_eye_distances) == (False, 0, 0)
    empty = frame_quality(np.zeros_like(frame), frame, keypoints, keypoints, true_face)
    assert (empty.face_missing, empty.landmark_px, empty.landmark_eye_distances) == (True, None, None)


def test_names_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.metrics", None)
    with pytest.raises(BenchmarkError, match=r'pip install "fomm-rt\[bench\]"'):
        ssim(FLAT, FLAT)
