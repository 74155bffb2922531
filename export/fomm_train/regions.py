"""Regions of pictures: boxes about eyes and mouth."""

import torch
from torch import Tensor


def inside_boxes(boxes: Tensor, size: int) -> Tensor:
    """(N, 1, size, size) bool: True where the pixel's centre lies in any of the (N, R, 4) boxes."""
    centre = (torch.arange(size, device=boxes.device) + 0.5) / size
    x0, y0, x1, y1 = (boxes[..., i, None] for i in range(4))  # (N, R, 1)
    across = (centre >= x0) & (centre <= x1)  # (N, R, size)
    along = (centre >= y0) & (centre <= y1)
    return (along[..., :, None] & across[..., None, :]).any(dim=1, keepdim=True)
