"""The PyTorch networks reproduce the results of the authors' code."""

import numpy as np
import pytest
import torch

from fomm_export.networks.keypoint_detector import Keypoints
from golden_files import SMALL, VOX, Golden, as_tensor, max_abs

KEYPOINTS = 1e-5
PREDICTION = 1e-4


@pytest.mark.parametrize("name", [*SMALL, *VOX])
def test_all_tensors_match_the_goldens(name: str) -> None:
    golden = Golden(name)
    networks = golden.networks
    with torch.inference_mode():
        source = as_tensor(golden.source)
        kp_source = networks.kp_detector(source)
        _assert_keypoints(golden, "kp_source", kp_source)
        for i, frame in enumerate(golden.driving):
            _assert_keypoints(golden, f"kp_driving.{i}", networks.kp_detector(as_tensor(frame)))
        last = golden.torch_keypoints("kp_norm.relative.2")
        motion = networks.generator.dense_motion_network(source, golden.torch_keypoints("kp_source"), last)
        assert max_abs(motion.deformation[0].numpy(), golden.arrays["deformation"]) <= PREDICTION
        # The golden mask is stored as float16, whose spacing below 1 is 5e-4.
        assert max_abs(motion.mask[0].numpy(), golden.arrays["mask"]) <= 5e-4
        assert (motion.occlusion_map is None) == ("occlusion_map" not in golden.arrays)
        if motion.occlusion_map is not None:
            assert max_abs(motion.occlusion_map[0].numpy(), golden.arrays["occlusion_map"]) <= PREDICTION
        assert golden.predictions()
        for mode, index, expected in golden.predictions():
            kp_norm = golden.torch_keypoints(f"kp_norm.{mode}.{index}")
            prediction = networks.generator(source, kp_source, kp_norm)[0].permute(1, 2, 0).numpy()
            assert max_abs(prediction, expected) <= PREDICTION


def _assert_keypoints(golden: Golden, prefix: str, found: Keypoints) -> None:
    expected = golden.keypoints(prefix)
    assert max_abs(found.value[0].numpy(), expected.value) <= KEYPOINTS
    if expected.jacobian is None:
        assert found.jacobian is None
    else:
        assert found.jacobian is not None
        assert max_abs(found.jacobian[0].numpy(), expected.jacobian) <= KEYPOINTS


def test_goldens_distinguish_the_alignments() -> None:
    """A network that ignored the convention could not match both goldens."""
    a, b = Golden("small"), Golden("small_aligned")
    assert max_abs(a.arrays["prediction.relative.2"], b.arrays["prediction.relative.2"]) > 100 * PREDICTION


def test_batch_equals_single_frames() -> None:
    golden = Golden("small_aligned")
    frames = torch.cat([as_tensor(frame) for frame in golden.driving])
    sources = as_tensor(golden.source).expand(len(frames), -1, -1, -1)
    with torch.inference_mode():
        detector, generator = golden.networks.kp_detector, golden.networks.generator
        batch = generator(sources, detector(sources), detector(frames))
        for i in range(len(frames)):
            single = generator(sources[:1], detector(sources[:1]), detector(frames[i : i + 1]))
            np.testing.assert_allclose(batch[i : i + 1].numpy(), single.numpy(), atol=PREDICTION)
