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

import errno
import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from fomm_rt.errors import ModelError
from fomm_rt.model.graph.check import Expected, check_graph
from fomm_rt.model.manifest import MANIFEST_NAME, Manifest, NetworkFile, TensorSpec, read_manifest

EXPORT_AGAIN = "Export the model again"


@dataclass(frozen=True)
class ModelFolder:
    """A model folder whose files are present. Their content is checked when it is read.

    Attributes:
        path: The folder.
        manifest: The content of its model.json.
        remedy: What the user can do about a damaged file.
    """

    path: Path
    manifest: Manifest
    remedy: str = EXPORT_AGAIN

    def network_path(self, network: str, variants: Sequence[str] = ()) -> Path:
        """The ONNX file of one of `NETWORKS`; see `Manifest.network`. To load it, use `read`."""
        return self.path / self.manifest.network(network, variants).file

    def read(self, network: str, variants: Sequence[str] = ()) -> bytes:
        """Reads the ONNX file of one of `NETWORKS` and checks what was read; see `Manifest.network`.

        Runtimes get these bytes, not the path, because a file may change between two openings.

        Raises:
            ModelError: The file is missing, is not the one that was exported, or may not be given to a runtime, see
                `fomm_rt.model.graph.check`.
        """
        return self._read(self.manifest.network(network, variants))

    def check(self) -> None:
        """Compares every file with the manifest.

        Raises:
            ModelError: A file is missing or not the one that was exported.
        """
        for file in self.manifest.files:
            self._unaltered(file)

    def check_graphs(self) -> None:
        """Reads every file as `read` does.

        Raises:
            ModelError: See `read`.
        """
        for file in self.manifest.files:
            self._read(file)

    def _read(self, file: NetworkFile) -> bytes:
        content = self._unaltered(file)
        expected = Expected(_named_shapes(file.inputs), _named_shapes(file.outputs), self.manifest.size)
        check_graph(content, str(self.path / file.file), expected)
        return content

    def _unaltered(self, file: NetworkFile) -> bytes:
        path = self.path / file.file
        content = _content(path, file.size_bytes, self.remedy)
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise ModelError(
                f"{path}: its SHA-256 is not the one in {MANIFEST_NAME}; it was altered since the export. {self.remedy}"
            )
        return content


def open_model_folder(path: str | PathLike[str], remedy: str = EXPORT_AGAIN) -> ModelFolder:
    """Reads the manifest of a model folder and checks that all of its files are there.

    Args:
        path: The folder.
        remedy: What the user can do about a damaged file.

    Raises:
        ModelError: Not a model folder, of a newer format, or a file is missing or cut.
    """
    path = Path(path)
    try:
        manifest = read_manifest(path)
    except OSError as error:
        raise _unreadable(error, path) from error
    for file in manifest.files:
        _check_size(path / file.file, file.size_bytes, remedy)
    return ModelFolder(path, manifest, remedy)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _check_size(path: Path, size_bytes: int, remedy: str) -> None:
    try:
        _check_file(path, path.stat(), size_bytes, remedy)
    except OSError as error:
        raise _unreadable(error, path, remedy) from error


def _content(path: Path, size_bytes: int, remedy: str) -> bytes:
    """Opens a file once; returns its content if it has the expected size."""
    try:
        # A pipe in place of the file would block until another process opens its other end.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _NO_WAITING)) as file:
            _check_file(path, os.fstat(file.fileno()), size_bytes, remedy)
            return file.read(size_bytes)
    except OSError as error:
        raise _unreadable(error, path, remedy) from error


_NO_WAITING = getattr(os, "O_NONBLOCK", 0)


def _check_file(path: Path, info: os.stat_result, size_bytes: int, remedy: str) -> None:
    if not stat.S_ISREG(info.st_mode):
        raise ModelError(f"{path}: expected a file; it is a folder, pipe or device. {remedy}")
    if info.st_size != size_bytes:
        raise ModelError(
            f"{path}: expected {size_bytes} bytes, found {info.st_size}; it was cut or altered since the export. "
            f"{remedy}"
        )


def _unreadable(error: OSError, path: Path, remedy: str = EXPORT_AGAIN) -> ModelError:
    if error.errno == errno.ENOENT:
        return ModelError(f"{path.parent}: {path.name} is missing. {remedy}")
    return ModelError(f"{error.filename or path}: cannot be read ({error.strerror}); change its permissions. {remedy}")


def _named_shapes(specs: Sequence[TensorSpec]) -> list[tuple[int | str, ...]]:
    return [(spec.name, *spec.shape) for spec in specs]
