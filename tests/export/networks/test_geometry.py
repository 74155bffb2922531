"""Inverses of 2×2 matrices."""

import torch

from fomm_export.networks.geometry import inverse_2x2


def test_inverse_equals_torch_inverse() -> None:
    matrices = torch.randn(50, 2, 2, dtype=torch.float64)
    torch.testing.assert_close(inverse_2x2(matrices), torch.inverse(matrices), rtol=1e-9, atol=1e-9)


def test_inverse_of_singular_matrices_is_finite() -> None:
    matrices = torch.tensor([[[0.0, 0.0], [0.0, 0.0]], [[1.0, 2.0], [2.0, 4.0]], [[1e-5, 0.0], [0.0, -1e-5]]])
    assert torch.isfinite(inverse_2x2(matrices)).all()
