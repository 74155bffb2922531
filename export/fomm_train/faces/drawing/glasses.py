"""Paints glasses: frames in a plane before the eyes, lenses with a glint, temples to the ears."""

import numpy as np
import torch
from torch import Tensor

from fomm_train.faces.camera import Matrix, View
from fomm_train.faces.drawing.canvas import Canvas, Window, cover, ramp
from fomm_train.faces.drawing.shading import Light, column
from fomm_train.faces.identity import Identity

THICKNESS = 0.020


def lay_glasses(canvas: Canvas, view: View, identity: Identity, light: Light) -> None:
    """Lays the glasses over the head."""
    plane_z = 0.84 if identity.species == "human" else 0.80
    if identity.glasses == "round":
        half_width = half_height = corner = identity.eye_size + 0.05
    else:
        half_width, half_height, corner = identity.eye_size + 0.055, identity.eye_size + 0.02, 0.09
    outer = identity.eye_spacing + half_width
    for side in (-1.0, 1.0):
        _lay_temple(canvas, view, identity, light, np.array([side * outer, identity.eye_y - 0.05, plane_z]))
    ends = np.array([[x, identity.eye_y + y, plane_z] for x in (-outer, outer) for y in (-half_height, half_height)])
    window = _window(canvas, view, ends @ view.rotation.T)
    if window is None:
        return
    # On the plane z = plane_z the head coordinates are linear in the picture position.
    inverse = np.linalg.inv(view.rotation[:2, :2])
    offset = view.rotation[:2, 2] * plane_z
    du, dv = window.u[None, :] - float(offset[0]), window.v[:, None] - float(offset[1])
    x = float(inverse[0, 0]) * du + float(inverse[0, 1]) * dv
    y = float(inverse[1, 0]) * du + float(inverse[1, 1]) * dv - identity.eye_y
    ax, ay = x.abs() - identity.eye_spacing, y - 0.015
    qx, qy = ax.abs() - (half_width - corner), ay.abs() - (half_height - corner)
    outside = torch.sqrt(qx.clamp_min(0).square() + qy.clamp_min(0).square() + 1e-8)
    ring = outside + torch.maximum(qx, qy).clamp_max(0) - corner
    bridge = torch.maximum((y + 0.045 + 0.25 * x.square()).abs(), x.abs() - (identity.eye_spacing - half_width + 0.01))
    metal = torch.maximum(THICKNESS - ring.abs(), 0.8 * THICKNESS - bridge)
    streak = ramp((ax * 0.8 + ay - 0.02).abs(), 0.075, 0.045) + 0.6 * ramp((ax * 0.8 + ay - 0.16).abs(), 0.03, 0.015)
    lens = cover(-ring, window.pixel) * (0.035 + 0.13 * streak)
    canvas.lay(window, torch.ones(3, 1, 1, device=canvas.device), lens)
    shadow = cover(THICKNESS - ring.abs(), window.pixel, 0.05) * 0.18
    canvas.lay(window, torch.zeros(3, 1, 1, device=canvas.device), shadow)
    tone = column(identity.glasses_colour, canvas.device) * (light.key_colour * 0.5 + light.sky * 0.9)
    lit = (tone * (1.0 - 1.2 * (y + 0.1)).clamp(0.45, 1.5)) + 0.125 * ramp(metal, 0.4 * THICKNESS, THICKNESS)
    canvas.lay(window, lit, cover(metal, window.pixel))


def _lay_temple(canvas: Canvas, view: View, identity: Identity, light: Light, front: Matrix) -> None:
    """Lays a straight bar from the frame's side (3,) to the ear; the head hides it where it is nearer."""
    back = np.array([np.sign(front[0]) * (identity.head_width + 0.03), identity.eye_y - 0.06, -0.08])
    p, q = view.rotation @ front, view.rotation @ back
    window = _window(canvas, view, np.stack([p, q]))
    if window is None:
        return
    direction = (q - p)[:2]
    squared_length = float(direction @ direction) + 1e-6
    du, dv = window.u[None, :] - float(p[0]), window.v[:, None] - float(p[1])
    share = ((du * float(direction[0]) + dv * float(direction[1])) / squared_length).clamp(0, 1)
    away = torch.sqrt((du - share * float(direction[0])).square() + (dv - share * float(direction[1])).square())
    depth: Tensor = float(p[2]) + share * float(q[2] - p[2]) + 0.06
    tone = column(identity.glasses_colour, canvas.device) * (light.key_colour * 0.4 + light.sky * 0.7)
    canvas.lay(window, tone, cover(0.85 * THICKNESS - away, window.pixel), depth)


def _window(canvas: Canvas, view: View, points: Matrix) -> Window | None:
    """The window around (N, 3) points in camera coordinates; None outside the picture."""
    (u0, v0, _), (u1, v1, _) = points.min(axis=0), points.max(axis=0)
    return canvas.window(view, (float(u0), float(v0), float(u1), float(v1)), 0.06)
