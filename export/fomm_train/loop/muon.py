"""Muon: momentum whose steps change all directions of a weight matrix equally.

A convolution's gradient is close to a matrix of low rank: a few directions learn while the others wait. Muon replaces
each step by the nearest orthogonal matrix, so all directions learn at once. An autoencoder of the generator's widths
reached a given error in less than half of Adam's steps.

Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks". Steps are scaled to Adam's
learning rates, as in Liu et al. 2025, arXiv:2502.16982.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

MOMENTUM = 0.9
ITERATIONS = 5
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic that drives singular values towards 1 fastest; it stops near 1."""
ADAM_RMS = 0.2
"""Typical root mean square of Adam's steps, in learning rates."""


class Muon(torch.optim.Optimizer):
    """Nesterov momentum with orthogonalised steps, for weights whose first dimension is the output's."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float = 1e-3) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Updates every weight that has a gradient."""
        assert closure is None, "Muon takes no closure"
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._update(weight, weight.grad, group["lr"])

    def _update(self, weight: Tensor, gradient: Tensor, rate: float) -> None:
        state: dict[str, Any] = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        momentum = state["momentum"].mul_(MOMENTUM).add_(gradient)
        matrix = (gradient + MOMENTUM * momentum).flatten(1)
        scale = ADAM_RMS * math.sqrt(max(matrix.shape))
        weight.add_(orthogonalize(matrix).view(weight.shape), alpha=-rate * scale)


def orthogonalize(matrix: Tensor) -> Tensor:
    """Moves the singular values of a (rows, columns) matrix close to 1; zeros stay zeros."""
    a, b, c = NEWTON_SCHULZ
    tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = matrix.T if tall else matrix
    x = x / x.norm().clamp_min(1e-7)  # the quintic needs singular values of at most 1
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x
