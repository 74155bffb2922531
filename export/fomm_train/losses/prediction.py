"""Losses between a prediction and the rendered truth.

The paper compares features of a pretrained VGG. This project uses no pretrained network; it compares structure
directly: absolute differences and gradients over a pyramid of resolutions, and structural similarity.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from fomm_train.regions import inside_boxes

SSIM_WINDOW = 7
SSIM_C1 = 0.01**2
SSIM_C2 = 0.03**2
TEXTURE_WINDOW = 8
"""Pixels. In windows this large, blurred pictures lose to sharp ones that are slightly displaced."""


def reconstruction_loss(prediction: Tensor, truth: Tensor, weight: Tensor, scales: int) -> tuple[Tensor, Tensor]:
    """Weighted absolute differences of values and of gradients, averaged over a pyramid of halvings.

    Pictures are (N, 3, S, S); the weights of their pixels (N, 1, S, S), mean about 1.
    """
    values, gradients = [], []
    difference = prediction - truth  # both losses are linear in it
    for level in range(scales):
        if level:
            difference, weight = F.avg_pool2d(difference, 2), F.avg_pool2d(weight, 2)
        values.append((difference.abs() * weight).mean())
        right = (difference[..., 1:] - difference[..., :-1]).abs() * weight[..., 1:]
        down = (difference[..., 1:, :] - difference[..., :-1, :]).abs() * weight[..., 1:, :]
        gradients.append(right.mean() + down.mean())
    return torch.stack(values).mean(), torch.stack(gradients).mean()


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Mean structural similarity of (N, 3, H, W) pictures in [0, 1] over every second 7×7 window; 1 when equal.

    Source: Wang, Bovik, Sheikh, Simoncelli 2004, eq. 13.
    """

    def mean(x: Tensor) -> Tensor:
        lines = F.avg_pool2d(x, (SSIM_WINDOW, 1), stride=(2, 1))  # separable: fewer sums
        return F.avg_pool2d(lines, (1, SSIM_WINDOW), stride=(1, 2))

    mean_a, mean_b = mean(a), mean(b)
    variance_a = mean(a * a) - mean_a * mean_a
    variance_b = mean(b * b) - mean_b * mean_b
    covariance = mean(a * b) - mean_a * mean_b
    numerator = (2 * mean_a * mean_b + SSIM_C1) * (2 * covariance + SSIM_C2)
    denominator = (mean_a.square() + mean_b.square() + SSIM_C1) * (variance_a + variance_b + SSIM_C2)
    return (numerator / denominator).mean()


def texture_loss(prediction: Tensor, truth: Tensor) -> Tensor:
    """Absolute difference of the detail in (N, 3, S, S) pictures, wherever in a window it lies exactly."""
    return (_texture(prediction) - _texture(truth)).abs().mean()


def _texture(picture: Tensor) -> Tensor:
    """Mean absolute gradient in windows of TEXTURE_WINDOW pixels that overlap by half."""
    right = (picture[..., :-1, 1:] - picture[..., :-1, :-1]).abs()
    down = (picture[..., 1:, :-1] - picture[..., :-1, :-1]).abs()
    return F.avg_pool2d(right + down, TEXTURE_WINDOW, stride=TEXTURE_WINDOW // 2)


def region_weight(boxes: Tensor, size: int, factor: float, mouth: float = 1.0) -> Tensor:
    """Weights of pixels (N, 1, size, size): larger in eyes and mouth, mean 1 in each map.

    Pixels in the boxes count `factor` times those outside; in the last, the mouth's, another `mouth` times. `boxes` are
    (N, R, 4), x0, y0, x1, y1 as fractions of the picture's side.
    """
    weight = 1 + (factor - 1) * inside_boxes(boxes, size).float()
    weight = torch.where(inside_boxes(boxes[:, -1:], size), factor * mouth, weight)
    return weight / weight.mean(dim=(2, 3), keepdim=True)
