"""engines.json: what a set of built TensorRT engines is, and what decides whether it fits.

A set is one model's engines for one flavour and version of TensorRT. `EngineSpec` holds what decides what the engines
are, `EngineManifest` adds what became of building them. `store` keeps the sets.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import shlex
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from fomm_rt.errors import EngineError
from fomm_rt.model.manifest import Manifest
from fomm_rt.model.precision import ENGINE_PRECISIONS

FORMAT_VERSION = 1
MANIFEST_NAME = "engines.json"
TENSORRT, TENSORRT_RTX = "tensorrt", "tensorrt-rtx"
FLAVOURS = (TENSORRT, TENSORRT_RTX)
"""Of TensorRT; names of backends as well."""
FLAVOUR_TITLES = {TENSORRT: "TensorRT", TENSORRT_RTX: "TensorRT-RTX"}
LAYOUTS = ("split", "whole")
DTYPES = ("float16", "float32")

PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
"""Of an engine or its file: no folder, nothing hidden."""
_CAPABILITY = re.compile(r"sm_[0-9]+[a-z]?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KEY_DIGITS = 16

T = TypeVar("T")


@dataclass(frozen=True)
class EngineTensor:
    """An engine's input or output.

    Attributes:
        name: As the engine knows it.
        dtype: One of DTYPES.
        shape: A str is the free batch.
        format: How it lies in memory: "linear", "hwc8", ...
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    format: str


@dataclass(frozen=True)
class EngineFile:
    """One engine of a set.

    Attributes:
        file: Name within the folder.
        sha256: Of the file, hexadecimal.
        size_bytes: Of the file.
        onnx_sha256: Of the ONNX graph that it was built from, hexadecimal.
        build_s: Seconds that building it took.
        inputs, outputs: In order.
    """

    file: str
    sha256: str
    size_bytes: int
    onnx_sha256: str
    build_s: float
    inputs: tuple[EngineTensor, ...]
    outputs: tuple[EngineTensor, ...]


@dataclass(frozen=True)
class EngineSpec:
    """Everything that decides what the engines of a set are.

    Attributes:
        model_sha256: See `model_hash`.
        flavour: One of FLAVOURS.
        library_version: Of that flavour, "11.4.0.106".
        capabilities: Compute capabilities that the engines are for, ("sm_90",).
        gpu: Name of the GPU that they were built on; None where they were built without one.
        precision: One of ENGINE_PRECISIONS.
        layout: One of LAYOUTS.
        max_batch: The largest batch that they take.
        kernels_sha256: Of the project's kernel sources, which the engines' tensors or plugin fit.
    """

    model_sha256: str
    flavour: str
    library_version: str
    capabilities: tuple[str, ...]
    gpu: str | None
    precision: str
    layout: str
    max_batch: int
    kernels_sha256: str

    @property
    def key(self) -> str:
        """Short hash of all of this, of which the folder is named; the order of capabilities does not matter."""
        content = {**asdict(self), "capabilities": sorted(self.capabilities)}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:_KEY_DIGITS]


@dataclass(frozen=True)
class EngineManifest:
    """The content of engines.json.

    Attributes:
        spec: What decides what the engines are.
        model_name: Of the model they were built of, for people.
        driver: Version of the GPU's driver; None where there was none.
        built: When, ISO 8601 in UTC, "2026-01-31T12:00:00+00:00".
        build_s: Seconds that all of it took.
        engines: Name of the engine -> its file.
        parity: What the comparison with ONNX Runtime measured; None where it was not made, for want of a GPU.
        tools: Name -> version of what built them.
    """

    spec: EngineSpec
    model_name: str
    driver: str | None
    built: str
    build_s: float
    engines: dict[str, EngineFile]
    parity: dict[str, Any] | None
    tools: dict[str, str]

    @property
    def rebuild_command(self) -> str:
        """What to run to have these engines afresh; which folder the model is in nobody knows here."""
        spec = self.spec
        command = build_command("MODEL", spec.flavour, spec.precision, spec.layout, spec.max_batch)
        targets = f" --target {','.join(spec.capabilities)}" if spec.gpu is None else ""
        return f"{command}{targets} --rebuild"

    @property
    def built_at(self) -> datetime:
        """`built`, with its time zone."""
        return _time(self.built)

    def to_json(self) -> str:
        """The text of engines.json. In `parity` null takes the place of infinity and NaN, which JSON has not."""
        document = {"format_version": FORMAT_VERSION, **asdict(self), "parity": _finite(self.parity)}
        return json.dumps(document, indent=2, allow_nan=False) + "\n"


def build_command(model: str, flavour: str, precision: str, layout: str, batch: int) -> str:
    """The command line that builds engines of a model for this machine; what is the default is left out."""
    options = [f"--precision {precision}"] if precision != ENGINE_PRECISIONS[0] else []
    options += [f"--layout {layout}"] if layout != LAYOUTS[0] else []
    options += [f"--max-batch {batch}"] if batch > 1 else []
    return " ".join(["fomm-rt build", shlex.quote(model), f"--backend {flavour}", *options])


def model_hash(manifest: Manifest) -> str:
    """SHA-256, hexadecimal, of a model's portable networks: the same model in another folder has the same engines."""
    content = {name: network.sha256 for name, network in manifest.networks.items()}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def parse_manifest(content: bytes, path: Path) -> EngineManifest:
    """Reads the content of an engines.json.

    Args:
        content: Of the file.
        path: Where it is from, for messages.

    Raises:
        EngineError: Not JSON, of a newer format, or a field is missing or wrong.
    """
    try:
        document = json.loads(content, parse_constant=_refuse_number, parse_float=_parse_float)
        fields = _Fields(document, "")
        version = fields.whole("format_version", least=1)
        if version > FORMAT_VERSION:
            raise EngineError(
                f"{path}: has engine format {version}; this fomm-rt reads up to {FORMAT_VERSION}. "
                "Upgrade fomm-rt, or build the engines again with this version"
            )
        return _parse_manifest(fields)
    except (ValueError, RecursionError) as error:
        raise EngineError(f"{path}: expected a manifest of engines; {error}. Build the engines again") from error


class _Fields:
    """A JSON object whose fields are asked for by type; anything else raises ValueError with the field's name.

    Args:
        content: What was read.
        name: Where it stands in the document, "" for all of it.
    """

    def __init__(self, content: object, name: str) -> None:
        if not isinstance(content, dict):
            raise ValueError(f"{name or 'it'} is {_shown(content)}, not an object")
        self._content: dict[str, Any] = content
        self._name = name

    def _get(self, key: str, kind: type[T], wanted: str, accept: Callable[[T], bool] = lambda _: True) -> T:
        if key not in self._content:
            raise ValueError(f"{self._path(key)} is missing")
        value = self._content[key]
        # To Python True is an int; to a manifest it is not.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool) or not accept(value):
            raise ValueError(f"{self._path(key)} is {_shown(value)}, not {wanted}")
        return value

    def _path(self, key: str) -> str:
        return f"{self._name}.{key}" if self._name else key

    def text(self, key: str) -> str:
        return self._get(key, str, "a text")

    def text_or_none(self, key: str) -> str | None:
        return None if self._content.get(key, ...) is None else self.text(key)

    def one_of(self, key: str, choices: tuple[str, ...]) -> str:
        return self._get(key, str, f"one of {', '.join(choices)}", choices.__contains__)

    def matching(self, key: str, pattern: re.Pattern[str], wanted: str) -> str:
        return self._get(key, str, wanted, lambda text: pattern.fullmatch(text) is not None)

    def whole(self, key: str, least: int) -> int:
        return self._get(key, int, f"a whole number from {least}", lambda number: number >= least)

    def seconds(self, key: str) -> float:
        value: Any = self._get(key, object, "seconds from 0", _is_duration)
        return float(value)

    def items(self, key: str) -> list[Any]:
        return self._get(key, list, "a list")

    def fields(self, key: str) -> _Fields:
        self._get(key, dict, "an object")
        return _Fields(self._content[key], self._path(key))

    def objects(self, key: str) -> list[_Fields]:
        return [_Fields(item, f"{self._path(key)}[{i}]") for i, item in enumerate(self.items(key))]

    def content(self) -> dict[str, Any]:
        return dict(self._content)


def _parse_manifest(fields: _Fields) -> EngineManifest:
    engines = fields.fields("engines")
    tools = fields.fields("tools")
    manifest = EngineManifest(
        spec=_parse_spec(fields.fields("spec")),
        model_name=fields.text("model_name"),
        driver=fields.text_or_none("driver"),
        built=fields.text("built"),
        build_s=fields.seconds("build_s"),
        engines={name: _parse_file(engines.fields(name)) for name in engines.content()},
        parity=None if fields.content().get("parity", ...) is None else fields.fields("parity").content(),
        tools={name: tools.text(name) for name in tools.content()},
    )
    _time(manifest.built)
    files = [engine.file for engine in manifest.engines.values()]
    if not files or len(set(files)) < len(files):
        raise ValueError("engines is empty" if not files else "two engines are in one file")
    return manifest


def _parse_spec(fields: _Fields) -> EngineSpec:
    capabilities = fields.items("capabilities")
    if not capabilities or not all(isinstance(name, str) and _CAPABILITY.fullmatch(name) for name in capabilities):
        raise ValueError(f"spec.capabilities is {_shown(capabilities)}, not a list such as ['sm_90']")
    return EngineSpec(
        model_sha256=fields.matching("model_sha256", _SHA256, "a SHA-256"),
        flavour=fields.text("flavour"),
        library_version=fields.text("library_version"),
        capabilities=tuple(capabilities),
        gpu=fields.text_or_none("gpu"),
        precision=fields.one_of("precision", ENGINE_PRECISIONS),
        layout=fields.one_of("layout", LAYOUTS),
        max_batch=fields.whole("max_batch", least=1),
        kernels_sha256=fields.matching("kernels_sha256", _SHA256, "a SHA-256"),
    )


def _parse_file(fields: _Fields) -> EngineFile:
    file = fields.matching("file", PLAIN_NAME, "the name of a file in this folder")
    if file == MANIFEST_NAME:
        raise ValueError(f"an engine's file is {file}, the manifest itself")
    return EngineFile(
        file=file,
        sha256=fields.matching("sha256", _SHA256, "a SHA-256"),
        size_bytes=fields.whole("size_bytes", least=1),
        onnx_sha256=fields.matching("onnx_sha256", _SHA256, "a SHA-256"),
        build_s=fields.seconds("build_s"),
        inputs=tuple(map(_parse_tensor, fields.objects("inputs"))),
        outputs=tuple(map(_parse_tensor, fields.objects("outputs"))),
    )


def _parse_tensor(fields: _Fields) -> EngineTensor:
    shape = fields.items("shape")
    for size in shape:
        if not isinstance(size, (int, str)) or isinstance(size, bool) or (isinstance(size, int) and size < 1):
            raise ValueError(f"a tensor's shape is {_shown(shape)}, not sizes from 1 and names")
    return EngineTensor(fields.text("name"), fields.one_of("dtype", DTYPES), tuple(shape), fields.text("format"))


def _time(text: str) -> datetime:
    # Before Python 3.11 fromisoformat does not know the letter for UTC.
    time = datetime.fromisoformat(f"{text[:-1]}+00:00" if text.endswith("Z") else text)
    if time.utcoffset() is None:
        raise ValueError(f"built is {_shown(text)}, which has no time zone")
    return time


def _is_duration(value: object) -> bool:
    return isinstance(value, (int, float)) and 0 <= value < 1e9


def _refuse_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _parse_float(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse_number(text)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
