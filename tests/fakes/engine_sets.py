"""Sets of engines with made-up content, for tests of how they are kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fomm_rt.engines.folder import EngineFolder
from fomm_rt.engines.manifest import EngineManifest, EngineSpec, EngineTensor
from fomm_rt.engines.staging import EngineStaging
from fomm_rt.engines.store import EngineRequirements, EngineStore
from fomm_rt.errors import EngineError

MODEL, KERNELS, ONNX = "a" * 64, "b" * 64, "c" * 64
SPEC = EngineSpec(MODEL, "tensorrt", "11.4.0.106", ("sm_90",), "NVIDIA H200", "fp16", "split", 8, KERNELS)
WANTED = EngineRequirements(MODEL, "tensorrt", "11.4.0.106", "sm_90", "NVIDIA H200", "fp16", "split", 1, KERNELS, "vox")
FRAME = EngineTensor("frame", "float16", ("batch", 3, 64, 64), "hwc8")
PREDICTION = EngineTensor("prediction", "float32", (1, 3, 64, 64), "linear")
CONTENTS = {"generator": b"generator" * 1000, "dense_motion": b"dense" * 1000}


def manifest_of(staged: EngineStaging, engines: dict[str, Any], **changes: Any) -> EngineManifest:
    """A manifest of engines that were added."""
    manifest = EngineManifest(
        spec=staged.spec,
        model_name="vox",
        driver="580.65.06",
        built="2026-01-31T12:00:00+00:00",
        build_s=1.5,
        engines=engines,
        parity={"psnr_db": 45.5, "worst": {"layer": "conv", "max_abs": 0.25}},
        tools={"tensorrt": "11.4.0.106"},
    )
    return replace(manifest, **changes)


def fill(staged: EngineStaging, contents: dict[str, bytes] = CONTENTS, **changes: Any) -> EngineManifest:
    """Adds engines, which are not published yet."""
    engines = {
        name: staged.add(name, content, onnx_sha256=ONNX, build_s=0.5, inputs=[FRAME], outputs=[PREDICTION])
        for name, content in contents.items()
    }
    return manifest_of(staged, engines, **changes)


def build(
    store: EngineStore, spec: EngineSpec = SPEC, contents: dict[str, bytes] = CONTENTS, **changes: Any
) -> EngineFolder:
    """Publishes a set; `changes` are fields of its manifest."""
    with store.building(spec) as staged:
        return staged.publish(fill(staged, contents, **changes))


def contents_of(folder: EngineFolder) -> dict[str, bytes]:
    """Every engine of a set by its name."""
    return {name: folder.read(name) for name in folder.manifest.engines}


def kept_names(store: EngineStore) -> list[str]:
    """Everything in the store's folder but locks."""
    return sorted(path.name for path in store.folder.iterdir() if path.suffix != ".lock")


def why_not_found(store: EngineStore, **wanted: Any) -> str:
    """What is said of `WANTED` with some changes, of which there are no engines."""
    with pytest.raises(EngineError) as caught:
        store.find(replace(WANTED, **wanted))
    return str(caught.value)
