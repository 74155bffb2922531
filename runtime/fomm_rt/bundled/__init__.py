"""The bundled model, pictures and video, with which the runtime can animate a face right after installation.

model/            a model folder, trained by fomm-rt on drawn faces
avatars/*.png     drawn faces to animate, 256×256
performance.mp4   a driving video: a drawn face that turns, blinks and speaks, 256×256
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from fomm_rt.errors import FommError, MediaError, ModelError
from fomm_rt.model.folder import ModelFolder, open_model_folder
from fomm_rt.model.manifest import MANIFEST_NAME, NETWORKS
from fomm_rt.model.names import find_model

FOLDER = Path(__file__).parent
REMEDY = "install fomm-rt again, or in a checkout: git restore runtime/fomm_rt/bundled"


def bundled_model() -> Path:
    """Path of the bundled model folder.

    Raises:
        ModelError: A file of the model is missing from this installation.
    """
    folder = FOLDER / "model"
    for name in (MANIFEST_NAME, *(f"{network}.onnx" for network in NETWORKS)):
        _require(folder / name, ModelError)
    return folder


def open_bundled_model() -> ModelFolder:
    """Opens the bundled model and checks its files.

    Raises:
        ModelError: A file of the model is missing from this installation, or altered.
    """
    folder = bundled_model()
    try:
        # Users cannot export this model again.
        return open_model_folder(folder, f"The bundled model is altered; {REMEDY}")
    except ModelError as error:
        raise ModelError(f"{folder}: the bundled model is altered or cannot be read; {REMEDY}") from error


def open_model(model: str | PathLike[str] | None) -> ModelFolder:
    """Opens a model by the path of its folder or by its name; without either, the bundled one.

    Raises:
        ModelError: No such model (see `find_model`), not a model folder, or a file of it is missing or altered.
    """
    folder = find_model(model)
    return open_bundled_model() if folder is None else open_model_folder(folder)


def bundled_avatars() -> list[Path]:
    """Paths of the bundled faces, sorted by name.

    Raises:
        MediaError: This installation has none.
    """
    folder = FOLDER / "avatars"
    avatars = sorted(folder.glob("*.png"))
    if not avatars:
        raise MediaError(f"{folder}: expected bundled pictures (.png); there are none; {REMEDY}")
    return avatars


def bundled_performance() -> Path:
    """Path of the bundled driving video.

    Raises:
        MediaError: The video is missing from this installation.
    """
    return _require(FOLDER / "performance.mp4", MediaError)


def _require(file: Path, error: type[FommError]) -> Path:
    if not file.is_file():
        raise error(f"{file}: is missing from this installation of fomm-rt; {REMEDY}")
    return file
