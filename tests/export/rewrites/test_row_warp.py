"""`RowWarp` samples like `grid_sample`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fomm_export.onnx.graphs import Graph
from fomm_export.onnx.tracing import export_onnx
from fomm_export.rewrites.row_warp import RowWarp, as_rows
from fomm_rt.machine.onnx_runtime import onnxruntime

HEIGHT, WIDTH = 5, 7


def draw(batch: int) -> tuple[Tensor, Tensor, Tensor]:
    """Features, points and factors; the points include pixel centres, the border and positions far outside."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(batch, 3, HEIGHT, WIDTH, generator=generator, dtype=torch.float64)
    edges = [
        -1e30,
        -1e6,
        -1 - 2 / 5,
        -1 - 1 / 7,
        -1,
        -6 / 7,
        -0.5,
        0,
        1 / 3,
        0.5,
        4 / 5,
        6 / 7,
        1,
        1 + 1 / 7,
        1.4,
        1e30,
    ]
    line = torch.tensor(edges, dtype=torch.float64)
    special = torch.cartesian_prod(line, line).expand(batch, -1, -1)
    drawn = torch.rand(batch, 200, 2, generator=generator, dtype=torch.float64) * 3 - 1.5
    points = torch.cat([drawn, special], dim=1)
    factor = torch.randn(batch, points.shape[1], generator=generator, dtype=torch.float64)
    return features, points, factor


def expectation(features: Tensor, points: Tensor, align_corners: bool) -> Tensor:
    """(N·P, C) from `grid_sample`."""
    sampled = F.grid_sample(features, points[:, None], padding_mode="zeros", align_corners=align_corners)
    return sampled[:, :, 0].transpose(1, 2).flatten(0, 1)


def test_rows_are_pixels_padded_with_zeros() -> None:
    features = 1 + torch.arange(2 * 3 * HEIGHT * WIDTH).reshape(2, 3, HEIGHT, WIDTH)
    rows = as_rows(features)
    assert rows.shape == (2, (HEIGHT + 3) * (WIDTH + 2) + 1, 3)
    assert torch.equal(rows[1, 3 * (WIDTH + 2) + 5], features[1, :, 2, 4])
    picture = rows[:, :-1].reshape(2, HEIGHT + 3, WIDTH + 2, 3)
    assert picture[:, 1:-2, 1:-1].all()
    assert rows.count_nonzero() == features.numel(), "the padding is zero"


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("align_corners", [True, False])
def test_samples_like_grid_sample(batch: int, align_corners: bool) -> None:
    features, points, factor = draw(batch)
    warp = RowWarp(HEIGHT, WIDTH, align_corners)
    expected = expectation(features, points, align_corners)
    assert expected[:200].any(dim=1).sum() > 100
    torch.testing.assert_close(warp(as_rows(features), points, None), expected, atol=1e-12, rtol=0)
    scaled = expected * factor.reshape(-1, 1)
    torch.testing.assert_close(warp(as_rows(features), points, factor), scaled, atol=1e-12, rtol=0)


@pytest.mark.parametrize("align_corners", [True, False])
def test_infinite_points_sample_zeros_and_nan_stays_nan(align_corners: bool, tmp_path: Path) -> None:
    """Other points are unaffected, in PyTorch and in ONNX Runtime."""
    features, points, factor = (tensor.float() for tensor in draw(3))
    rows, inf, nan = as_rows(features), float("inf"), float("nan")
    expected = expectation(features, points, align_corners) * factor.reshape(-1, 1)
    added = torch.tensor([[0.0, inf], [-inf, 0.0], [inf, -inf], [nan, 0.0], [0.0, nan]])
    points = torch.cat([points, added.expand(3, -1, -1)], dim=1)
    factor = torch.cat([factor, torch.ones(3, 5)], dim=1)
    inputs = {"rows": rows, "points": points, "factor": factor}
    warp = RowWarp(HEIGHT, WIDTH, align_corners)
    path = tmp_path / "warp.onnx"
    export_onnx(Graph("warp", warp, inputs, ("warped",), ()), path)
    session = onnxruntime.InferenceSession(str(path))
    (by_onnx,) = session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})
    for warped in (warp(**inputs), torch.from_numpy(by_onnx)):
        result = warped.unflatten(0, (3, -1))
        torch.testing.assert_close(result[:, :-5].flatten(0, 1), expected, atol=1e-5, rtol=0)
        assert not result[:, -5:-2].any()
        assert result[:, -2:].isnan().all()
