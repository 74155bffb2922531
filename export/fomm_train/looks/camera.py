"""Effects of cameras and their files on a picture: exposure, colour, softness, noise, compression."""

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def expose(frames: Tensor, look: Tensor, count: int, strength: Tensor, generator: torch.Generator) -> Tensor:
    """Gamma, contrast, colour cast and greyness, one for each look.

    Args:
        frames: (N, 3, H, W) in [0, 1].
        look: (N,), which look a frame has.
        count: How many looks.
        strength: (count,), 0 leaves a frame as it is, 1 is usual.
        generator: Random numbers.
    """
    s = strength[:, None, None, None]

    def normal(channels: int = 1) -> Tensor:
        return torch.randn(count, channels, 1, 1, generator=generator)

    def chance(share: float) -> Tensor:
        return (torch.rand(count, 1, 1, 1, generator=generator) < share).float()

    gamma = torch.exp(0.28 * s * normal())
    cast = torch.exp(s * 0.10 * normal(3) * chance(0.7))
    grey = s * chance(0.15) + s * chance(0.35) * 0.7 * torch.rand(count, 1, 1, 1, generator=generator)
    contrast, brightness = torch.exp(0.16 * s * normal()), 0.06 * s * normal()
    frames = frames.clamp(0, 1).pow(gamma[look]) * cast[look]
    luma = (frames * frames.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
    frames = frames + grey.clamp(0, 1)[look] * (luma - frames)
    return ((frames - 0.5) * contrast[look] + 0.5 + brightness[look]).clamp(0, 1)


def soften(frames: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """Blurs some (N, 3, H, W) frames, sharpens others, leaves the rest."""
    count = len(frames)
    near = F.avg_pool2d(F.pad(frames, (1, 1, 1, 1), mode="replicate"), 3, 1)
    far = F.avg_pool2d(F.pad(near, (2, 2, 2, 2), mode="replicate"), 5, 1)
    amount = torch.rand(count, 1, 1, 1, generator=generator) * strength[:, None, None, None]
    kind = torch.rand(count, 1, 1, 1, generator=generator)
    blurred = torch.where(kind < 0.25, near, torch.where(kind < 0.37, far, frames))
    sharpened = frames + 0.9 * (frames - near)
    changed = torch.where(kind > 0.82, sharpened, blurred)
    return frames + amount * (changed - frames)


def record(frames: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """Sensor noise, then JPEG for half of the frames."""
    count = len(frames)
    level = 0.03 * strength * torch.rand(count, generator=generator)
    noisy = frames + level[:, None, None, None] * torch.randn(frames.shape, generator=generator)
    noisy = noisy.clamp(0, 1)
    compressed = (torch.rand(count, generator=generator) < 0.5) & (strength > 0)
    qualities = torch.randint(25, 96, (count,), generator=generator)
    for index in compressed.nonzero()[:, 0].tolist():
        pixels = (noisy[index].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
        _, file = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(qualities[index])])
        decoded = np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR), np.float32)
        noisy[index] = torch.from_numpy(decoded / 255).permute(2, 0, 1)
    return noisy
