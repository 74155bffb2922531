"""Merged heads compute what the separate heads do."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import nn

from fomm_export.rewrites.heads import MergedHeads, SplitHeads

KINDS = [MergedHeads, SplitHeads]


def draw(outputs: Sequence[int], kernel_size: int, padding: int, bias: bool = True) -> list[nn.Conv2d]:
    torch.manual_seed(0)
    heads = [nn.Conv2d(5, out, kernel_size, padding=padding, bias=bias) for out in outputs]
    return [head.double() for head in heads]


def compare(heads: Sequence[nn.Conv2d], merged: nn.Module, batch: int) -> None:
    x = torch.randn(batch, 5, 9, 11, dtype=torch.float64)
    found = merged(x)
    assert len(found) == len(heads)
    for result, head in zip(found, heads, strict=True):
        torch.testing.assert_close(result, head(x), atol=1e-12, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("outputs", [(4,), (3, 1, 5)])
@pytest.mark.parametrize(("kernel_size", "padding"), [(7, 0), (7, 3), (3, 1), (1, 0)])
@pytest.mark.parametrize("batch", [1, 3])
def test_computes_every_head(
    kind: type[MergedHeads | SplitHeads], outputs: tuple[int, ...], kernel_size: int, padding: int, batch: int
) -> None:
    heads = draw(outputs, kernel_size, padding)
    compare(heads, kind(heads), batch)


@pytest.mark.parametrize("kind", KINDS)
def test_computes_heads_without_bias(kind: type[MergedHeads | SplitHeads]) -> None:
    heads = [*draw((2,), 7, 3, bias=False), *draw((3,), 7, 3)]
    compare(heads, kind(heads), 1)
    compare(heads[:1], kind(heads[:1]), 1)


def test_leaves_out_rows_of_zeros() -> None:
    heads = draw((2, 3), 7, 3)
    with torch.no_grad():
        heads[0].weight[:, :, 0] = 0
        heads[1].weight[1, :, 2:5] = 0
        heads[1].weight[0, :, 3, :6] = 0
        heads[1].weight[2, :4, 6] = 0
    split = SplitHeads(heads)
    assert split.rows.shape == (5 * 7 - 2 - 3, 5, 1, 7)
    compare(heads, split, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_copies_the_weights(kind: type[MergedHeads | SplitHeads]) -> None:
    heads = draw((2,), 3, 1)
    merged = kind(heads)
    assert not any(parameter.requires_grad for parameter in merged.parameters())
    x = torch.randn(1, 5, 4, 4, dtype=torch.float64)
    (before,) = merged(x)
    with torch.no_grad():
        for parameter in heads[0].parameters():
            parameter.zero_()
    assert torch.equal(merged(x)[0], before)
