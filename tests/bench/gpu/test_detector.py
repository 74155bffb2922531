"""The detector's trunk in several precisions, on the CPU."""

from __future__ import annotations

from pathlib import Path

import torch
from detector import measure, split

from fomm_rt.model.folder import open_model_folder


def test_parts_are_exact() -> None:
    values = torch.randn(1000) * torch.logspace(-6, 6, 1000)
    high, low = split(values)
    assert torch.equal(high + low, values)
    assert not (high.view(torch.int32) & 0x1FFF).any(), "13 bits are zero"
    assert (low.abs() <= values.abs() * 2**-11).all()


def test_errors_by_precision(tiny_folder: Path) -> None:
    found = measure(open_model_folder(tiny_folder), "cpu", samples=1)
    errors = {name: figures["keypoints_pixels"] for name, figures in found.items()}
    assert set(errors) == {"fp32", "3xtf32", "tf32", "fp16"}
    assert max(errors["fp32"], errors["3xtf32"]) < min(errors["tf32"], errors["fp16"]) / 10
    assert all(figures["p50_ms"] > 0 for figures in found.values())
