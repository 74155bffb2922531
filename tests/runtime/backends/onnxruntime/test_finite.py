"""Models whose weights are not finite are refused with the first numbers that they give."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from fomm_rt import Animator
from fomm_rt.errors import ModelError
from fomm_rt.model.folder import sha256_of
from fomm_rt.model.manifest import MANIFEST_NAME
from golden_files import Golden

GOLDEN = Golden("small_aligned")


def _damage(folder: Path, file: str, value: float) -> None:
    """Puts a value into every bias of a network, and its hash into the manifest."""
    model = onnx.load(folder / file)
    biases = [tensor for tensor in model.graph.initializer if tensor.name.endswith("bias")]
    assert biases
    for tensor in biases:
        array = onnx.numpy_helper.to_array(tensor).copy()
        array[...] = value
        tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    onnx.save_model(model, folder / file)
    manifest = json.loads((folder / MANIFEST_NAME).read_text())
    for networks in (manifest["networks"], *manifest["variants"].values()):
        for entry in networks.values():
            if entry["file"] == file:
                entry["sha256"], entry["size_bytes"] = sha256_of(folder / file), (folder / file).stat().st_size
    (folder / MANIFEST_NAME).write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("file", "value", "word"),
    [
        ("keypoint_detector.onnx", np.nan, "keypoints"),
        ("keypoint_detector.onnx", np.inf, "keypoints"),
        ("source_encoder.cpu.onnx", np.inf, "source_features"),
        ("generator.cpu.onnx", np.nan, "predictions"),
    ],
)
def test_refuses_numbers_that_are_not_finite(copied_model: Path, file: str, value: float, word: str) -> None:
    _damage(copied_model, file, value)
    with Animator.load(copied_model, "onnxruntime-cpu") as animator:

        def run() -> None:
            animator.set_source(GOLDEN.source)
            animator.animate(GOLDEN.driving[1])

        with pytest.raises(ModelError, match=f"its {word} are not finite numbers, so its weights are damaged"):
            run()
