"""Manifest of a set of TensorRT engines: its types and how it is read.

A set holds one model's engines for one flavour and version of TensorRT. `EngineSpec` is everything that determines the
engines; `EngineManifest` adds the results of building them.
"""

from __future__ import annotations

import hashlib
import json
import math
import shlex
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from fomm_rt.errors import EngineError
from fomm_rt.files.typed_json import Sha256, parse_json, typed
from fomm_rt.model.manifest import Manifest
from fomm_rt.model.precision import ENGINE_PRECISIONS
from fomm_rt.printable import strings_on_one_line

FORMAT_VERSION = 2
TENSORRT, TENSORRT_RTX = "tensorrt", "tensorrt-rtx"
FLAVOURS = (TENSORRT, TENSORRT_RTX)
"""Of TensorRT; also names of backends."""
FLAVOUR_TITLES = {TENSORRT: "TensorRT", TENSORRT_RTX: "TensorRT-RTX"}
LAYOUTS = ("split", "whole")

_KEY_DIGITS = 16

Positive = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(ge=0, lt=1e9)]
EngineName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*\Z")]
"""Safe as the stem of a file name."""


@dataclass(frozen=True)
class EngineTensor:
    """An input or output of an engine.

    Attributes:
        name: In the engine.
        dtype: "float16" or "float32".
        shape: A str stands for the free batch.
        format: Memory layout: "linear", "hwc8", ...
    """

    name: str
    dtype: Annotated[str, Meta(pattern=r"^float(16|32)\Z")]
    shape: tuple[Positive | str, ...]
    format: str


@dataclass(frozen=True)
class EngineEntry:
    """One engine of a set.

    Attributes:
        sha256, size_bytes: Of the serialized engine.
        onnx_sha256: Of the ONNX graph that it was built from.
        build_s: Build time in seconds.
        inputs, outputs: In order.
    """

    sha256: Sha256
    size_bytes: Positive
    onnx_sha256: Sha256
    build_s: Seconds
    inputs: tuple[EngineTensor, ...]
    outputs: tuple[EngineTensor, ...]


@dataclass(frozen=True)
class EngineSpec:
    """Everything that determines the engines of a set.

    Attributes:
        model_sha256: See `model_hash`.
        flavour: One of FLAVOURS.
        library_version: Version of that flavour, "11.4.0.106".
        capabilities: Compute capabilities that the engines run on, ("sm_90",).
        gpu: Name of the GPU that built them; None if they were built without one.
        precision: One of ENGINE_PRECISIONS.
        layout: One of LAYOUTS.
        max_batch: Largest batch size.
        kernels_sha256: Of the project's kernel sources that the engines work with or contain.
    """

    model_sha256: Sha256
    flavour: Annotated[str, Meta(pattern=rf"^({'|'.join(FLAVOURS)})\Z")]
    library_version: str
    capabilities: Annotated[tuple[Annotated[str, Meta(pattern=r"^sm_[0-9]+[a-z]?\Z")], ...], Meta(min_length=1)]
    gpu: str | None
    precision: Annotated[str, Meta(pattern=rf"^({'|'.join(ENGINE_PRECISIONS)})\Z")]
    layout: Annotated[str, Meta(pattern=rf"^({'|'.join(LAYOUTS)})\Z")]
    max_batch: Positive
    kernels_sha256: Sha256

    @property
    def key(self) -> str:
        """Short hash of all fields; the order of capabilities does not matter."""
        content = {**asdict(self), "capabilities": sorted(self.capabilities)}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:_KEY_DIGITS]


@dataclass(frozen=True)
class EngineManifest:
    """The description of a set of engines.

    Attributes:
        spec: What determines the engines.
        model_name: Name of the model, for people.
        driver: Version of the GPU driver; None if there was none.
        built: Time of the build, with a time zone.
        build_s: Time that the whole build took, in seconds.
        engines: Name -> engine.
        parity: Result of the comparison with ONNX Runtime; None if there was no GPU to run it on.
        tools: Name -> version of the packages that built the engines.
    """

    spec: EngineSpec
    model_name: str
    driver: str | None
    built: Annotated[datetime, Meta(tz=True)]
    build_s: Seconds
    engines: Annotated[dict[EngineName, EngineEntry], Meta(min_length=1)]
    parity: dict[str, Any] | None
    tools: dict[str, str]

    @property
    def size_bytes(self) -> int:
        """Size of all engines."""
        return sum(engine.size_bytes for engine in self.engines.values())

    @property
    def rebuild_command(self) -> str:
        """Command line that builds these engines again; MODEL stands for the model folder."""
        spec = self.spec
        command = build_command("MODEL", spec.flavour, spec.precision, spec.layout, spec.max_batch)
        targets = f" --target {','.join(spec.capabilities)}" if spec.gpu is None else ""
        return f"{command}{targets} --rebuild"

    def as_json(self) -> dict[str, Any]:
        """The fields as plain JSON values; infinities and NaN in `parity` become None."""
        document: dict[str, Any] = _finite(msgspec.to_builtins(self))
        return document

    def to_json(self) -> str:
        """The text that `parse_manifest` reads."""
        return json.dumps({"format_version": FORMAT_VERSION, **self.as_json()}, indent=2, allow_nan=False) + "\n"


def build_command(model: str, flavour: str, precision: str, layout: str, batch: int) -> str:
    """The command line that builds a model's engines for this machine, without options that are defaults."""
    options = [f"--precision {precision}"] if precision != ENGINE_PRECISIONS[0] else []
    options += [f"--layout {layout}"] if layout != LAYOUTS[0] else []
    options += [f"--max-batch {batch}"] if batch > 1 else []
    return " ".join(["fomm-rt build", shlex.quote(model), f"--backend {flavour}", *options])


def model_hash(manifest: Manifest) -> str:
    """SHA-256 over a model's portable networks, hexadecimal. Copies of a model in other folders share it."""
    content = {name: network.sha256 for name, network in manifest.networks.items()}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def parse_manifest(content: bytes | str, path: Path) -> EngineManifest:
    """Parses what `EngineManifest.to_json` returned.

    Args:
        content: The text.
        path: Its file, for messages.

    Raises:
        EngineError: Not JSON, of another format, or a field is missing or wrong.
    """
    try:
        document = strings_on_one_line(parse_json(content))
        version = typed(document, _Header).format_version
        if version != FORMAT_VERSION:
            raise EngineError(
                f"{path}: has engine format {version}; this fomm-rt reads format {FORMAT_VERSION}. "
                "Build the engines again, or install the version of fomm-rt that built them"
            )
        return typed(document, EngineManifest)
    except (ValueError, RecursionError) as error:
        raise EngineError(f"{path}: expected a manifest of engines; {error}. Build the engines again") from error


@dataclass(frozen=True)
class _Header:
    format_version: Positive


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
