"""The model folder: what `fomm-rt export` writes and every backend reads.

model.json               the manifest below
keypoint_detector.onnx   frame -> keypoints, jacobians
source_encoder.onnx      source_image -> source_features, source_quarter
dense_motion.onnx        source_quarter and both sides' keypoints -> deformation, mask, occlusion_map
generator.onnx           source_features, deformation, occlusion_map -> prediction

These run everywhere, and engines are built of them. Beside them may lie variants of some networks, for some backends:

cpu        the same numbers, arranged so that a CPU takes least time
cpu-int8   convolutions in int8, for a CPU: nearly the same numbers
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

from fomm_rt.errors import ModelError
from fomm_rt.model.precision import GRAPH_PRECISIONS

FORMAT_VERSION = 1
MANIFEST_NAME = "model.json"
NETWORKS = ("keypoint_detector", "source_encoder", "dense_motion", "generator")
CPU, CPU_INT8 = "cpu", "cpu-int8"
VARIANTS = (CPU, CPU_INT8)


@dataclass(frozen=True)
class TensorSpec:
    """Name, dtype ("float32") and shape of a network's input or output; a str in the shape is a free size."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class NetworkFile:
    """One ONNX file of a model.

    Attributes:
        file: Name within the folder.
        sha256: Of the file, hexadecimal.
        size_bytes: Of the file.
        inputs, outputs: In order.
        cut_tensors: Inner tensors with stable names, where geometry and convolutions meet.
    """

    file: str
    sha256: str
    size_bytes: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    cut_tensors: tuple[str, ...]


@dataclass(frozen=True)
class Weights:
    """Where the weights are from.

    Attributes:
        origin: "published" (recognised by its hash), "own" (trained by fomm-rt itself, on drawn faces), "unknown"
            (a file of other origin) or "stand-in".
        file: Name of the checkpoint, or what the stand-in was drawn from.
        sha256: Of the checkpoint file; None for stand-in weights.
        recognised_as: The published file this is, if any.
    """

    origin: str
    file: str
    sha256: str | None
    recognised_as: str | None

    @property
    def identity(self) -> str:
        """Tells these weights from others: the checkpoint's SHA-256, or what the stand-in was drawn from."""
        return self.sha256 or self.file

    def describe(self) -> str:
        """One phrase for people."""
        if self.origin == "stand-in":
            return f"stand-in weights ({self.file}): untrained, results are abstract patterns"
        if self.origin == "own":
            return f"fomm-rt's own checkpoint {self.file}, trained on drawn faces"
        if self.recognised_as:
            return f"{self.recognised_as}, recognised by its SHA-256"
        return f"{self.file}, of unknown origin (its SHA-256 is not that of a published file)"


@dataclass(frozen=True)
class Manifest:
    """The content of model.json.

    Attributes:
        networks: Of NETWORKS, each.
        variants: Of VARIANTS, name -> the networks that differ in it. A network's variants take and give tensors of the
            same names; `source_features`, which only the generator reads, may be shaped otherwise.
    """

    name: str
    weights: Weights
    configuration: dict[str, Any]
    size: int
    align_corners: bool
    networks: dict[str, NetworkFile]
    tools: dict[str, str]
    parity: dict[str, Any]
    variants: dict[str, dict[str, NetworkFile]] = field(default_factory=dict)
    format_version: int = field(default=FORMAT_VERSION)

    @property
    def num_kp(self) -> int:
        """Keypoints per frame, K."""
        return int(self.configuration["num_kp"])

    @property
    def has_jacobians(self) -> bool:
        """Whether keypoints carry a jacobian."""
        return bool(self.configuration["estimate_jacobian"])

    @property
    def precisions(self) -> tuple[str, ...]:
        """Those of GRAPH_PRECISIONS that there are graphs for."""
        return GRAPH_PRECISIONS if CPU_INT8 in self.variants else GRAPH_PRECISIONS[:1]

    @property
    def files(self) -> list[NetworkFile]:
        """Every file of the folder beside the manifest."""
        return [*self.networks.values(), *(file for variant in self.variants.values() for file in variant.values())]

    def network(self, network: str, variants: Sequence[str] = ()) -> NetworkFile:
        """One of NETWORKS in the first of these variants that has it, or as it runs everywhere."""
        found = (self.variants[name][network] for name in variants if network in self.variants.get(name, {}))
        return next(found, self.networks[network])

    def to_json(self) -> str:
        """The text of model.json."""
        return json.dumps(asdict(self), indent=2) + "\n"


@dataclass(frozen=True)
class ModelFolder:
    """A model folder whose files are present and unaltered."""

    path: Path
    manifest: Manifest

    def network_path(self, network: str, variants: Sequence[str] = ()) -> Path:
        """The ONNX file of one of NETWORKS, see `Manifest.network`."""
        return self.path / self.manifest.network(network, variants).file


def open_model_folder(path: str | PathLike[str]) -> ModelFolder:
    """Reads the manifest of a model folder and checks every file against it.

    Raises:
        ModelError: Not a model folder, of a newer format, or a file is missing or altered.
    """
    path = Path(path)
    try:
        manifest = read_manifest(path)
        # Hundreds of megabytes to take a hash of, which is done without the interpreter's lock.
        with ThreadPoolExecutor() as pool:
            for _ in pool.map(partial(_check_file, path), manifest.files):
                pass  # raises what is wrong with the first
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


def read_manifest(path: Path) -> Manifest:
    """Reads the manifest of a model folder; its files are not looked at.

    Raises:
        ModelError: Not a model folder, of a newer format, or a field is missing or wrong.
        OSError: It cannot be read.
    """
    file = path / MANIFEST_NAME
    if path.is_file():
        raise ModelError(
            f"{path}: expected a model folder; it is a file. Make a folder of a checkpoint with: "
            f"fomm-rt export {path} -o models/{path.name.split('.')[0]}"
        )
    if not path.is_dir():
        raise ModelError(f"{path}: there is no such model folder; make one with fomm-rt export")
    if file.exists() and not file.is_file():
        raise ModelError(f"{file}: expected a file; it is a folder or device")
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(
            f"{path}: expected a model folder; it has no {MANIFEST_NAME}. Make one with fomm-rt export"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{file}: cannot be read as JSON ({error}); export the model again") from error
    version = document.get("format_version") if isinstance(document, dict) else None
    if not isinstance(version, int) or version < 1:
        raise ModelError(f"{file}: expected a model manifest; it has no format_version. Export the model again")
    if version > FORMAT_VERSION:
        raise ModelError(
            f"{path}: has model format {version}; this fomm-rt reads up to {FORMAT_VERSION}. "
            "Upgrade fomm-rt, or export the model again with this version"
        )
    try:
        return _parse_manifest(document)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise ModelError(
            f"{file}: a field is missing or wrong ({type(error).__name__}: {error}); export the model again"
        ) from error


def _parse_manifest(document: Mapping[str, Any]) -> Manifest:
    networks = {network: _parse_network(document["networks"][network]) for network in NETWORKS}
    variants = {
        variant: {network: _parse_network(entry) for network, entry in entries.items() if network in NETWORKS}
        for variant, entries in document.get("variants", {}).items()
        if variant in VARIANTS
    }
    for entries in variants.values():
        for network, entry in entries.items():
            if _names(entry) != _names(networks[network]):
                raise ValueError(f"{entry.file} takes or gives other tensors than {networks[network].file}")
    manifest = Manifest(
        name=str(document["name"]),
        weights=Weights(**document["weights"]),
        configuration=dict(document["configuration"]),
        size=int(document["size"]),
        align_corners=bool(document["align_corners"]),
        networks=networks,
        tools=dict(document["tools"]),
        parity=dict(document["parity"]),
        variants=variants,
    )
    shapes = {spec.name: spec.shape for network in networks.values() for spec in (*network.inputs, *network.outputs)}
    if shapes["frame"][2:] != (manifest.size, manifest.size) or shapes["keypoints"][1] != manifest.num_kp:
        raise ValueError("size and num_kp are not those of the networks")
    for difference in manifest.parity["max_abs"].values():
        float(difference)  # shown by `fomm-rt info`
    return manifest


def _parse_network(entry: Mapping[str, Any]) -> NetworkFile:
    if Path(entry["file"]).name != entry["file"]:
        raise ValueError(f"the file {entry['file']!r} leaves the folder")
    return NetworkFile(
        file=entry["file"],
        sha256=entry["sha256"],
        size_bytes=entry["size_bytes"],
        inputs=_parse_tensors(entry["inputs"]),
        outputs=_parse_tensors(entry["outputs"]),
        cut_tensors=tuple(entry["cut_tensors"]),
    )


def _names(network: NetworkFile) -> tuple[set[str], set[str]]:
    return {spec.name for spec in network.inputs}, {spec.name for spec in network.outputs}


def _parse_tensors(entries: Sequence[Mapping[str, Any]]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(entry["name"], entry["dtype"], tuple(entry["shape"])) for entry in entries)


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
