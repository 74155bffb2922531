"""The engine store: which set is taken, and the error when none fits."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from fakes.engine_sets import CONTENTS, SPEC, WANTED, build, contents_of, wanted, why_not_found
from fomm_rt.engines.store import EngineStore, default_folder
from fomm_rt.errors import EngineError
from store_processes import run


def test_a_published_set_is_found_and_read(store: EngineStore) -> None:
    published = build(store)
    found = store.find(WANTED)
    assert found.path == published.path == store.folder / f"{SPEC.key}.engines"
    assert found.manifest == published.manifest
    assert contents_of(found) == contents_of(found) == CONTENTS
    assert [each.path for each in store.look()[0]] == [found.path]
    assert contents_of(store.look()[0][0]) == CONTENTS
    assert store.look()[1] == []


def test_an_engine_that_the_set_does_not_have(store: EngineStore) -> None:
    engines = build(store)
    with pytest.raises(
        EngineError, match=r"expected an engine trunk; there are only generator, dense_motion. Rebuild: "
    ):
        engines.read("trunk")


def test_a_missing_store_is_empty(store: EngineStore) -> None:
    assert store.look() == ([], [])
    assert why_not_found(store) == (
        f"{store.folder}: expected engines of vox; none have been built here. "
        "Build them: fomm-rt build vox --backend tensorrt"
    )
    assert not store.folder.exists()


@pytest.mark.parametrize(
    ("changes", "has", "needed"),
    [
        ({"model_sha256": "d" * 64}, "networks of another export", "those of this model"),
        ({"flavour": "tensorrt-rtx"}, "TensorRT 11.4.0.106", "TensorRT-RTX 11.4.0.106"),
        ({"library_version": "10.3.0.26"}, "TensorRT 11.4.0.106", "TensorRT 10.3.0.26"),
        ({"capabilities": ("sm_120",)}, "sm_90", "sm_120"),
        ({"capabilities": ("sm_9",)}, "sm_90", "sm_9"),
        ({"gpu": "NVIDIA H100"}, "the card NVIDIA H200", "the card NVIDIA H100"),
        ({"precision": "fp32"}, "fp16", "fp32"),
        ({"layout": "whole"}, "layout split", "layout whole"),
        ({"max_batch": 9}, "batches up to 8", "batches of 9"),
        ({"kernels_sha256": "d" * 64}, "other kernels", "the kernels of this fomm-rt"),
        ({"capabilities": ("sm_89",), "gpu": "RTX 4090"}, "sm_90, the card NVIDIA H200", "sm_89, the card RTX 4090"),
    ],
)
def test_the_error_names_the_mismatch(store: EngineStore, changes: dict[str, Any], has: str, needed: str) -> None:
    build(store)
    message = why_not_found(store, **changes, model_path="models/vox")
    assert (
        f"{SPEC.key} was built for {has}; needed: {needed}. Build them: fomm-rt build models/vox --backend" in message
    )


def test_the_error_ends_with_the_build_command(store: EngineStore) -> None:
    message = why_not_found(
        store, flavour="tensorrt-rtx", precision="fp32", layout="whole", max_batch=4, model_path="my models/vox"
    )
    assert message.endswith(
        "fomm-rt build 'my models/vox' --backend tensorrt-rtx --precision fp32 --layout whole --max-batch 4"
    )


def test_the_error_names_the_nearest_sets_of_this_model(store: EngineStore) -> None:
    far = build(store, replace(SPEC, precision="fp32", layout="whole"))
    farthest = build(store, replace(SPEC, precision="fp32", layout="whole", max_batch=1))
    near = build(store, replace(SPEC, precision="fp32"))
    nearer_than_farthest = build(store, replace(SPEC, max_batch=1, layout="whole"))
    foreign = build(store, replace(SPEC, model_sha256="d" * 64, precision="fp32"), model_name="taichi")
    message = why_not_found(store, max_batch=2)
    assert message.index(near.manifest.spec.key) < message.index(far.manifest.spec.key)
    assert nearer_than_farthest.manifest.spec.key in message
    assert farthest.manifest.spec.key not in message
    assert foreign.manifest.spec.key not in message


def test_engines_fit_any_driver(store: EngineStore) -> None:
    build(store, driver=None)
    assert store.find(WANTED).manifest.driver is None


def test_rtx_engines_fit_every_gpu_of_their_capabilities(store: EngineStore) -> None:
    build(store, replace(SPEC, flavour="tensorrt-rtx", capabilities=("sm_89", "sm_120"), gpu=None))
    for capability in ("sm_89", "sm_120"):
        store.find(wanted(flavour="tensorrt-rtx", gpu="any", capabilities=(capability,)))
    assert "sm_89 and sm_120; needed: sm_86" in why_not_found(
        store, flavour="tensorrt-rtx", gpu="any", capabilities=("sm_86",)
    )


def test_the_smallest_sufficient_batch_is_taken(store: EngineStore) -> None:
    for batch in (8, 1, 4):
        build(store, replace(SPEC, max_batch=batch))
    found = [store.find(wanted(max_batch=batch)).manifest.spec.max_batch for batch in range(1, 9)]
    assert found == [1, 4, 4, 4, 8, 8, 8, 8]


def test_of_equals_the_newest_is_taken(store: EngineStore) -> None:
    times = {
        ("sm_80", "sm_90"): "2026-01-31T12:00:00+00:00",
        ("sm_90",): "2026-01-31T12:00:00-01:00",  # the newest, an hour later in UTC
        ("sm_86", "sm_90"): "2026-01-31T12:30:00+00:00",
    }
    for capabilities, built in times.items():
        build(store, replace(SPEC, capabilities=capabilities), built=datetime.fromisoformat(built))
    assert store.find(WANTED).manifest.spec.capabilities == ("sm_90",)


def test_the_largest_batch_is_taken_on_request(store: EngineStore) -> None:
    for batch in (2, 8, 4):
        build(store, replace(SPEC, max_batch=batch))
    assert store.find(wanted(max_batch=1)).manifest.spec.max_batch == 2
    assert store.find(wanted(max_batch=1), largest=True).manifest.spec.max_batch == 8


def test_the_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert EngineStore().folder == default_folder() == tmp_path / "fomm-rt" / "engines"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert EngineStore().folder == tmp_path / ".cache" / "fomm-rt" / "engines"


def test_no_default_folder_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # what it does without a home
    with pytest.raises(EngineError, match=r"the user has no home; set XDG_CACHE_HOME"):
        EngineStore()


def test_the_store_imports_no_inference_library(store: EngineStore) -> None:
    check = "assert not {'torch', 'onnx', 'onnxruntime', 'tensorrt', 'tensorrt_rtx'} & sys.modules.keys()"
    assert run(store, "build(store)", check) == 0
