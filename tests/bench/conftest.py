"""A tiny model, its images, and a fake run."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from fakes.bench_results import fake_run
from fomm_bench.model.model_spec import ModelSpec
from fomm_bench.results.run_result import RunResult
from fomm_bench.run.plan import Pictures
from fomm_export.export_model import export_stand_in

SIZE = 64
TINY = """
dataset_params: {frame_shape: [64, 64, 3]}
model_params:
  common_params: {num_kp: 4, num_channels: 3, estimate_jacobian: True}
  kp_detector_params: {temperature: 0.1, block_expansion: 4, max_features: 16, scale_factor: 0.25, num_blocks: 2}
  generator_params:
    block_expansion: 4
    max_features: 16
    num_down_blocks: 2
    num_bottleneck_blocks: 1
    estimate_occlusion_map: True
    dense_motion_params: {block_expansion: 4, max_features: 16, num_blocks: 2, scale_factor: 0.25}
"""


@pytest.fixture(scope="session")
def tiny_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "tiny.yaml"
    path.write_text(TINY, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory, tiny_config: Path) -> Path:
    return export_stand_in(tmp_path_factory.mktemp("model") / "tiny", config=str(tiny_config), seed=3).path


@pytest.fixture(scope="session")
def other_folder(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Path:
    """The tiny model without its checkpoint: PyTorch takes no part, so the reference starts quickly."""
    folder = shutil.copytree(tiny_folder, tmp_path_factory.mktemp("other") / "other")
    manifest = folder / "model.json"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace('"origin": "stand-in"', '"origin": "unknown"'), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny_spec(tiny_folder: Path) -> ModelSpec:
    return ModelSpec(str(tiny_folder), None, 3)


@pytest.fixture(scope="session")
def pictures() -> Pictures:
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:SIZE, :SIZE]

    def picture(shift: float) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        waves = [127 + 90 * np.sin((x + shift * c) / (5 + c)) * np.cos((y - shift) / 7) for c in range(3)]
        return (np.stack(waves, axis=-1) + rng.uniform(0, 20, (SIZE, SIZE, 3))).astype(np.uint8)

    return Pictures(picture(0), np.stack([picture(3.0 * i) for i in range(8)]))


@pytest.fixture
def results() -> RunResult:
    return fake_run()
