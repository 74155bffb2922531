"""The shadow map of the key light, and the openness of the surface to light from all sides."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from fomm_train.people.assets import Floats, base_mesh
from fomm_train.people.bust import CHIN, CLOTH, CROWN, SKIN, bust, vertex_normals
from fomm_train.people.graphics import UNITS, graphics
from fomm_train.people.scene import Batch, bust_batches

SIZE = 512
REACH, DEPTH = 2.6, 3.2
"""Half the side and half the depth of the space that the map covers; head units."""
MIDDLE = np.array([0, 0.5, 0])
SHARE, WIDEN = 0.25, 3.0
"""Share of the strands that throw shadows, and the factor by which these are widened instead."""
DIRECTIONS = 48
"""Number of directions from which openness is measured."""
UPSIDE_DOWN = np.array([1, -1, 1], np.float32)


class ShadowMap:
    """Depths as the key light sees them."""

    def __init__(self) -> None:
        self._graphics = graphics()
        self.texture = self._graphics.context.depth_texture((SIZE, SIZE))
        self.texture.compare_func = ""
        self.texture.repeat_x = self.texture.repeat_y = False
        self._film = self._graphics.context.framebuffer(depth_attachment=self.texture)

    def draw(self, batches: list[Batch], direction: Floats) -> npt.NDArray[np.float64]:
        """Draws the map of a light in a direction; returns the (4, 4) map from camera coordinates to its own."""
        view = _view(direction)
        self._film.use()
        self._film.clear(depth=1.0)
        self._graphics.context.enable(self._graphics.context.DEPTH_TEST)
        self._graphics.set(from_light=1, widen=WIDEN, light_view=view.T)
        for batch in batches:
            if batch.kind == "strands":
                batch.named.render(vertices=3 * int(SHARE * len(batch.triangles)))
            elif batch.kind != "lens":
                batch.named.render()
        return view

    def use(self) -> None:
        """Binds the map for the programs."""
        self.texture.use(UNITS["shadow_map"])

    def depths(self) -> Floats:
        """(SIZE, SIZE): the depths of the map."""
        return np.frombuffer(self.texture.read(), np.float32).reshape(SIZE, SIZE)


def _view(direction: Floats) -> npt.NDArray[np.float64]:
    ahead = np.asarray(direction, np.float64)
    ahead = ahead / np.linalg.norm(ahead)
    right = np.cross([0.1, 1.0, 0.05], ahead)
    right /= np.linalg.norm(right)
    rotation = np.stack([right / REACH, np.cross(ahead, right) / REACH, -ahead / DEPTH])
    view = np.eye(4)
    view[:3, :3] = rotation
    view[:3, 3] = -rotation @ MIDDLE
    return view


@lru_cache(maxsize=1)
def open_air() -> Floats:
    """(N,): share of directions, weighted by slope, from which a vertex of the bare base mesh is seen."""
    whole, shadows = bust(), ShadowMap()
    vertices = base_mesh().vertices
    top, bottom = float(vertices[CROWN, 1]), float(vertices[CHIN, 1])
    centre = np.array([0, 0.5 * (top + bottom), 0.45], np.float32)
    placed = (whole.rest - centre) * UPSIDE_DOWN * np.float32(2 / (top - bottom))
    normals = vertex_normals(placed * UPSIDE_DOWN) * UPSIDE_DOWN
    placed[whole.part == CLOTH] = 0
    batches = bust_batches(graphics(), np.ones(len(placed), np.float32))
    batches[0].moving.write(np.column_stack([placed, normals]).astype("f4").tobytes())
    seen, total = np.zeros(len(placed)), np.full(len(placed), 1e-6)
    graphics().set(neckline=0)
    for direction in _sphere(DIRECTIONS):
        view = shadows.draw(batches, direction)
        at = (placed + 0.02 * normals) @ view[:3, :3].T + view[:3, 3]
        columns, rows = (np.clip((0.5 + 0.5 * at[:, k]) * SIZE, 0, SIZE - 1).astype(int) for k in (0, 1))
        slope = np.clip(normals @ direction, 0, 1)
        seen += slope * (0.5 + 0.5 * at[:, 2] - 0.004 < shadows.depths()[rows, columns])
        total += slope
    share: Floats = np.where(whole.part == SKIN, np.clip(seen / total, 0.05, 1), 1.0)
    return share


def _sphere(count: int) -> Floats:
    """Directions spread evenly over the sphere."""
    index = np.arange(count) + 0.5
    height = 1 - 2 * index / count
    angle = np.pi * (1 + np.sqrt(5)) * index
    ring = np.sqrt(1 - height**2)
    return np.stack([ring * np.cos(angle), height, ring * np.sin(angle)], axis=-1)
