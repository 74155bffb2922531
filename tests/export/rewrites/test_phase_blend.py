"""The blend on phases computes what the published networks' blend does."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from fomm_export.networks.dense_motion import DenseMotion
from fomm_export.networks.generator import Generator
from fomm_export.networks.geometry import coordinate_grid
from fomm_export.rewrites.cpu_generator import CpuGenerator
from fomm_export.rewrites.phase_blend import as_neighbours
from fomm_export.rewrites.portable import fold_norms
from golden_files import blending_networks


def generator_of(down_blocks: int = 2, align_corners: bool = True) -> Generator:
    torch.manual_seed(0)
    configuration = replace(blending_networks().configuration, num_down_blocks=down_blocks, num_bottleneck_blocks=1)
    generator = Generator(configuration, 4, align_corners).double().eval().requires_grad_(False)
    assert generator.blend_mask is not None
    generator.blend_mask.weight *= 30  # a mask that varies
    return generator


def draw(batch: int, size: int, occludes: bool = True) -> tuple[Tensor, DenseMotion]:
    """A source and motion that points outside of it in part."""
    torch.manual_seed(1)
    deformation = torch.rand(batch, 16, 16, 2, dtype=torch.float64) * 2.6 - 1.3
    occlusion = torch.rand(batch, 1, 16, 16, dtype=torch.float64) if occludes else None
    return torch.rand(batch, 3, size, size, dtype=torch.float64), DenseMotion(deformation, torch.empty(0), occlusion)


def predict(generator: CpuGenerator, source: Tensor, motion: DenseMotion) -> tuple[Tensor, Tensor]:
    encoded = generator.encode_source(source)
    found = generator(**encoded, deformation=motion.deformation, occlusion_map=motion.occlusion_map)
    assert isinstance(found, tuple)
    return found


@pytest.mark.parametrize(("size", "batch"), [(16, 3), (64, 2), (128, 1)])
@pytest.mark.parametrize("occludes", [True, False])
def test_equals_the_blend_of_the_networks(size: int, batch: int, occludes: bool) -> None:
    published = generator_of()
    source, motion = draw(batch, size, occludes)
    prediction, mask = predict(CpuGenerator(fold_norms(published), size), source, motion)
    torch.testing.assert_close(prediction, published.predict(source, motion), atol=1e-11, rtol=0)
    decoded = published.decode(published.move(published.encode(source), motion))
    torch.testing.assert_close(mask, decoded[:, 3:], atol=1e-11, rtol=0)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("down_blocks", [1, 3])
def test_equals_the_blend_at_all_depths(down_blocks: int, align_corners: bool) -> None:
    published = generator_of(down_blocks, align_corners)
    source, motion = draw(1, 64)
    prediction, _ = predict(CpuGenerator(fold_norms(published), 64), source, motion)
    torch.testing.assert_close(prediction, published.predict(source, motion), atol=1e-11, rtol=0)


def saturated(published: Generator) -> CpuGenerator:
    """With a mask of 1 everywhere."""
    assert published.blend_mask is not None
    published.blend_mask.weight[...] = 0
    assert published.blend_mask.bias is not None
    published.blend_mask.bias[...] = 100
    return CpuGenerator(fold_norms(published), 64)


def test_without_motion_a_full_mask_gives_the_source() -> None:
    picture = torch.randint(0, 256, (1, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    generator = copy.deepcopy(saturated(generator_of())).float()
    motion = DenseMotion(coordinate_grid(16, 16)[None], torch.empty(0), None)
    prediction, mask = predict(generator, picture.float() / 255, motion)
    assert mask.min() == 1
    assert torch.equal((255 * prediction).round().long(), picture)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
def test_positions_that_are_not_finite_stay_in_their_frame(value: float) -> None:
    """The products that enlarge the deformation spread them, and the gather reads nothing outside the source."""
    generator = saturated(generator_of())
    source, motion = draw(2, 64)
    before, _ = predict(generator, source, motion)
    motion.deformation[0, 0, 0] = value
    after, _ = predict(generator, source, motion)
    assert torch.equal(before[1], after[1])


def test_neighbours_of_a_pixel() -> None:
    picture = torch.arange(2 * 6.0).reshape(1, 2, 2, 3)
    rows = as_neighbours(picture)
    assert rows.shape == (1, 6, 8)
    assert rows[0, 0].tolist() == [0, 6, 1, 7, 3, 9, 4, 10]
    assert rows[0, 5].tolist() == [5, 11] * 4, "the edge is extended"
