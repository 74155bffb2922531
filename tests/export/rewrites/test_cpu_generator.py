"""The generator for CPUs computes what the published one does, with either convolution."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from fomm_export.checkpoints.stand_in import stand_in_weights
from fomm_export.networks.dense_motion import DenseMotion
from fomm_export.networks.generator import Generator
from fomm_export.networks.geometry import coordinate_grid
from fomm_export.networks.layers import ResidualBlock
from fomm_export.networks.model import Networks, build_networks
from fomm_export.onnx.graphs import cpu_generator_graph
from fomm_export.onnx.tracing import export_onnx
from fomm_export.rewrites.cpu_generator import WIDE, CpuGenerator
from fomm_export.rewrites.portable import fold_norms
from fomm_export.rewrites.winograd import TileOrder, WinogradBottleneck
from fomm_rt.machine.onnx_runtime import onnxruntime
from golden_files import Golden, as_tensor, max_abs

GOLDEN = Golden("small_aligned")
SMALL = ["small", "small_aligned", "small_single_jacobian", "small_no_occlusion"]


def of_size(size: int) -> Networks:
    weights = stand_in_weights(GOLDEN.configuration, 7)
    return build_networks(GOLDEN.configuration, *weights, size=size, align_corners=True)


def double(generator: Generator) -> Generator:
    return copy.deepcopy(generator).double()


def draw_motion(batch: int, side: int, occludes: bool = True, dtype: torch.dtype = torch.float64) -> DenseMotion:
    """Random dense motion; part of it points outside the picture."""
    torch.manual_seed(0)
    deformation = torch.rand(batch, side, side, 2, dtype=dtype) * 2.4 - 1.2
    occlusion_map = torch.rand(batch, 1, side, side, dtype=dtype) if occludes else None
    return DenseMotion(deformation, torch.empty(0), occlusion_map)


def predict(generator: CpuGenerator, source: Tensor, motion: DenseMotion) -> Tensor:
    result: Tensor = generator(generator.encode_rows(source), motion.deformation, motion.occlusion_map)
    return result


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("winograd", [True, False])
def test_matches_the_goldens(name: str, winograd: bool) -> None:
    golden = Golden(name)
    published = double(golden.networks.generator)
    arranged = CpuGenerator(fold_norms(published), 64, winograd)
    assert (arranged.tile_order is not None) == winograd
    source = as_tensor(golden.source).double()
    motion = DenseMotion(
        torch.from_numpy(golden.arrays["deformation"])[None].double(),
        torch.empty(0),
        torch.from_numpy(golden.arrays["occlusion_map"])[None].double() if "occlusion_map" in golden.arrays else None,
    )
    with torch.inference_mode():
        found = predict(arranged, source, motion)
        torch.testing.assert_close(found, published.predict(source, motion), atol=1e-11, rtol=0)
    assert max_abs(found[0].permute(1, 2, 0).numpy(), golden.arrays["prediction.relative.2"]) <= 1e-4


@pytest.mark.parametrize(("size", "batch"), [(16, 3), (64, 3), (128, 1)])
@pytest.mark.parametrize("winograd", [True, False])
@pytest.mark.parametrize("occludes", [True, False])
def test_equals_the_published_generator_at_all_sizes(size: int, batch: int, winograd: bool, occludes: bool) -> None:
    """At 16 the features are 4×4, one tile; at 16 and 128 the motion is resized to the features."""
    published = double(of_size(size).generator)
    source = torch.rand(batch, 3, size, size, dtype=torch.float64)
    motion = draw_motion(batch, 16, occludes)
    arranged = CpuGenerator(fold_norms(published), size, winograd)
    with torch.inference_mode():
        expected = published.predict(source, motion)
        torch.testing.assert_close(predict(arranged, source, motion), expected, atol=1e-11, rtol=0)


@pytest.mark.parametrize("down_blocks", [1, 3])
@pytest.mark.parametrize("winograd", [True, False])
@pytest.mark.parametrize("resize_align_corners", [True, False])
def test_equals_the_published_generator_at_all_depths(
    down_blocks: int, winograd: bool, resize_align_corners: bool
) -> None:
    torch.manual_seed(0)
    configuration = replace(
        GOLDEN.configuration,
        num_down_blocks=down_blocks,
        num_bottleneck_blocks=1,
        resize_align_corners=resize_align_corners,
    )
    published = Generator(configuration, 4, align_corners=True).double().eval().requires_grad_(False)
    arranged = CpuGenerator(fold_norms(published), 64, winograd)
    source, motion = torch.rand(1, 3, 64, 64, dtype=torch.float64), draw_motion(1, 16)
    expected = published.predict(source, motion)
    torch.testing.assert_close(predict(arranged, source, motion), expected, atol=1e-11, rtol=0)


@pytest.mark.parametrize("resize_align_corners", [True, False])
def test_aligned_corners_keep_the_identity(resize_align_corners: bool) -> None:
    configuration = replace(GOLDEN.configuration, resize_align_corners=resize_align_corners)
    generator = Generator(configuration, 4, align_corners=True)
    features = torch.rand(1, 8, 32, 32, generator=torch.Generator().manual_seed(0))
    moved = generator.warp_features(features, coordinate_grid(16, 16)[None])
    assert torch.allclose(moved, features, atol=1e-5) == resize_align_corners


@pytest.mark.parametrize("winograd", [True, False])
def test_values_that_are_not_finite_stay_local(winograd: bool) -> None:
    generator = fold_norms(of_size(128).generator)
    motion = draw_motion(1, 32, dtype=torch.float32)
    source = torch.rand(1, 3, 128, 128)
    arranged = CpuGenerator(generator, 128, winograd)
    with torch.inference_mode():
        before = predict(arranged, source, motion)
        motion.deformation[0, 0, 0] = torch.tensor([float("nan"), float("inf")])
        after = predict(arranged, source, motion)
    assert before.isfinite().all()
    # Four convolutions at a quarter of the size reach four pixels or four tiles.
    assert torch.equal(before[..., 96:, 96:], after[..., 96:, 96:])


def widened(block_expansion: int) -> Generator:
    configuration = replace(GOLDEN.configuration, block_expansion=block_expansion, max_features=512)
    return fold_norms(Generator(configuration, 4, align_corners=True).eval().requires_grad_(False))


def test_requires_folded_norms() -> None:
    generator = GOLDEN.networks.generator
    with pytest.raises(AssertionError):
        CpuGenerator(generator, 64, winograd=False)
    with pytest.raises(AssertionError):
        WinogradBottleneck([b for b in generator.bottleneck if isinstance(b, ResidualBlock)], TileOrder(16))


def test_wide_blocks_use_winograd() -> None:
    assert CpuGenerator(widened(WIDE // 4), 64).tile_order is not None
    assert CpuGenerator(widened(WIDE // 4 - 1), 64).tile_order is None


@pytest.mark.parametrize("winograd", [None, True])
def test_falls_back_to_plain_blocks_if_tiles_do_not_fit(winograd: bool | None) -> None:
    generator = widened(WIDE // 4).double()
    arranged = CpuGenerator(generator, 24, winograd)
    assert arranged.tile_order is None
    source, motion = torch.rand(1, 3, 24, 24, dtype=torch.float64), draw_motion(1, 6)
    with torch.inference_mode():
        expected = generator.predict(source, motion)
        torch.testing.assert_close(predict(arranged, source, motion), expected, atol=1e-11, rtol=0)


@pytest.mark.parametrize("name", ["small", "small_no_occlusion"])
def test_winograd_on_onnx_runtime(name: str, tmp_path: Path) -> None:
    """Small models use Winograd only on request; the graph's batch dimension is free."""
    networks = Golden(name).networks
    arranged = CpuGenerator(fold_norms(networks.generator), 64, winograd=True)
    path = tmp_path / "generator.onnx"
    model = export_onnx(cpu_generator_graph(networks, arranged), path)
    operators = [node.op_type for node in model.graph.node]
    # Up blocks and the last convolution; residual blocks are matrix products.
    assert operators.count("Conv") == 4 * 2 + 2
    assert "GridSample" not in operators
    session = onnxruntime.InferenceSession(str(path))
    for batch in (1, 3):
        source = torch.rand(batch, 3, 64, 64)
        motion = draw_motion(batch, 16, occludes=name == "small", dtype=torch.float32)
        inputs = {"source_features": arranged.encode_rows(source), "deformation": motion.deformation}
        if motion.occlusion_map is not None:
            inputs["occlusion_map"] = motion.occlusion_map
        (found,) = session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})
        assert max_abs(found, networks.generator.predict(source, motion).numpy()) <= 1e-4
