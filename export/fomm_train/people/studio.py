"""Renders pictures of people."""

from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np

from fomm_train.people import chart
from fomm_train.people.assets import Floats, Integers
from fomm_train.people.expression import Moment
from fomm_train.people.figure import Posed, figure_of, pose
from fomm_train.people.graphics import UNITS, Bytes, graphics
from fomm_train.people.person import Person
from fomm_train.people.scene import (
    Batch,
    Scene,
    build_scene,
    light_uniforms,
    look_uniforms,
    move_scene,
    stage_uniforms,
)
from fomm_train.people.shadows import ShadowMap, open_air

SUPERSAMPLE = 2
LENS_BLUR = 0.4
"""Standard deviation of a lens's blur, pixels."""
SCENES = 8
"""People kept on the graphics device."""
BACKDROP_SIZE = 256
PLAN_PIXELS = 160
"""Side of a picture below which strands are widened, so that the pixels still meet them."""


class Sight(NamedTuple):
    """The triangle that is seen at every pixel.

    Attributes:
        batch: (s, s), index into the scene's batches, −1 for the background.
        triangle: (s, s), index into that batch's triangles.
        depth: (s, s), z before the camera, head units; −10 in the background.
    """

    batch: Integers
    triangle: Integers
    depth: Floats


class Studio:
    """A camera with its lights. To be used by one thread.

    Args:
        size: Side of the pictures, pixels.

    Raises:
        TrainingError: The packages of `fomm-rt[people]` are missing, or there is no OpenGL 3.3 without a display.
    """

    def __init__(self, size: int = 256) -> None:
        self.size = size
        self._graphics = graphics()
        self._gl = self._graphics.context
        self._film = self._gl.simple_framebuffer((size * SUPERSAMPLE,) * 2, 4)
        self._shadows = ShadowMap()
        self._noise = self._graphics.texture(_noise_tiles())
        corners = self._graphics.buffer(np.array([-1, -1, 1, -1, -1, 1, 1, 1]))
        self._screen = self._gl.vertex_array(self._graphics.programs["backdrop"], [(corners, "2f", "in_corner")])
        self._scenes: dict[Person, Scene] = {}
        self._plans: dict[int, Any] = {}

    def picture(self, person: Person, moment: Moment) -> Bytes:
        """(size, size, 3) uint8 RGB, before a camera's noise and compression."""
        scene = self.scene(person)
        self._prepare(scene, pose(scene.figure, moment), self.size)
        self._shadows.draw(scene.batches, scene.figure.place.light.key_direction)
        self._film.use()
        self._film.clear(depth=1.0)
        self._graphics.set(from_light=0, widen=1.0)
        for name, texture in scene.textures.items():
            texture.use(UNITS[name])
        self._shadows.use()
        self._noise.use(UNITS["noise_map"])
        self._gl.disable(self._gl.DEPTH_TEST)
        self._screen.render(self._gl.TRIANGLE_STRIP)
        self._gl.enable(self._gl.DEPTH_TEST)
        for batch in scene.batches:
            self._draw(scene, batch)
        samples = np.frombuffer(self._film.read(components=3), np.uint8)
        side = self.size * SUPERSAMPLE
        upright = np.ascontiguousarray(samples.reshape(side, side, 3)[::-1])
        softened = cv2.GaussianBlur(upright, (0, 0), LENS_BLUR * SUPERSAMPLE)
        picture = cv2.resize(softened, (self.size, self.size), interpolation=cv2.INTER_AREA)
        return picture.astype(np.uint8, copy=False)

    def sight(self, person: Person, moment: Moment, size: int) -> Sight:
        """The triangle that is seen at the centre of every pixel of a (size, size) picture; lenses are left out."""
        scene = self.scene(person)
        self._prepare(scene, pose(scene.figure, moment), size)
        if size not in self._plans:
            self._plans[size] = self._gl.simple_framebuffer((size, size), 4)
        plan = self._plans[size]
        plan.use()
        plan.clear(depth=1.0)
        self._gl.enable(self._gl.DEPTH_TEST)
        self._graphics.set(from_light=0, widen=max(1.0, PLAN_PIXELS / size))
        first = [1]
        for batch in scene.batches:
            if batch.kind != "lens":
                self._graphics.set(first_id=first[-1])
                batch.named.render()
            first.append(first[-1] + len(batch.triangles))
        digits = np.frombuffer(plan.read(components=4), np.uint8).reshape(size, size, 4)[::-1].astype(np.int64)
        number = digits[..., 0] + 256 * digits[..., 1] + 65536 * digits[..., 2]
        depth = np.frombuffer(plan.read(components=1, attachment=-1, dtype="f4"), np.float32).reshape(size, size)[::-1]
        index = np.where(number > 0, np.searchsorted(first, number, side="right") - 1, -1)
        return Sight(index, number - np.array(first)[index], (1 - 2 * depth) * np.float32(10))

    def scene(self, person: Person) -> Scene:
        """The scene of a person; the last few are kept."""
        if person not in self._scenes:
            while len(self._scenes) >= SCENES:
                self._scenes.pop(next(iter(self._scenes)))
            self._scenes[person] = build_scene(self._graphics, figure_of(person, BACKDROP_SIZE), open_air())
        return self._scenes[person]

    def _prepare(self, scene: Scene, posed: Posed, size: int) -> None:
        """Moves the scene, and sets the uniforms of person, pose and light."""
        move_scene(scene, posed)
        figure = scene.figure
        uniforms = stage_uniforms(posed) | light_uniforms(figure.place.light) | look_uniforms(figure)
        self._graphics.set(pixels=size, **uniforms)

    def _draw(self, scene: Scene, batch: Batch) -> None:
        person = scene.figure.person
        if batch.kind == "strands":
            colour = person.hair_colour if batch.name == "hair" else person.brow_colour
            shine, deep = (1.0, 0.42) if batch.name == "hair" else (0.35, 0.7)
            self._graphics.set("strands", hair_colour=colour, shine=shine, deep=deep)
        if batch.kind == "lens":
            self._gl.enable(self._gl.BLEND)
        batch.array.render()
        self._gl.disable(self._gl.BLEND)


@lru_cache(maxsize=8)
def shared_studio(size: int = 256) -> Studio:
    """The studio of this process for pictures of a size."""
    return Studio(size)


@lru_cache(maxsize=1)
def _noise_tiles() -> Bytes:
    """(512, 512, 4): 1/f^1.5, 1/f, 1/f^0.5 and white noise that tile; 128 is the mean, 50 the deviation."""
    tiles = [chart.noise(steepness, 7)[:, :512] for steepness in (1.5, 1.0, 0.5, 0.0)]
    # Half of a wider tile does not tile; with its mirror image it does.
    square = [np.hstack([tile[:, :256], tile[:, 255::-1]]) for tile in tiles]
    tiled: Bytes = np.clip(128 + 50 * np.stack(square, axis=-1), 0, 255).astype(np.uint8)
    return tiled
