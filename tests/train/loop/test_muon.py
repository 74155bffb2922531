"""Muon takes steps of equal size in every direction of a matrix."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fomm_train.loop.muon import ADAM_RMS, Muon, orthogonalize


@pytest.mark.parametrize("shape", [(16, 27), (48, 16), (8, 8)])
def test_orthogonalizing_keeps_singular_vectors_and_brings_values_near_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    found = u.T @ orthogonalize(matrix) @ v.T
    values = found.diagonal()
    # The quintic leaves singular values between 0.7 and 1.2; the smallest need more than five iterations.
    assert values.max() < 1.3
    assert values.median() > 0.6
    assert (found - torch.diag(values)).abs().max() < 1e-4


def test_a_step_does_not_depend_on_the_size_of_the_gradient() -> None:
    steps = []
    for factor in (1e-3, 1e3):
        weight = nn.Parameter(torch.zeros(4, 2, 3, 3))
        weight.grad = factor * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1))
        Muon([weight], lr=1e-2).step()
        steps.append(weight.detach())
    assert torch.allclose(steps[0], steps[1], rtol=1e-4)
    rms = steps[0].square().mean().sqrt()
    assert rms == pytest.approx(1e-2 * ADAM_RMS, rel=0.3)


def test_weights_without_gradient_stay() -> None:
    weight, still = nn.Parameter(torch.ones(3, 3)), nn.Parameter(torch.ones(3, 3))
    weight.grad = torch.zeros(3, 3)
    Muon([weight, still]).step()
    assert torch.equal(weight, torch.ones(3, 3))
    assert torch.equal(still, torch.ones(3, 3))


def test_learns_all_directions_of_an_ill_conditioned_problem() -> None:
    """One direction of the inputs is ten times stronger than another, and a hundred times in the gradient."""
    generator = torch.Generator().manual_seed(2)
    scale = torch.logspace(0, -1, 12)
    truth = torch.randn(12, 12, generator=generator)
    weight = nn.Parameter(torch.zeros(12, 12))
    optimizer = Muon([weight])
    steps = 300
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 0.1 * (1 - step / steps)
        inputs = torch.randn(64, 12, generator=generator) * scale
        weight.grad = (weight.detach() - truth) @ inputs.T @ inputs / len(inputs)
        optimizer.step()
    assert (weight.detach() - truth).abs().max() < 0.2


def test_resumes_from_its_state() -> None:
    def run(stop: int | None) -> torch.Tensor:
        weight = nn.Parameter(torch.ones(4, 6))
        optimizer = Muon([weight], lr=1e-2)
        generator = torch.Generator().manual_seed(3)
        for step in range(6):
            if step == stop:
                state = optimizer.state_dict()
                optimizer = Muon([weight], lr=1.0)
                optimizer.load_state_dict(state)
            weight.grad = torch.randn(weight.shape, generator=generator)
            optimizer.step()
        return weight.detach()

    assert torch.equal(run(None), run(3))
