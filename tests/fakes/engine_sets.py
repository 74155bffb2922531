"""Sets of fake engines, to test how they are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from fomm_rt.engines.building import EnginePlace
from fomm_rt.engines.engine_set import EngineSet
from fomm_rt.engines.manifest import EngineEntry, EngineManifest, EngineSpec, EngineTensor
from fomm_rt.engines.requirements import EngineRequirements
from fomm_rt.engines.store import EngineStore
from fomm_rt.errors import EngineError

MODEL, KERNELS, ONNX = "a" * 64, "b" * 64, "c" * 64
SPEC = EngineSpec(MODEL, "tensorrt", "11.4.0.106", ("sm_90",), "NVIDIA H200", "fp16", "split", 8, KERNELS)
WHOLE = replace(SPEC, layout="whole")
WANTED = EngineRequirements(replace(SPEC, max_batch=1), "vox")
FRAME = EngineTensor("frame", "float16", ("batch", 3, 64, 64), "hwc8")
PREDICTION = EngineTensor("prediction", "float32", (1, 3, 64, 64), "linear")
CONTENTS = {"generator": b"generator" * 1000, "dense_motion": b"dense" * 1000}


def entry_of(content: bytes) -> EngineEntry:
    return EngineEntry(hashlib.sha256(content).hexdigest(), len(content), ONNX, 0.5, (FRAME,), (PREDICTION,))


def manifest_of(contents: Mapping[str, bytes] = CONTENTS, spec: EngineSpec = SPEC, **changes: Any) -> EngineManifest:
    """The manifest of a set; `changes` are fields of it."""
    manifest = EngineManifest(
        spec=spec,
        model_name="vox",
        driver="580.65.06",
        built=datetime(2026, 1, 31, 12, tzinfo=timezone.utc),
        build_s=1.5,
        engines={name: entry_of(content) for name, content in contents.items()},
        parity={"psnr_db": 45.5, "worst": {"layer": "conv", "max_abs": 0.25}},
        tools={"tensorrt": "11.4.0.106"},
    )
    return replace(manifest, **changes)


def build(
    place: EnginePlace, spec: EngineSpec = SPEC, contents: Mapping[str, bytes] = CONTENTS, **changes: Any
) -> EngineSet:
    """Publishes a set; `changes` are fields of its manifest."""
    with place.building(spec) as pending:
        return pending.publish(manifest_of(contents, spec, **changes), contents)


def contents_of(engine_set: EngineSet) -> dict[str, bytes]:
    """Every engine of a set by its name."""
    return {name: engine_set.read(name) for name in engine_set.manifest.engines}


def kept_names(place: EnginePlace) -> list[str]:
    """The names of all files in a folder except locks."""
    return sorted(path.name for path in place.folder.iterdir() if path.suffix != ".lock")


def wanted(**changes: Any) -> EngineRequirements:
    """`WANTED` with changes of its spec."""
    return replace(WANTED, spec=replace(WANTED.spec, **changes))


def why_not_found(store: EngineStore, model_path: str | None = None, **changes: Any) -> str:
    """The error for `wanted(**changes)` when no set fits."""
    with pytest.raises(EngineError) as caught:
        store.find(replace(wanted(**changes), model_path=model_path))
    return str(caught.value)
