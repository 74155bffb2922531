"""The generator's blend with the source, and the switch for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from fomm_export.checkpoints.stand_in import stand_in_weights
from fomm_export.networks.dense_motion import DenseMotion
from fomm_export.networks.generator import Generator
from fomm_export.networks.geometry import coordinate_grid
from fomm_export.networks.model import build_networks, tensor_shapes
from fomm_rt.errors import CheckpointError
from golden_files import Golden, as_tensor, blending_networks

GOLDEN = Golden("small_aligned")
SOURCE = as_tensor(GOLDEN.source)
IDENTITY = coordinate_grid(16, 16)[None]


def decoded(mask: float) -> Tensor:
    colours = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    return torch.cat([colours, torch.full((1, 1, 64, 64), mask)], dim=1)


def levels(picture: Tensor) -> Tensor:
    return (255 * picture).round()


@pytest.mark.parametrize("align_corners", [True, False])
def test_without_motion_a_full_mask_gives_the_source(align_corners: bool) -> None:
    """Whatever the model's convention for its features."""
    generator = Generator(blending_networks().configuration, 4, align_corners)
    assert torch.equal(levels(generator.blend(decoded(1), SOURCE, IDENTITY)), levels(SOURCE))


def test_an_empty_mask_gives_the_colours() -> None:
    generator = blending_networks().generator
    assert torch.equal(generator.blend(decoded(0), SOURCE, torch.rand(1, 16, 16, 2)), decoded(0)[:, :3])


@pytest.mark.parametrize("far", [1.2, 7.0])
def test_beyond_the_source_lies_its_edge(far: float) -> None:
    generator = blending_networks().generator
    for axis, side in ((0, -1), (0, 1), (1, -1), (1, 1)):
        outside = IDENTITY.clone()
        outside[..., axis] = side * far
        found = generator.blend(decoded(1), SOURCE, outside)
        at = 0 if side < 0 else -1
        edge = SOURCE[..., [at]] if axis == 0 else SOURCE[..., [at], :]
        assert torch.equal(levels(found), levels(edge.expand_as(SOURCE)))


def test_predicts_the_blend() -> None:
    torch.manual_seed(0)
    generator = blending_networks().generator
    motion = DenseMotion(torch.rand(1, 16, 16, 2) * 2 - 1, torch.empty(0), torch.rand(1, 1, 16, 16))
    with torch.inference_mode():
        found = generator.decode(generator.move(generator.encode(SOURCE), motion))
        prediction = generator.predict(SOURCE, motion)
        plain = GOLDEN.networks.generator.predict(SOURCE, motion)
    colours, mask = found[:, :3], found[:, 3:]
    torch.testing.assert_close(colours, plain, atol=1e-6, rtol=0)
    assert mask.std() > 0.05, "the stand-in's mask varies"
    assert torch.equal(prediction, generator.blend(found, SOURCE, motion.deformation))
    assert (prediction - colours).abs().max() > 0.1


def test_the_merged_convolution_equals_the_two_heads() -> None:
    generator = blending_networks().generator.double()
    features = torch.rand(2, generator.final.in_channels, 20, 20, dtype=torch.float64)
    merged = generator.merged_last_convolution()
    assert (merged.out_channels, merged.weight.dtype) == (4, torch.float64)
    assert generator.blend_mask is not None
    heads = torch.cat([generator.final(features), generator.blend_mask(features)], dim=1)
    torch.testing.assert_close(merged(features), heads, atol=1e-12, rtol=0)


def test_without_the_switch_nothing_changes() -> None:
    plain = GOLDEN.networks.generator
    assert plain.merged_last_convolution() is plain.final
    assert not [name for name in tensor_shapes(plain) if "blend" in name]
    colours = decoded(0.5)[:, :3]
    assert plain.blend(colours, SOURCE, IDENTITY) is colours


@pytest.mark.parametrize("switch", [True, False])
def test_checkpoints_must_have_the_tensors_of_the_switch(switch: bool) -> None:
    with_mask, without = (replace(GOLDEN.configuration, estimate_blend_mask=given) for given in (True, False))
    configuration, other = (with_mask, without) if switch else (without, with_mask)
    with pytest.raises(CheckpointError, match=r"generator\.blend_mask\.bias .*--config"):
        build_networks(configuration, *stand_in_weights(other))


def test_the_switch_leaves_other_stand_in_weights() -> None:
    """Goldens depend on them."""
    _, plain = stand_in_weights(GOLDEN.configuration)
    _, blending = stand_in_weights(replace(GOLDEN.configuration, estimate_blend_mask=True))
    assert {name for name in blending if name not in plain} == {"blend_mask.weight", "blend_mask.bias"}
    assert all(np.array_equal(blending[name], plain[name]) for name in plain)
