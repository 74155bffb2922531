"""Renders an identity at a pose."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fomm_rt.image import Image
from fomm_train.faces.camera import head_view, torso_view
from fomm_train.faces.drawing.background import background
from fomm_train.faces.drawing.body import lay_body
from fomm_train.faces.drawing.canvas import Canvas, SurfaceRecord
from fomm_train.faces.drawing.ears import are_floppy, lay_ears
from fomm_train.faces.drawing.glasses import lay_glasses
from fomm_train.faces.drawing.hair import lay_back_hair, lay_hair
from fomm_train.faces.drawing.head import lay_head
from fomm_train.faces.drawing.shading import develop, light_of
from fomm_train.faces.identity import Identity
from fomm_train.faces.pose import Pose


def render(
    identity: Identity, pose: Pose, size: int = 256, device: str | torch.device = "cpu", supersample: int = 1
) -> Tensor:
    """Draws a picture: (3, size, size) float32 RGB in [0, 1], on the device.

    It averages supersample × supersample samples per pixel.
    """
    with torch.inference_mode():
        canvas = _canvas(identity, size, supersample, str(device))
        _paint(canvas, identity, pose)
        picture = develop(canvas.colour)
        if supersample > 1:
            picture = F.avg_pool2d(picture[None], supersample)[0]
    return picture.clone()  # a tensor made in inference mode cannot take part in training


@torch.inference_mode()
def surface_map(identity: Identity, pose: Pose, size: int, device: str | torch.device = "cpu") -> SurfaceRecord:
    """The body and the point on it that every pixel of `render` shows; expression deforms the head's surface."""
    canvas = _canvas(identity, size, 1, str(device))
    record = canvas.start_record()
    _paint(canvas, identity, pose)
    return SurfaceRecord(record.body.clone(), record.point.clone())


def render_picture(
    identity: Identity, pose: Pose, size: int = 256, device: str | torch.device = "cpu", supersample: int = 1
) -> Image:
    """The picture of `render`, rounded: (size, size, 3) uint8 RGB."""
    picture = render(identity, pose, size, device, supersample)
    return np.ascontiguousarray((picture * 255).round_().to(torch.uint8).permute(1, 2, 0).cpu().numpy())


def _canvas(identity: Identity, size: int, supersample: int, device: str) -> Canvas:
    return Canvas(background(identity, size, supersample, device).clone(), size, supersample, device)


def _paint(canvas: Canvas, identity: Identity, pose: Pose) -> None:
    light = light_of(identity, canvas.device)
    head, torso = head_view(pose), torso_view(pose)
    lay_back_hair(canvas, head, identity, light)
    lay_body(canvas, head, torso, identity, light)
    if not are_floppy(identity):
        lay_ears(canvas, head, identity, light)
    lay_head(canvas, head, identity, pose, light)
    if are_floppy(identity):
        lay_ears(canvas, head, identity, light)
    lay_hair(canvas, head, identity, light)
    if identity.glasses != "none":
        lay_glasses(canvas, head, identity, light)
