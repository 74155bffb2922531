"""model.json, the manifest of a model folder: its types and how it is read."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta
from typing_extensions import NotRequired, TypedDict

from fomm_rt.errors import ModelError
from fomm_rt.files.typed_json import Sha256, parse_json, typed
from fomm_rt.model.blur import Blur
from fomm_rt.model.known_weights import own_name, published_name
from fomm_rt.model.precision import GRAPH_PRECISIONS, Precision
from fomm_rt.printable import strings_on_one_line

FORMAT_VERSION = 1
MANIFEST_NAME = "model.json"
LARGEST_MANIFEST_BYTES = 1 << 22
LARGEST_FILE_BYTES = (1 << 31) - 1
"""Protobuf, and so ONNX, allows no larger files."""
LARGEST_SIDE = 4096
"""Of frames, in pixels."""
MOST_KEYPOINTS = 100
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
NETWORKS = ("keypoint_detector", "source_encoder", "dense_motion", "generator")
CPU, CPU_INT8 = "cpu", "cpu-int8"
VARIANTS = (CPU, CPU_INT8)
BLURRED = ("kp_hourglass_input", "source_quarter")
"""The tensors that are blurred and reduced frames: the detector's input, and the source in dense motion."""
VOX_FACE_MARGIN, OWN_FACE_MARGIN = 1.5, 2.1
"""`Manifest.face_margin` of published face models and of drawn faces."""


@dataclass(frozen=True)
class TensorSpec:
    """An input or output of a network; a str in its shape stands for a free size, such as "batch"."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class NetworkFile:
    """One ONNX file of a model, by its name within the folder.

    `cut_tensors` are inner tensors with stable names, where geometry and convolutions meet.
    """

    file: str
    sha256: Sha256
    size_bytes: Annotated[int, Meta(ge=1, le=LARGEST_FILE_BYTES)]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    cut_tensors: tuple[str, ...]


@dataclass(frozen=True)
class Weights:
    """Origin of the weights.

    Attributes:
        origin: "published" or "own" (by its hash, see `fomm_rt.model.known_weights`), "unknown" (any other file) or
            "stand-in".
        file: Name of the checkpoint, or what the stand-in was drawn from.
        sha256: Of the checkpoint file; None for stand-in weights.
        recognised_as: Name of the published file with this hash, if any.
    """

    origin: str
    file: str
    sha256: Sha256 | None
    recognised_as: str | None

    @classmethod
    def of_checkpoint(cls, file: str, sha256: str | None) -> Weights:
        """The weights of a checkpoint file; only its hash determines their origin."""
        published, own = published_name(sha256), own_name(sha256)
        if published is not None:
            return cls("published", file, sha256, published)
        return cls("unknown" if own is None else "own", own or file, sha256, None)

    def checked(self) -> Weights:
        """These weights, with the origin that their hash determines."""
        if self.origin == "stand-in" and self.sha256 is None:
            return replace(self, recognised_as=None)
        return Weights.of_checkpoint(self.file, self.sha256)

    @property
    def identity(self) -> str:
        """Distinguishes these weights from others: the checkpoint's SHA-256, or what the stand-in was drawn from."""
        return self.sha256 or self.file

    def describe(self) -> str:
        """One phrase for people."""
        if self.origin == "stand-in":
            return f"stand-in weights ({self.file}): untrained, results are abstract patterns"
        if self.origin == "own":
            return f"fomm-rt's own checkpoint {self.file}, trained on drawn faces"
        if self.recognised_as:
            return f"{self.recognised_as}, recognized by the SHA-256 in {MANIFEST_NAME}"
        return f"{self.file}, of unknown origin (its SHA-256 is not that of a published file)"


@dataclass(frozen=True)
class Manifest:
    """The content of model.json.

    Attributes:
        networks: One entry for each of NETWORKS.
        variants: Name from VARIANTS -> the networks that differ in this variant. A variant's tensors have the same
            names; `source_features` and `source_pixels`, which only the generator reads, may have another shape.
        blurs: Name from BLURRED -> the blur in front of it; None if it is not a Gaussian. Models exported before the
            manifest said it have published ones.
        conventions: How other programs run the graphs, see `fomm_rt.model.conventions`; empty in older models.
    """

    name: str
    weights: Weights
    configuration: dict[str, Any]
    size: Annotated[int, Meta(ge=1, le=LARGEST_SIDE)]
    align_corners: bool
    networks: dict[str, NetworkFile]
    tools: dict[str, str]
    parity: dict[str, Any]
    variants: dict[str, dict[str, NetworkFile]] = field(default_factory=dict)
    blurs: dict[str, Blur | None] = field(default_factory=dict)
    conventions: dict[str, str] = field(default_factory=dict)
    format_version: int = field(default=FORMAT_VERSION)

    @property
    def num_kp(self) -> int:
        """Keypoints per frame, K."""
        return int(self.configuration["num_kp"])

    @property
    def has_jacobians(self) -> bool:
        """True if keypoints carry a jacobian."""
        return bool(self.configuration["estimate_jacobian"])

    @property
    def face_margin(self) -> float | None:
        """Side of the square around a face in this model's training, in face heights; None if it knows no faces."""
        margin: float | None = self.configuration.get("face_margin")
        if margin is not None:
            return margin
        if self.weights.origin == "own":
            return OWN_FACE_MARGIN
        # Published weights exported with a YAML file; and by their name, folders older than this key.
        name = self.weights.recognised_as or ("" if "face_margin" in self.configuration else self.weights.file)
        return VOX_FACE_MARGIN if "vox" in name else None

    @property
    def has_blend_mask(self) -> bool:
        """True if the generator blends the source, warped at full size, with the decoded colours."""
        return bool(self.configuration.get("estimate_blend_mask", False))

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """The GRAPH_PRECISIONS that this model has graphs for."""
        return GRAPH_PRECISIONS if CPU_INT8 in self.variants else GRAPH_PRECISIONS[:1]

    @property
    def files(self) -> list[NetworkFile]:
        """Every file of the folder except the manifest."""
        return [*self.networks.values(), *(file for variant in self.variants.values() for file in variant.values())]

    def network(self, network: str, variants: Sequence[str] = ()) -> NetworkFile:
        """The file of one of NETWORKS: of the first of these variants that has it, else the portable one."""
        found = (self.variants[name][network] for name in variants if network in self.variants.get(name, {}))
        return next(found, self.networks[network])

    def to_json(self) -> str:
        """The text of model.json."""
        return json.dumps(asdict(self), indent=2) + "\n"


class _Configuration(TypedDict):
    num_kp: Annotated[int, Meta(ge=1, le=MOST_KEYPOINTS)]
    estimate_jacobian: bool
    face_margin: NotRequired[Annotated[float, Meta(gt=0, le=20)] | None]
    estimate_blend_mask: NotRequired[bool]


class _Parity(TypedDict):
    max_abs: dict[str, float]


class _SomeNetworks(TypedDict, total=False):
    keypoint_detector: NetworkFile
    source_encoder: NetworkFile
    dense_motion: NetworkFile
    generator: NetworkFile


class _Networks(TypedDict):
    keypoint_detector: NetworkFile
    source_encoder: NetworkFile
    dense_motion: NetworkFile
    generator: NetworkFile


_Variants = TypedDict("_Variants", {"cpu": _SomeNetworks, "cpu-int8": _SomeNetworks}, total=False)


class _Known(TypedDict):
    """The part of a document that this version knows; other networks and variants, of any form, are dropped."""

    configuration: _Configuration
    parity: _Parity
    networks: _Networks
    variants: NotRequired[_Variants]


def read_manifest(path: Path) -> Manifest:
    """Reads the manifest of a model folder without looking at its other files.

    Raises:
        ModelError: Not a model folder, of a newer format, or a field is missing or wrong.
        OSError: It cannot be read.
    """
    file = path / MANIFEST_NAME
    if path.is_file():
        raise ModelError(
            f"{path}: expected a model folder; it is a file. Export a checkpoint to a model folder with: "
            f"fomm-rt export {path} -o models/{path.name.split('.')[0]}"
        )
    if not path.is_dir():
        raise ModelError(f"{path}: there is no such model folder; make one with fomm-rt export or fomm-rt fetch")
    if file.exists() and not file.is_file():
        raise ModelError(f"{file}: expected a file; it is a folder or device")
    try:
        if file.stat().st_size > LARGEST_MANIFEST_BYTES:
            raise ValueError(f"it has {file.stat().st_size} bytes, more than {LARGEST_MANIFEST_BYTES}")
        document = strings_on_one_line(parse_json(file.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise ModelError(
            f"{path}: expected a model folder; it has no {MANIFEST_NAME}. Make one with fomm-rt export"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{file}: cannot be read as JSON ({error}); export the model again") from error
    version = document.get("format_version") if isinstance(document, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ModelError(f"{file}: expected a model manifest; it has no format_version. Export the model again")
    if version > FORMAT_VERSION:
        raise ModelError(
            f"{path}: has model format {version}; this fomm-rt reads up to {FORMAT_VERSION}. "
            "Upgrade fomm-rt, or export the model again with this version"
        )
    try:
        known = typed(document, _Known)
        networks = {"networks": known["networks"], "variants": known.get("variants", {})}
        manifest = typed({**document, **networks}, Manifest)
        manifest = replace(manifest, weights=manifest.weights.checked())
        _check_consistent(manifest)
    except ValueError as error:
        raise ModelError(f"{file}: a field is missing or wrong: {error}. Export the model again") from error
    return manifest


def _check_consistent(manifest: Manifest) -> None:
    for network in manifest.files:
        if not _FILE_NAME.fullmatch(network.file):
            raise ValueError(f"the file {network.file!r} leaves the folder or is not a file name")
    for entries in manifest.variants.values():
        for name, entry in entries.items():
            if _tensor_names(entry) != _tensor_names(manifest.networks[name]):
                raise ValueError(f"{entry.file} takes or gives other tensors than {manifest.networks[name].file}")
    networks = manifest.networks.values()
    shapes = {spec.name: spec.shape for network in networks for spec in (*network.inputs, *network.outputs)}
    size = (manifest.size, manifest.size)
    if shapes.get("frame", ())[2:] != size or shapes.get("keypoints", ())[1:2] != (manifest.num_kp,):
        raise ValueError("size and num_kp are not those of the networks")
    if manifest.has_blend_mask != ("blend_mask" in shapes):
        raise ValueError("estimate_blend_mask does not say whether the generator gives a blend_mask")


def _tensor_names(network: NetworkFile) -> tuple[set[str], set[str]]:
    return {spec.name for spec in network.inputs}, {spec.name for spec in network.outputs}
