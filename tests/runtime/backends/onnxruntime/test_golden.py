"""The exported graphs on ONNX Runtime, and the animator on them, against the authors' code."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from fomm_rt.animator import Animator
from fomm_rt.machine.onnx_runtime import onnxruntime
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.manifest import CPU, NETWORKS
from golden_files import SMALL, VOX, Golden, as_tensor, max_abs

PREDICTION = 5e-4
ARRANGEMENTS = [(), (CPU,)]
ModelOf = Callable[[str], ModelFolder]


def open_sessions(folder: ModelFolder, variants: tuple[str, ...]) -> dict[str, onnxruntime.InferenceSession]:
    return {n: onnxruntime.InferenceSession(str(folder.network_path(n, variants))) for n in NETWORKS}


def test_every_model_has_cpu_variants(golden_model: ModelOf) -> None:
    """Otherwise both arrangements below would be the same."""
    folder = golden_model("small")
    arranged = {n for n in NETWORKS if folder.network_path(n, (CPU,)) != folder.network_path(n)}
    assert arranged == {"source_encoder", "generator"}


@pytest.mark.parametrize("variants", ARRANGEMENTS)
@pytest.mark.parametrize("name", [*SMALL, *VOX])
def test_networks(golden_model: ModelOf, name: str, variants: tuple[str, ...]) -> None:
    golden = Golden(name)
    sessions = open_sessions(golden_model(name), variants)
    source = as_tensor(golden.source).numpy()
    features, quarter = sessions["source_encoder"].run(None, {"source_image": source})
    for i, frame in enumerate(golden.driving):
        found = sessions["keypoint_detector"].run(None, {"frame": as_tensor(frame).numpy()})
        expected = golden.keypoints(f"kp_driving.{i}")
        assert max_abs(found[0][0], expected.value) <= 1e-5
        assert expected.jacobian is None or max_abs(found[1][0], expected.jacobian) <= 1e-5
    assert golden.predictions()
    for mode, index, prediction in golden.predictions():
        inputs = {"source_quarter": quarter}
        for prefix, array in (("kp_source", "kp_source"), ("kp_driving", f"kp_norm.{mode}.{index}")):
            keypoints = golden.keypoints(array)
            inputs[prefix] = keypoints.value[None]
            if keypoints.jacobian is not None:
                inputs[f"{prefix}_jacobian"] = keypoints.jacobian[None]
        deformation, _, *occlusion_map = sessions["dense_motion"].run(None, inputs)
        warp = {"source_features": features, "deformation": deformation}
        if occlusion_map:
            warp["occlusion_map"] = occlusion_map[0]
        result = sessions["generator"].run(None, warp)[0]
        assert max_abs(result[0].transpose(1, 2, 0), prediction) <= PREDICTION


@pytest.mark.parametrize("name", [*SMALL, *VOX])
@pytest.mark.parametrize("mode", ["relative", "absolute"])
def test_animator(golden_model: ModelOf, name: str, mode: str) -> None:
    golden = Golden(name)
    expected = {index: prediction for m, index, prediction in golden.predictions() if m == mode}
    with Animator.load(golden_model(name).path, relative=mode == "relative", adapt_scale=False) as animator:
        animator.set_source(golden.source)
        animator.set_reference(golden.driving[0])
        assert expected
        for index, prediction in expected.items():
            result = animator.animate(golden.driving[index])
            assert max_abs(result, np.rint(255 * prediction)) <= 1
            explanation = animator.explain(golden.driving[index])
            assert np.array_equal(explanation.prediction, result)
            kp_norm = golden.keypoints(f"kp_norm.{mode}.{index}")
            # The product of jacobians, J_d · J_d0⁻¹ · J_s, reaches 10 in the goldens.
            assert max_abs(explanation.kp_animated.value, kp_norm.value) <= 2e-5
            if mode == "relative" and index == 2:
                assert max_abs(explanation.deformation, golden.arrays["deformation"]) <= PREDICTION
                if explanation.occlusion_map is not None:
                    assert max_abs(explanation.occlusion_map[None], golden.arrays["occlusion_map"]) <= PREDICTION


@pytest.mark.parametrize("variants", ARRANGEMENTS)
def test_batch(golden_model: ModelOf, variants: tuple[str, ...]) -> None:
    """The batch dimension is free: three frames at once give the results of single frames."""
    golden = Golden("small_aligned")
    sessions = open_sessions(golden_model("small_aligned"), variants)
    frames = np.concatenate([as_tensor(frame).numpy() for frame in golden.driving])

    def run(frames: np.ndarray) -> np.ndarray:
        sources = np.repeat(as_tensor(golden.source).numpy(), len(frames), axis=0)
        features, quarter = sessions["source_encoder"].run(None, {"source_image": sources})
        s_value, s_jacobian = sessions["keypoint_detector"].run(None, {"frame": sources})
        d_value, d_jacobian = sessions["keypoint_detector"].run(None, {"frame": frames})
        deformation, _, occlusion_map = sessions["dense_motion"].run(
            None,
            {
                "source_quarter": quarter,
                "kp_source": s_value,
                "kp_source_jacobian": s_jacobian,
                "kp_driving": d_value,
                "kp_driving_jacobian": d_jacobian,
            },
        )
        inputs = {"source_features": features, "deformation": deformation, "occlusion_map": occlusion_map}
        prediction: np.ndarray = sessions["generator"].run(None, inputs)[0]
        return prediction

    batch = run(frames)
    for i in range(3):
        assert max_abs(batch[i : i + 1], run(frames[i : i + 1])) <= PREDICTION
