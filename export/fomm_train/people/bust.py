"""The part of the base mesh that a portrait shows, before a person's shape."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fomm_train.people import assets
from fomm_train.people.assets import Floats, Integers

Bools = npt.NDArray[np.bool_]

SKIN, EYE, TEETH, TONGUE, CLOTH, LASH = range(6)
PARTS = {
    "body": SKIN,
    "helper-l-eye": EYE,
    "helper-r-eye": EYE,
    "helper-upper-teeth": TEETH,
    "helper-lower-teeth": TEETH,
    "helper-tongue": TONGUE,
    "helper-tights": CLOTH,
    "helper-l-eyelashes-1": LASH,
    "helper-l-eyelashes-2": LASH,
    "helper-r-eyelashes-1": LASH,
    "helper-r-eyelashes-2": LASH,
}
LOWEST, WIDEST = 3.2, 3.4
"""Bounds of the part that is kept, dm; a head at half the usual size shows no more."""

CHIN, CROWN, NOSE_TIP, LOWER_LIP, NECK_BASE = 991, 879, 297, 492, 1522
LEFT_EYE, RIGHT_EYE = slice(14598, 14670), slice(14670, 14742)
"""The eyeballs' vertices; left is the person's, on the picture's right."""


class Bust(NamedTuple):
    """N vertices, T triangles.

    Attributes:
        ids: (N,), vertices of the base mesh.
        rest: (N, 3), positions on the base mesh, dm.
        texture: (N, 2), the mesh's texture coordinates.
        part: (N,), of PARTS.
        regions: (N, 4) in [0, 1]: lips, inside of the mouth, ears, lids.
        weight: (N,), 1 follows the head, 0 the torso; between them both.
        triangles: (T, 3).
    """

    ids: Integers
    rest: Floats
    texture: Floats
    part: Integers
    regions: Floats
    weight: Floats
    triangles: Integers


@lru_cache(maxsize=1)
def bust() -> Bust:
    """The bust of the base mesh."""
    mesh = assets.base_mesh()
    keys = []
    for group, part in PARTS.items():
        quads = mesh.quads[group]
        middle = mesh.vertices[quads[..., 0]].mean(axis=1)
        quads = quads[(middle[:, 1] > LOWEST) & (np.abs(middle[:, 0]) < WIDEST)]
        corners = np.concatenate([quads, np.full((*quads.shape[:2], 1), part)], axis=-1)
        keys.append(corners.reshape(-1, 3))
    unique, inverse = np.unique(np.concatenate(keys), axis=0, return_inverse=True)
    faces = inverse.reshape(-1, 4)
    ids, texture, part_of = unique[:, 0], mesh.texture[unique[:, 1]], unique[:, 2]
    rest = mesh.vertices[ids]
    skin = (part_of == SKIN)[:, None]
    regions = np.stack([_sampled(name, texture) for name in ("lips", "inside-mouth", "ears", "eyelids")], axis=-1)
    return Bust(
        ids,
        rest,
        texture,
        part_of,
        (regions * skin).astype(np.float32),
        head_weight(rest),
        np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]]),
    )


def _sampled(name: str, texture: Floats) -> Floats:
    mask = assets.mask(name)
    height, width = mask.shape
    rows = np.clip(((1 - texture[:, 1]) * height).astype(int), 0, height - 1)
    columns = np.clip((texture[:, 0] * width).astype(int), 0, width - 1)
    sampled: Floats = mask[rows, columns]
    return sampled


def head_weight(rest: Floats) -> Floats:
    """(N,): 1 where (N, 3) points follow the head, 0 where they follow the torso; the neck blends them."""
    back = np.clip((0.9 - rest[:, 2]) / 1.2, 0, 1)
    t = np.clip((rest[:, 1] - 5.45) / (0.65 + 0.55 * back), 0, 1)
    weight: Floats = (t * t * (3 - 2 * t)).astype(np.float32)
    return weight


def eye_centres(vertices: Floats) -> Floats:
    """(2, 3) centres of the eyeballs among all vertices of a mesh, the picture's left first."""
    return np.stack([vertices[RIGHT_EYE].mean(axis=0), vertices[LEFT_EYE].mean(axis=0)])


class LandmarkVertices(NamedTuple):
    """Vertices of the base mesh at the landmarks of `fomm_train.faces.LANDMARKS`, in their order."""

    upper_lids: tuple[int, int]
    brows: tuple[int, int]
    mouth: tuple[int, int]

    def all(self) -> list[int]:
        """(10,) vertices."""
        return [*self.upper_lids, *self.brows, NOSE_TIP, *self.mouth, LOWER_LIP, CROWN, NECK_BASE]


@lru_cache(maxsize=1)
def landmark_vertices() -> LandmarkVertices:
    """Found on the base mesh: the middle of the upper lid's margin and of the brow, the corners where lips meet."""
    mesh, whole = assets.base_mesh().vertices, bust()
    lips = whole.ids[(whole.regions[:, 0] > 0.4) & (whole.rest[:, 1] > 6)]
    front = lips[mesh[lips, 2] > 1.1]
    corners = int(front[np.argmin(mesh[front, 0])]), int(front[np.argmax(mesh[front, 0])])
    skin = np.unique(whole.ids[whole.part == SKIN])
    lids, brows = [], []
    for centre in eye_centres(mesh):
        side = float(np.sign(centre[0]))
        # The margin touches the eyeball: of the vertices above the middle, the one nearest to the eyeball's surface.
        above = skin[(np.abs(mesh[skin, 0] - centre[0]) < 0.04) & (mesh[skin, 1] > centre[1])]
        above = above[mesh[above, 2] > centre[2]]
        lids.append(int(above[np.argmin(mesh[above, 1] + 5 * np.abs(mesh[above, 0] - centre[0]))]))
        brow = centre + np.array([0.03 * side, 0.26, 0.23])
        brows.append(int(skin[np.argmin(np.linalg.norm(mesh[skin] - brow, axis=1))]))
    return LandmarkVertices((lids[0], lids[1]), (brows[0], brows[1]), corners)


def vertex_normals(positions: Floats) -> Floats:
    """(N, 3) unit normals of the bust's vertices at (N, 3) positions; vertices that seams double share theirs."""
    whole = bust()
    corners = positions[whole.triangles]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    owner = _owners()[whole.triangles]
    count = int(_owners().max()) + 1
    summed = np.stack([np.bincount(owner.ravel(), np.repeat(facing[:, axis], 3), count) for axis in range(3)], axis=-1)
    normals = summed[_owners()]
    unit: Floats = (normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)).astype(np.float32)
    return unit


@lru_cache(maxsize=1)
def _owners() -> Integers:
    """(N,): one number for all vertices that stand for the same vertex of the base mesh."""
    return np.unique(bust().ids, return_inverse=True)[1]
