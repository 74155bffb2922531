"""The anti-aliased smaller frame, and the kernels that checkpoints store for it."""

import pytest
import torch
from torch import Tensor, nn

from fomm_export.networks.anti_alias import AntiAliasDownsample, gaussian_kernel, gaussian_of
from fomm_rt.model.blur import Blur, published_blur

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]


def stored(blur: Blur, dtype: torch.dtype = torch.float32) -> Tensor:
    return gaussian_kernel(blur).expand(3, 1, -1, -1).to(dtype)


def blurred(picture: Tensor, kernel: Tensor, factor: int) -> Tensor:
    out = nn.functional.conv2d(picture, kernel, padding=kernel.shape[-1] // 2, groups=3)
    return out[:, :, ::factor, ::factor]


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_anti_alias_is_blur_then_every_nth_pixel(factor: int) -> None:
    picture = torch.rand(1, 3, 64, 64)
    kernel = stored(published_blur(factor))
    torch.testing.assert_close(AntiAliasDownsample(3, factor)(picture), blurred(picture, kernel, factor))


def test_published_kernel_is_13_pixels_wide() -> None:
    assert published_blur(4) == Blur(1.5, 6)
    kernel = gaussian_kernel(published_blur(4))
    assert kernel.shape == (13, 13)
    assert kernel.sum().item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_stored_published_kernel_changes_nothing(dtype: torch.dtype) -> None:
    """Its rounding to the dtype of the checkpoint is undone."""
    down = AntiAliasDownsample(3, 4)
    before = down.weight.clone()
    down.use_stored(stored(published_blur(4), dtype), 4)
    assert torch.equal(down.weight, before)
    assert down.blur == published_blur(4)


@pytest.mark.parametrize("dtype", DTYPES)
def test_kernel_of_published_512_pixel_checkpoints(dtype: torch.dtype) -> None:
    """They keep every 8th pixel and were trained with the kernel for every 4th."""
    down = AntiAliasDownsample(3, 8)
    down.use_stored(stored(Blur(1.5, 6), dtype), 8)
    assert down.blur is not None
    assert down.blur.radius == 6
    assert down.blur.sigma == pytest.approx(1.5, rel=0.01)
    picture = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(down(picture), blurred(picture, stored(down.blur), 8))


@pytest.mark.parametrize(("sigma", "radius"), [(1.5, 6), (0.5, 2), (2.71828, 11), (7.25, 20)])
def test_finds_the_gaussian_of_a_kernel(sigma: float, radius: int) -> None:
    found = gaussian_of(stored(Blur(sigma, radius)), 4)
    assert found is not None
    assert found.radius == radius
    assert found.sigma == pytest.approx(sigma, rel=1e-4)


def test_a_kernel_that_is_no_gaussian_is_used_as_it_is() -> None:
    kernel = torch.full((3, 1, 5, 5), 1 / 25)
    down = AntiAliasDownsample(3, 4)
    down.use_stored(kernel, 4)
    assert down.blur is None
    picture = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(down(picture), blurred(picture, kernel, 4))
    with pytest.raises(ValueError, match="not a Gaussian"):
        AntiAliasDownsample(3, 8).use_stored(kernel, 4)


@pytest.mark.parametrize(("trained", "factor", "expected"), [(4, 8, Blur(3.5, 14)), (8, 4, Blur(1.5, 6))])
def test_published_blurs_at_other_frame_sizes_are_published_ones(trained: int, factor: int, expected: Blur) -> None:
    assert published_blur(trained).scaled(factor / trained) == expected == published_blur(factor)


def test_blurs_grow_with_the_frame() -> None:
    down = AntiAliasDownsample(3, 16)
    down.use_stored(stored(Blur(1.5, 6)), 8)
    assert down.blur == Blur(3.5, 14)
    assert Blur(0.5, 2).scaled(0.25) == Blur(0, 0)
    assert gaussian_kernel(Blur(0, 0)).shape == (1, 1)


def test_networks_that_see_the_whole_frame_store_no_usable_kernel() -> None:
    """The published code stores 0 / 0 and never reads it."""
    for factor in (1, 2):
        down = AntiAliasDownsample(3, factor)
        down.use_stored(torch.full((3, 1, 1, 1), float("nan")), trained_factor=1)
        assert down.blur == published_blur(factor)
        assert down(torch.rand(1, 3, 8, 8)).isfinite().all()


@pytest.mark.parametrize(
    ("kernel", "word"),
    [
        (torch.zeros(3, 1, 5, 5), "they add up to 0"),
        (torch.full((3, 1, 5, 5), float("nan")), "they add up to nan"),
        (torch.full((3, 1, 4, 4), 1 / 16), "it is 3×1×4×4"),
        (torch.full((1, 1, 5, 5), 1 / 25), "it is 1×1×5×5"),
        (torch.full((5, 5), 1 / 25), "it is 5×5"),
        (torch.tensor(1.0), "it is scalar"),
        (torch.empty(3, 1, 0, 0), "it is 3×1×0×0"),
        (torch.full((3, 1, 5, 7), 1 / 35), "it is 3×1×5×7"),
    ],
)
def test_refuses_what_is_no_blur(kernel: Tensor, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        AntiAliasDownsample(3, 4).use_stored(kernel, 4)
