"""Changes the look of frames: framing, skin, cloth, background, light, occluders and camera.

Textures of head and torso follow the landmarks' jacobians, so they move with the body.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fomm_export.networks.geometry import coordinate_grid, inverse_2x2, transform_points
from fomm_train.faces import BACKGROUND, HEAD, TORSO
from fomm_train.looks import camera
from fomm_train.looks.geometry import Geometry
from fomm_train.looks.textures import draw_textures, fractal, sampled
from fomm_train.recipe import Looks

NOSE, TORSO_POINT = 4, 9
"""Landmarks whose jacobians the textures of head and torso follow."""


class Frames(NamedTuple):
    """N frames and the renderer's knowledge of them.

    Attributes:
        pictures: (N, 3, S, S) float32 in [0, 1].
        landmarks: (N, K, 2).
        jacobians: (N, K, 2, 2).
        boxes: (N, R, 4), x0, y0, x1, y1 as fractions of the side.
        bodies: (N, s, s) uint8: BACKGROUND, HEAD or TORSO.
        known: (N, s, s) bool, True where the motion is exact.
        steps: (N, Q, s, s, 2) float32, from each place to where each of Q other frames shows the same point.
        shown: (N, Q, s, s) bool, True where it does.
    """

    pictures: Tensor
    landmarks: Tensor
    jacobians: Tensor
    boxes: Tensor
    bodies: Tensor
    known: Tensor
    steps: Tensor
    shown: Tensor


class Looked(NamedTuple):
    """Changed frames.

    Attributes:
        frames: Without the faults of a camera.
        filmed: (N, 3, S, S), their pictures with blur, noise and compression.
        geometry: The map of each frame.
    """

    frames: Frames
    filmed: Tensor
    geometry: Geometry


@torch.no_grad()
def change_looks(
    frames: Frames,
    look_of_frame: Tensor,
    scene_of_frame: Tensor,
    looks: Looks,
    seed: int,
    shrink: Callable[[Tensor], Tensor] = lambda pictures: pictures,
) -> Looked:
    """Gives every look of a batch its own skin, clothes, place and light, and every scene its own framing.

    Args:
        frames: On the CPU.
        look_of_frame: (N,) int64 from 0: frames of one number share their look.
        scene_of_frame: (N,) int64 from 0: frames of one number share their framing, because motion is transferred
            between them. All frames of a look belong to one scene.
        looks: How often what is changed.
        seed: Equal seeds give equal looks.
        shrink: Shrinks pictures; called once they are framed, so that everything else takes less time.
    """
    generator = torch.Generator().manual_seed(seed)
    count, scenes = int(look_of_frame.max()) + 1, int(scene_of_frame.max()) + 1
    changed_scene = (torch.rand(scenes, generator=generator) >= looks.plain).float()
    changed = torch.stack([changed_scene[scene_of_frame[look_of_frame == n][0]] for n in range(count)])
    centres = torch.stack([frames.landmarks[scene_of_frame == n, :8].mean((0, 1)) for n in range(scenes)])
    geometry = Geometry.draw(centres, changed_scene * looks.geometry, generator)[scene_of_frame]
    framed = _framed(frames, geometry, shrink)
    painted = framed._replace(pictures=_paint(framed, look_of_frame, looks, changed, generator))
    covered = _occlude(painted, look_of_frame, looks.occluder * changed, generator)
    strength = changed * looks.camera
    pictures = camera.expose(covered.pictures, look_of_frame, count, strength, generator)
    softened = camera.soften(pictures, strength[look_of_frame], generator)
    filmed = camera.record(softened, strength[look_of_frame], generator)
    plain = (changed[look_of_frame] == 0)[:, None, None, None]
    pictures, filmed = (torch.where(plain, framed.pictures, each) for each in (pictures, filmed))
    return Looked(covered._replace(pictures=pictures), filmed, geometry)


def _framed(frames: Frames, geometry: Geometry, shrink: Callable[[Tensor], Tensor]) -> Frames:
    steps, origin = geometry.steps(frames.steps)
    inside = (origin.abs() <= 1).all(dim=-1)
    masks = torch.cat([frames.bodies[:, None], frames.known[:, None], frames.shown], dim=1).float()
    masks = F.grid_sample(masks, origin, mode="nearest", padding_mode="border", align_corners=True).round()
    landmarks, jacobians = geometry.landmarks(frames.landmarks, frames.jacobians)
    ends = steps + coordinate_grid(steps.shape[2], steps.shape[3])
    return Frames(
        pictures=shrink(geometry.frames(frames.pictures)),
        bodies=masks[:, 0].to(torch.uint8),
        known=(masks[:, 1] > 0) & inside,
        shown=(masks[:, 2:] > 0) & (ends.abs() <= 1).all(dim=-1),
        steps=steps,
        landmarks=landmarks,
        jacobians=jacobians,
        boxes=_moved_boxes(frames.boxes, geometry),
    )


def _moved_boxes(boxes: Tensor, geometry: Geometry) -> Tensor:
    """Boxes (N, R, 4) around the moved corners and middles of the sides."""
    x0, y0, x1, y1 = (2 * boxes - 1).unbind(-1)
    x, y = 0.5 * (x0 + x1), 0.5 * (y0 + y1)
    rim = ((x0, y0), (x, y0), (x1, y0), (x1, y), (x1, y1), (x, y1), (x0, y1), (x0, y))
    points = torch.stack([torch.stack(corner, -1) for corner in rim], dim=2)  # (N, R, 8, 2)
    placed = geometry.place_of(points.flatten(1, 2)).reshape(points.shape)
    return 0.5 + 0.5 * torch.cat([placed.amin(2), placed.amax(2)], dim=-1)


def _paint(frames: Frames, look: Tensor, looks: Looks, changed: Tensor, generator: torch.Generator) -> Tensor:
    """Paints head, torso and background."""
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
    """(N, S, S, 2): positions of the pixels on the plane of one of a body's landmarks."""
    inverse = inverse_2x2(frames.jacobians[:, point])
    offset = grid - frames.landmarks[:, point][:, None, None]
    return transform_points(inverse[:, None, None], offset)


def _recoloured(pictures: Tensor, look: Tensor, count: int, amount: float, generator: torch.Generator) -> Tensor:
    """Mixes the colours of each look by a random matrix about the mean."""
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


def _occlude(frames: Frames, look: Tensor, share: Tensor, generator: torch.Generator) -> Frames:
    """Lays a blurred object before some people, at one place in all frames of a look. It counts as background."""
    count, size = len(share), frames.pictures.shape[-1]
    there = (torch.rand(count, generator=generator) < share)[look]
    centre = torch.rand(count, 2, generator=generator) * 2.2 - 1.1
    half = 0.08 + 0.35 * torch.rand(count, 2, generator=generator)
    turn = 3.1416 * torch.rand(count, generator=generator)
    tiles = draw_textures(count, generator)[look]
    base = torch.rand(count, 3, 1, 1, generator=generator)[look]

    def radius(places: Tensor) -> Tensor:
        """Distance of (N, h, w, 2) places from the object's centre; 1 at its rim."""
        offset = places - centre[look][:, None, None]
        cos, sin = turn[look].cos()[:, None, None], turn[look].sin()[:, None, None]
        x, y = offset[..., 0] * cos + offset[..., 1] * sin, offset[..., 1] * cos - offset[..., 0] * sin
        powers = (x / half[look, 0, None, None]).abs().pow(2.6) + (y / half[look, 1, None, None]).abs().pow(2.6)
        return torch.where(there[:, None, None], powers, 99.0)

    grid = coordinate_grid(size, size)[None].expand(len(look), -1, -1, -1)
    cover = (6 * (1.05 - radius(grid))).clamp(0, 1)[:, None]
    paint = (base + 0.12 * sampled(tiles, grid)).clamp(0, 1)
    side = frames.bodies.shape[-1]
    hidden = radius(coordinate_grid(side, side)[None]) < 1
    ends = frames.steps + coordinate_grid(side, side)
    hides_end = radius(ends.flatten(1, 2)).reshape(ends.shape[:4]) < 1
    return frames._replace(
        pictures=frames.pictures + cover * (paint - frames.pictures),
        bodies=torch.where(hidden, BACKGROUND, frames.bodies).to(torch.uint8),
        known=frames.known | hidden,
        steps=torch.where(hidden[:, None, ..., None], 0.0, frames.steps),
        shown=(frames.shown & ~hides_end) | hidden[:, None],
    )


def _luma(pictures: Tensor) -> Tensor:
    return pictures.mean(1, keepdim=True)
