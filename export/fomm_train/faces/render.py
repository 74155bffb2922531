"""Renders an identity at a pose."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from fomm_train.faces.camera import head_view, torso_view
from fomm_train.faces.drawing import body, glasses
from fomm_train.faces.drawing.background import background
from fomm_train.faces.drawing.canvas import Canvas, SurfaceRecord
from fomm_train.faces.drawing.head import lay_ears, lay_hair, lay_head
from fomm_train.faces.drawing.shading import develop, light_of
from fomm_train.faces.identity import Identity
from fomm_train.faces.performance import Pose


def render(
    identity: Identity, pose: Pose, size: int = 256, device: str | torch.device = "cpu", supersample: int = 1
) -> Tensor:
    """Draws one picture.

    Args:
        identity: Who.
        pose: Doing what.
        size: Side of the picture, pixels.
        device: Where to compute.
        supersample: Samples along the side of a pixel, averaged.

    Returns:
        (3, size, size) float32 RGB in [0, 1], on the device.
    """
    # A clone made outside inference mode may take part in training.
    return _draw(identity, pose, size, str(device), supersample).clone()


@torch.inference_mode()
def _draw(identity: Identity, pose: Pose, size: int, place: str, supersample: int) -> Tensor:
    canvas = Canvas(background(identity, size, supersample, place).clone(), size, supersample, place)
    _lay_everything(canvas, identity, pose, place)
    picture = develop(canvas.colour)
    if supersample > 1:
        picture = F.avg_pool2d(picture[None], supersample)[0]
    return picture


def _lay_everything(canvas: Canvas, identity: Identity, pose: Pose, place: str) -> None:
    light = light_of(identity, place)
    head, torso = head_view(pose), torso_view(pose)
    body.lay_back_hair(canvas, head, identity, light)
    body.lay_torso(canvas, head, torso, identity, light)
    lay_ears(canvas, head, identity, light)
    lay_head(canvas, head, identity, pose, light)
    lay_hair(canvas, head, identity, light)
    if identity.glasses != "none":
        glasses.lay(canvas, head, identity, light)


@torch.inference_mode()
def surface_map(identity: Identity, pose: Pose, size: int, device: str | torch.device = "cpu") -> SurfaceRecord:
    """What `render` shows at every pixel: which body, and where on it (expression deforms the head's surface)."""
    place = str(device)
    canvas = Canvas(background(identity, size, 1, place).clone(), size, 1, place)
    record = canvas.start_record()
    _lay_everything(canvas, identity, pose, place)
    return SurfaceRecord(record.body.clone(), record.point.clone())


def render_picture(
    identity: Identity, pose: Pose, size: int = 256, device: str | torch.device = "cpu", supersample: int = 1
) -> npt.NDArray[np.uint8]:
    """`render`, rounded: (size, size, 3) uint8 RGB."""
    picture = render(identity, pose, size, device, supersample)
    rounded = (picture * 255).round_().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(rounded)
