"""Glasses: frames in a plane before the eyes, lenses with a glint, temples to the ears."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fomm_train.faces.camera import View
from fomm_train.faces.drawing.canvas import Canvas, cover, ramp
from fomm_train.faces.drawing.shading import Light, column
from fomm_train.faces.identity import Identity

THICKNESS = 0.020


def lay(canvas: Canvas, view: View, identity: Identity, light: Light) -> None:
    """Lays the glasses over the head."""
    plane_z = 0.84 if identity.species == "human" else 0.80
    half_width, half_height = identity.eye_size + 0.055, identity.eye_size + 0.02
    corner = half_height if identity.glasses == "round" else 0.09
    if identity.glasses == "round":
        half_width = half_height = identity.eye_size + 0.05
        corner = half_width
    outer = identity.eye_spacing + half_width
    _lay_temples(canvas, view, identity, light, outer, plane_z)
    ends = np.array([[x, identity.eye_y + y, plane_z] for x in (-outer, outer) for y in (-half_height, half_height)])
    turned = ends @ view.rotation.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    window = canvas.window(view, (float(low[0]), float(low[1]), float(high[0]), float(high[1])), 0.06)
    if window is None:
        return
    # On the plane z = plane_z the head coordinates are linear in the picture position.
    inverse = np.linalg.inv(view.rotation[:2, :2])
    offset = view.rotation[:2, 2] * plane_z
    du, dv = window.u[None, :] - float(offset[0]), window.v[:, None] - float(offset[1])
    x = float(inverse[0, 0]) * du + float(inverse[0, 1]) * dv
    y = float(inverse[1, 0]) * du + float(inverse[1, 1]) * dv - identity.eye_y
    # A frame bends back a little at its sides; the slant of the lower rim makes it less mechanical.
    ax, ay = x.abs() - identity.eye_spacing, y - 0.015
    qx, qy = ax.abs() - (half_width - corner), ay.abs() - (half_height - corner)
    outside = torch.sqrt(qx.clamp_min(0).square() + qy.clamp_min(0).square() + 1e-8)
    ring = outside + torch.maximum(qx, qy).clamp_max(0) - corner
    bridge = torch.maximum((y + 0.045 + 0.25 * x.square()).abs(), x.abs() - (identity.eye_spacing - half_width + 0.01))
    metal = torch.maximum(THICKNESS - ring.abs(), 0.8 * THICKNESS - bridge)
    device = canvas.device
    lens = cover(-ring, window.pixel)
    streak = ramp((ax * 0.8 + ay - 0.02).abs(), 0.075, 0.045) + 0.6 * ramp((ax * 0.8 + ay - 0.16).abs(), 0.03, 0.015)
    canvas.lay(window, torch.full((3, 1, 1), 1.0, device=device), lens * (0.035 + 0.13 * streak))
    shadow = cover(THICKNESS - ring.abs(), window.pixel, 0.05) * 0.18
    canvas.lay(window, torch.zeros(3, 1, 1, device=device), shadow)
    tone = column(identity.glasses_colour, device) * (light.key_colour * 0.5 + light.sky * 0.9)
    lit = (tone * (1.0 - 1.2 * (y + 0.1)).clamp(0.45, 1.5)) + 0.125 * ramp(metal, 0.4 * THICKNESS, THICKNESS)
    canvas.lay(window, lit, cover(metal, window.pixel))


def _lay_temples(canvas: Canvas, view: View, identity: Identity, light: Light, outer: float, plane_z: float) -> None:
    """The side pieces: straight bars from the frame to the ears, hidden by the head where it is nearer."""
    tone = column(identity.glasses_colour, canvas.device) * (light.key_colour * 0.4 + light.sky * 0.7)
    for side in (-1.0, 1.0):
        front = np.array([side * outer, identity.eye_y - 0.05, plane_z])
        back = np.array([side * (identity.head_width + 0.03), identity.eye_y - 0.06, -0.08])
        p, q = view.rotation @ front, view.rotation @ back
        low, high = np.minimum(p, q), np.maximum(p, q)
        window = canvas.window(view, (float(low[0]), float(low[1]), float(high[0]), float(high[1])), 0.06)
        if window is None:
            continue
        direction = (q - p)[:2]
        length2 = float(direction @ direction) + 1e-6
        du, dv = window.u[None, :] - float(p[0]), window.v[:, None] - float(p[1])
        share = ((du * float(direction[0]) + dv * float(direction[1])) / length2).clamp(0, 1)
        away = torch.sqrt((du - share * float(direction[0])).square() + (dv - share * float(direction[1])).square())
        depth: Tensor = float(p[2]) + share * float(q[2] - p[2]) + 0.06
        canvas.lay(window, tone, cover(0.85 * THICKNESS - away, window.pixel), depth)
