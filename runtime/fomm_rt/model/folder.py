"""The model folder: what `fomm-rt export` writes and every backend reads.

model.json               the manifest (`fomm_rt.model.manifest`)
keypoint_detector.onnx   frame -> keypoints, jacobians
source_encoder.onnx      source_image -> source_features, source_quarter, source_pixels
dense_motion.onnx        source_quarter and both sides' keypoints -> deformation, mask, occlusion_map
generator.onnx           source_features, deformation, occlusion_map, source_pixels -> prediction, blend_mask

Some models have no jacobians, no occlusion map, or, like all published ones, no source pixels and blend mask.
These portable graphs run everywhere; engines are built from them. A folder may also hold variants of some networks:

cpu        the same numbers, arranged to run fastest on a CPU
cpu-int8   int8 convolutions for a CPU, with nearly the same numbers
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path

from fomm_rt.errors import ModelError
from fomm_rt.model.manifest import MANIFEST_NAME, Manifest, NetworkFile, read_manifest


@dataclass(frozen=True)
class ModelFolder:
    """A model folder whose files are present and unaltered."""

    path: Path
    manifest: Manifest

    def network_path(self, network: str, variants: Sequence[str] = ()) -> Path:
        """The ONNX file of one of `NETWORKS`; see `Manifest.network`."""
        return self.path / self.manifest.network(network, variants).file


def open_model_folder(path: str | PathLike[str]) -> ModelFolder:
    """Reads the manifest of a model folder and checks every file against it.

    Raises:
        ModelError: Not a model folder, of a newer format, or a file is missing or altered.
    """
    path = Path(path)
    try:
        manifest = read_manifest(path)
        # Hashing hundreds of megabytes releases the interpreter lock.
        with ThreadPoolExecutor() as pool:
            for _ in pool.map(partial(_check_file, path), manifest.files):
                pass  # raises the first file's error
    except OSError as error:
        raise ModelError(
            f"{error.filename or path}: cannot be read ({error.strerror}); change its permissions or export again"
        ) from error
    return ModelFolder(path, manifest)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _check_file(path: Path, network: NetworkFile) -> None:
    file = path / network.file
    if not file.is_file():
        raise ModelError(f"{path}: {network.file} is missing; export the model again")
    size = file.stat().st_size
    if size != network.size_bytes:
        raise ModelError(
            f"{file}: expected {network.size_bytes} bytes, found {size}; it was cut or altered since the "
            "export. Export the model again"
        )
    if sha256_of(file) != network.sha256:
        raise ModelError(
            f"{file}: its SHA-256 is not the one in {MANIFEST_NAME}; it was altered since the export. "
            "Export the model again"
        )
