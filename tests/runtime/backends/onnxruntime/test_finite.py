"""Models whose weights, or the numbers that they give, are not finite are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from fomm_rt import Animator
from fomm_rt.errors import ModelError
from golden_files import Golden
from model_copies import replace_network

GOLDEN = Golden("small_aligned")


def _fill_biases(folder: Path, file: str, value: float) -> None:
    """Puts a value into every bias of a network, and its hash into the manifest."""
    model = onnx.load(folder / file)
    biases = [tensor for tensor in model.graph.initializer if tensor.name.endswith("bias")]
    assert biases
    for tensor in biases:
        array = onnx.numpy_helper.to_array(tensor).copy()
        array[...] = value
        tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    replace_network(folder, file, model.SerializeToString())


@pytest.mark.parametrize("file", ["keypoint_detector.onnx", "source_encoder.cpu.onnx", "generator.cpu.onnx"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused_on_loading(copied_model: Path, file: str, value: float) -> None:
    _fill_biases(copied_model, file, value)
    with pytest.raises(ModelError, match=rf"{file}: has weights that are not finite numbers \(\S+bias\)"):
        Animator.load(copied_model, "onnxruntime-cpu")


def test_finite_weights_that_give_other_numbers_are_refused_on_running(copied_model: Path) -> None:
    _fill_biases(copied_model, "keypoint_detector.onnx", 3e38)
    with (
        Animator.load(copied_model, "onnxruntime-cpu") as animator,
        pytest.raises(ModelError, match="its keypoints are not finite numbers, so its weights are damaged"),
    ):
        animator.set_source(GOLDEN.source)
