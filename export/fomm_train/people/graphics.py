"""OpenGL without a display: programs, buffers and textures, on a GPU or on Mesa's software renderer."""

from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from fomm_rt.errors import TrainingError
from fomm_train.people.assets import Integers

Bytes = npt.NDArray[np.uint8]
Layout = list[tuple[Any, ...]]

UNITS = {"shadow_map": 0, "noise_map": 1, "skin_colour": 2, "skin_relief": 3, "backdrop": 4}
"""Texture units by sampler."""
PROGRAMS = {
    **{
        kind: ("bust.vert", f"{kind}.frag")
        for kind in ("skin", "eye", "teeth", "tongue", "cloth", "lash", "frame", "lens")
    },
    "strands": ("strands.vert", "strands.frag"),
    "backdrop": ("backdrop.vert", "backdrop.frag"),
    "named": ("bust.vert", "named.frag"),
    "named_neckline": ("bust.vert", "named_neckline.frag"),
    "named_strands": ("named_strands.vert", "named.frag"),
}
"""Vertex and fragment shaders by name. One program for each material: software renderers execute every branch."""


class Graphics:
    """A context with the compiled programs. Device objects are released with their Python objects.

    Raises:
        TrainingError: moderngl is missing, or there is no OpenGL 3.3 without a display.
    """

    def __init__(self) -> None:
        self.context = _context()
        self.programs = {kind: self._compiled(*sources) for kind, sources in PROGRAMS.items()}

    def set(self, kind: str | None = None, **values: Any) -> None:
        """Sets uniforms in one program or in all that have them."""
        for program in [self.programs[kind]] if kind else self.programs.values():
            for name, value in values.items():
                if name in program:
                    member = program[name]
                    if isinstance(value, int):
                        member.value = value
                    else:
                        member.write(np.ascontiguousarray(value, np.float32).tobytes())

    def texture(self, pixels: Bytes) -> Any:
        """A texture of (H, W, C) pixels."""
        return self.context.texture(pixels.shape[1::-1], pixels.shape[2], pixels.tobytes(), alignment=1)

    def buffer(self, values: npt.NDArray[Any]) -> Any:
        """A buffer of float32 that do not change."""
        return self.context.buffer(values.astype("f4").tobytes())

    def moving_buffer(self, vertices: int) -> Any:
        """A buffer for six changing float32 a vertex."""
        return self.context.buffer(reserve=vertices * 24, dynamic=True)

    def arrays(self, programs: tuple[str, ...], layout: Layout, triangles: Integers) -> list[Any]:
        """Vertex arrays of the same triangles, one for each program."""
        index = self.context.buffer(triangles.astype("i4").tobytes())
        return [
            self.context.vertex_array(self.programs[program], layout, index, skip_errors=True) for program in programs
        ]

    def _compiled(self, vertex: str, fragment: str) -> Any:
        sources = files("fomm_train.people") / "shaders"
        names = ("common.glsl", "lighting.glsl", "neckline.glsl", vertex, fragment)
        *shared, of_vertices, of_fragments = ((sources / name).read_text() for name in names)
        head = "#version 330\n" + "".join(shared)
        program = self.context.program(vertex_shader=head + of_vertices, fragment_shader=head + of_fragments)
        for name, unit in UNITS.items():
            if name in program:
                program[name].value = unit
        return program


@lru_cache(maxsize=1)
def graphics() -> Graphics:
    """The graphics of this process. To be used by one thread."""
    return Graphics()


def _context() -> Any:
    try:
        import moderngl
    except ImportError as error:
        raise TrainingError(
            f"rendered people need packages that are not installed ({error}); "
            'install them with: pip install "fomm-rt[people]"'
        ) from error
    try:
        settings: Any = {"standalone": True, "require": 330, "backend": "egl"}
        context = moderngl.create_context(**settings)
    except Exception as error:
        raise TrainingError(
            f"rendered people need OpenGL 3.3 through EGL, which does not work here ({error}); "
            "on Debian and Ubuntu: apt install libegl1 libgl1-mesa-dri"
        ) from error
    context.gc_mode = "auto"
    return context
