"""Changes the look of frames: what head, torso and background are made of, the light, what is before them, the framing.

Textures of head and torso are fixed to them, by the landmarks' jacobians: they move as the body moves.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fomm_export.networks.geometry import coordinate_grid, inverse_2x2, transform_points
from fomm_train.faces import BACKGROUND, HEAD, TORSO
from fomm_train.looks import camera
from fomm_train.looks.geometry import Geometry
from fomm_train.looks.textures import draw_textures, fractal, sampled

NOSE, TORSO_POINT = 4, 9
"""Landmarks whose jacobians the textures of head and torso follow."""


class Frames(NamedTuple):
    """N frames with what is known of them.

    Attributes:
        pictures: (N, 3, S, S) float32 in [0, 1].
        bodies: (N, s, s) uint8: BACKGROUND, HEAD or TORSO.
        landmarks: (N, K, 2).
        jacobians: (N, K, 2, 2).
    """

    pictures: Tensor
    bodies: Tensor
    landmarks: Tensor
    jacobians: Tensor


@dataclass(frozen=True)
class Looks:
    """How often what is changed.

    Attributes:
        plain: Share of looks that leave frames as they are.
        background: Share of looks with another background.
        clothes: The same, with other clothes.
        occluder: Share of looks with something before the person.
        geometry: Strength of framing and bends.
        colours: Strength of changes of colour and texture.
        camera: Strength of exposure, blur, noise and compression.
    """

    plain: float = 0.2
    background: float = 0.7
    clothes: float = 0.6
    occluder: float = 0.12
    geometry: float = 1.0
    colours: float = 1.0
    camera: float = 1.0


@torch.no_grad()
def change_looks(frames: Frames, look_of_frame: Tensor, looks: Looks, seed: int) -> tuple[Frames, Geometry]:
    """Gives every look of a batch its own skin, clothes, place, light, framing and camera.

    Args:
        frames: On the CPU.
        look_of_frame: (N,) int64 from 0: frames of one number share their look, as both of a pair must.
        looks: How often what is changed.
        seed: Equal seeds give equal looks.

    Returns:
        The changed frames, and the map of each frame.
    """
    generator = torch.Generator().manual_seed(seed)
    count = int(look_of_frame.max()) + 1
    changed = (torch.rand(count, generator=generator) >= looks.plain).float()
    painted = _paint(frames, look_of_frame, looks, changed, generator)
    centres = torch.stack([frames.landmarks[look_of_frame == n, :8].mean((0, 1)) for n in range(count)])
    geometry = Geometry.draw(centres, changed * looks.geometry, generator)[look_of_frame]
    pictures = geometry.frames(painted)
    bodies = geometry.frames(frames.bodies[:, None].float(), mode="nearest")[:, 0].round().to(torch.uint8)
    pictures, bodies = _occlude(pictures, bodies, look_of_frame, looks.occluder * changed, generator)
    landmarks, jacobians = geometry.landmarks(frames.landmarks, frames.jacobians)
    strength = changed * looks.camera
    pictures = camera.expose(pictures, look_of_frame, count, strength, generator)
    pictures = camera.soften(pictures, strength[look_of_frame], generator)
    pictures = camera.record(pictures, strength[look_of_frame], generator)
    plain = (changed[look_of_frame] == 0)[:, None, None, None]
    pictures = torch.where(plain, frames.pictures, pictures)
    return Frames(pictures, bodies, landmarks, jacobians), geometry


def _paint(frames: Frames, look: Tensor, looks: Looks, changed: Tensor, generator: torch.Generator) -> Tensor:
    """Head, torso and background, each of its own."""
    pictures, count, size = frames.pictures, len(changed), frames.pictures.shape[-1]

    def uniform(low: float, high: float) -> Tensor:
        return (low + (high - low) * torch.rand(count, 1, 1, 1, generator=generator))[look]

    def chance(share: float) -> Tensor:
        return ((torch.rand(count, generator=generator) < share).float() * changed)[look][:, None, None, None]

    share = {body: _cover(frames.bodies, body, size) for body in (BACKGROUND, HEAD, TORSO)}
    grid = coordinate_grid(size, size)[None].expand(len(pictures), -1, -1, -1)
    on_head, on_torso = (_body_places(frames, grid, point) for point in (NOSE, TORSO_POINT))
    strength = looks.colours
    scale = uniform(0.5, 2.5)[..., 0][..., None]

    # Skin and hair keep their shading; their colours turn, and a grain lies on them.
    grain = fractal(count, 3, 0.3 + 1.3 * torch.rand(count, generator=generator), generator)[look]
    head = _recoloured(pictures, look, count, 0.35 * strength, generator)
    head = head * (1 + strength * uniform(0, 0.14) * sampled(grain, 0.5 * scale * on_head))
    marks = draw_textures(count, generator)[look]
    head = head + strength * uniform(0, 0.10) * chance(0.4) * sampled(marks, 0.4 * scale * on_head)
    head = pictures + changed[look][:, None, None, None] * (head - pictures)

    cloth = draw_textures(count, generator)[look]
    base = uniform(0.05, 0.9) + 0.15 * torch.randn(count, 3, 1, 1, generator=generator)[look]
    shading = _luma(pictures) / _luma(pictures).mean((2, 3), keepdim=True).clamp_min(0.05)
    woven = (base + uniform(0, 0.35) * sampled(cloth, 0.6 * scale * on_torso)) * shading.clamp(0.3, 1.7)
    turned = _recoloured(pictures, look, count, 0.7 * strength, generator)
    torso = pictures + changed[look][:, None, None, None] * (turned - pictures)
    torso = torso + chance(looks.clothes) * (woven - torso)

    scene = draw_textures(count, generator)[look]
    middle = uniform(0.1, 0.9) + 0.12 * torch.randn(count, 3, 1, 1, generator=generator)[look]
    place = middle + uniform(0.05, 0.3) * sampled(scene, uniform(0.3, 1.0)[..., 0][..., None] * grid)
    background = pictures + chance(looks.background) * (place - pictures)

    painted = share[HEAD] * head + share[TORSO] * torso + share[BACKGROUND] * background
    return (painted * _light(grid, look, changed * strength, generator)).clamp(0, 1)


def _cover(bodies: Tensor, body: int, size: int) -> Tensor:
    """(N, 1, size, size): how far pixels belong to a body, with soft edges; the shares of all bodies sum to 1."""
    mask = (bodies == body).float()[:, None]
    mask = F.avg_pool2d(F.pad(mask, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return F.interpolate(mask, (size, size), mode="bilinear", align_corners=True)


def _body_places(frames: Frames, grid: Tensor, point: int) -> Tensor:
    """(N, S, S, 2): where on a body's plane the pixels lie, by the jacobian of one of its landmarks."""
    inverse = inverse_2x2(frames.jacobians[:, point])
    offset = grid - frames.landmarks[:, point][:, None, None]
    return transform_points(inverse[:, None, None], offset)


def _recoloured(pictures: Tensor, look: Tensor, count: int, amount: float, generator: torch.Generator) -> Tensor:
    """Colours turned about the mean by a random matrix, one for each look."""
    mixing = torch.eye(3) + 0.5 * amount * torch.randn(count, 3, 3, generator=generator)
    lift = torch.exp(0.8 * amount * torch.randn(count, 3, 1, 1, generator=generator))
    means = torch.stack([pictures[look == n].mean((0, 2, 3)) for n in range(count)])[look][:, :, None, None]
    turned = torch.einsum("nij,njhw->nihw", mixing[look], pictures - means)
    return turned + means * lift[look]


def _light(grid: Tensor, look: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """(N, 1, S, S): a soft ramp across the picture."""
    count = len(strength)
    angle, steepness, place = (torch.rand(count, generator=generator)[look] for _ in range(3))
    amount = 0.45 * (torch.rand(count, generator=generator) * strength)[look]
    along = grid[..., 0] * (6.2832 * angle).cos()[:, None, None] + grid[..., 1] * (6.2832 * angle).sin()[:, None, None]
    ramp = torch.tanh(along * (0.5 + 3 * steepness)[:, None, None] + (2 * place - 1)[:, None, None])
    return (1 + amount[:, None, None] * ramp)[:, None]


def _occlude(
    pictures: Tensor, bodies: Tensor, look: Tensor, share: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Something out of focus before the person, at the same place in all frames of a look; there the body ends."""
    count, size = len(share), pictures.shape[-1]
    there = (torch.rand(count, generator=generator) < share)[look]
    centre = torch.rand(count, 2, generator=generator) * 2.2 - 1.1
    half = 0.08 + 0.35 * torch.rand(count, 2, generator=generator)
    turn = 3.1416 * torch.rand(count, generator=generator)
    tiles = draw_textures(count, generator)[look]
    base = torch.rand(count, 3, 1, 1, generator=generator)[look]

    def inside(side: int) -> Tensor:
        grid = coordinate_grid(side, side)[None] - centre[look][:, None, None]
        cos, sin = turn[look].cos()[:, None, None], turn[look].sin()[:, None, None]
        x, y = grid[..., 0] * cos + grid[..., 1] * sin, grid[..., 1] * cos - grid[..., 0] * sin
        radius = (x / half[look, 0, None, None]).abs().pow(2.6) + (y / half[look, 1, None, None]).abs().pow(2.6)
        return radius * there[:, None, None] + 99.0 * ~there[:, None, None]

    cover = (6 * (1.05 - inside(size))).clamp(0, 1)[:, None]
    grid = coordinate_grid(size, size)[None].expand(len(pictures), -1, -1, -1)
    pictures = pictures + cover * ((base + 0.12 * sampled(tiles, grid)).clamp(0, 1) - pictures)
    hidden = inside(bodies.shape[-1]) < 1
    return pictures, torch.where(hidden, torch.full_like(bodies, BACKGROUND), bodies)


def _luma(pictures: Tensor) -> Tensor:
    return pictures.mean(1, keepdim=True)
