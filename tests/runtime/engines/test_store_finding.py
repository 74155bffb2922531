"""The engine store: which of the sets in it is taken, and what is said where none fits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes.engine_sets import CONTENTS, ONNX, SPEC, WANTED, build, contents_of, manifest_of, why_not_found
from fomm_rt.engines.store import EngineStore, default_folder
from fomm_rt.errors import EngineError
from store_processes import run


def test_what_is_published_is_found_and_read_again(store: EngineStore) -> None:
    published = build(store)
    found = store.find(WANTED)
    assert found.path == published.path == store.folder / f"{SPEC.key}.1"
    assert found.manifest == published.manifest
    assert contents_of(found) == contents_of(found) == CONTENTS
    assert [folder.path for folder in store.look()[0]] == [found.path]
    assert contents_of(store.look()[0][0]) == CONTENTS
    assert store.look()[1] == []
    assert found.manifest.engines["generator"].file == "generator.engine"


def test_a_view_of_memory_is_written_too(store: EngineStore) -> None:
    with store.building(SPEC) as staged:
        entry = staged.add(
            "a", memoryview(bytearray(b"1234")).cast("H"), onnx_sha256=ONNX, build_s=0, inputs=[], outputs=[]
        )
        assert staged.publish(manifest_of(staged, {"a": entry})).read("a") == b"1234"


def test_an_engine_that_is_not_there(store: EngineStore) -> None:
    folder = build(store)
    with pytest.raises(
        EngineError, match=r"expected an engine trunk; there are only generator, dense_motion. Rebuild: "
    ):
        folder.read("trunk")


def test_a_store_that_is_not_there(store: EngineStore) -> None:
    assert store.look() == ([], [])
    assert why_not_found(store) == (
        f"{store.folder}: expected engines of vox; none have been built here. "
        "Build them: fomm-rt build vox --backend tensorrt"
    )
    assert not store.folder.exists()


@pytest.mark.parametrize(
    ("wanted", "has", "needed"),
    [
        ({"model_sha256": "d" * 64}, "networks of another export", "those of this model"),
        ({"flavour": "tensorrt-rtx"}, "TensorRT 11.4.0.106", "TensorRT-RTX 11.4.0.106"),
        ({"library_version": "10.3.0.26"}, "TensorRT 11.4.0.106", "TensorRT 10.3.0.26"),
        ({"capability": "sm_120"}, "sm_90", "sm_120"),
        ({"capability": "sm_9"}, "sm_90", "sm_9"),
        ({"gpu": "NVIDIA H100"}, "the card NVIDIA H200", "the card NVIDIA H100"),
        ({"precision": "fp32"}, "fp16", "fp32"),
        ({"layout": "whole"}, "layout split", "layout whole"),
        ({"batch": 9}, "batches up to 8", "batches of 9"),
        ({"kernels_sha256": "d" * 64}, "other kernels", "the kernels of this fomm-rt"),
        ({"capability": "sm_89", "gpu": "RTX 4090"}, "sm_90, the card NVIDIA H200", "sm_89, the card RTX 4090"),
    ],
)
def test_what_does_not_fit_is_named(store: EngineStore, wanted: dict[str, Any], has: str, needed: str) -> None:
    path = build(store).path
    message = why_not_found(store, **wanted, model_path="models/vox")
    assert (
        f"{path.name} was built for {has}; needed: {needed}. Build them: fomm-rt build models/vox --backend" in message
    )


def test_the_command_builds_what_is_wanted(store: EngineStore) -> None:
    message = why_not_found(
        store, flavour="tensorrt-rtx", precision="fp32", layout="whole", batch=4, model_path="my models/vox"
    )
    assert message.endswith(
        "fomm-rt build 'my models/vox' --backend tensorrt-rtx --precision fp32 --layout whole --max-batch 4"
    )


def test_the_nearest_misses_come_first_and_others_models_not_at_all(store: EngineStore) -> None:
    far = build(store, replace(SPEC, precision="fp32", layout="whole"))
    farthest = build(store, replace(SPEC, precision="fp32", layout="whole", max_batch=1))
    near = build(store, replace(SPEC, precision="fp32"))
    nearer_than_farthest = build(store, replace(SPEC, max_batch=1, layout="whole"))
    foreign = build(store, replace(SPEC, model_sha256="d" * 64, precision="fp32"), model_name="taichi")
    message = why_not_found(store, batch=2)
    assert message.index(near.path.name) < message.index(far.path.name)
    assert nearer_than_farthest.path.name in message
    assert farthest.path.name not in message
    assert foreign.path.name not in message


def test_a_driver_does_not_matter(store: EngineStore) -> None:
    build(store, driver=None)
    assert store.find(WANTED).manifest.driver is None


def test_rtx_engines_fit_every_card_of_their_capabilities(store: EngineStore) -> None:
    build(store, replace(SPEC, flavour="tensorrt-rtx", capabilities=("sm_89", "sm_120"), gpu=None))
    wanted = replace(WANTED, flavour="tensorrt-rtx", gpu="any")
    for capability in ("sm_89", "sm_120"):
        store.find(replace(wanted, capability=capability))
    assert "sm_89 and sm_120; needed: sm_86" in why_not_found(
        store, flavour="tensorrt-rtx", gpu="any", capability="sm_86"
    )


def test_the_smallest_batch_that_suffices_is_taken(store: EngineStore) -> None:
    for batch in (8, 1, 4):
        build(store, replace(SPEC, max_batch=batch))
    found = [store.find(replace(WANTED, batch=batch)).manifest.spec.max_batch for batch in range(1, 9)]
    assert found == [1, 4, 4, 4, 8, 8, 8, 8]


def test_of_equals_the_newest_is_taken(store: EngineStore) -> None:
    times = {
        ("sm_80", "sm_90"): "2026-01-31T12:00:00+00:00",
        ("sm_90",): "2026-01-31T12:00:00-01:00",  # the newest, an hour later in UTC
        ("sm_86", "sm_90"): "2026-01-31T12:30:00+00:00",
    }
    for capabilities, built in times.items():
        build(store, replace(SPEC, capabilities=capabilities), built=built)
    assert store.find(WANTED).manifest.spec.capabilities == ("sm_90",)


def test_the_largest_batch_where_asked_for(store: EngineStore) -> None:
    for batch in (2, 8, 4):
        build(store, replace(SPEC, max_batch=batch))
    assert store.find(replace(WANTED, batch=1)).manifest.spec.max_batch == 2
    assert store.find(replace(WANTED, batch=1), largest=True).manifest.spec.max_batch == 8


def test_the_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert EngineStore().folder == default_folder() == tmp_path / "fomm-rt" / "engines"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert EngineStore().folder == tmp_path / ".cache" / "fomm-rt" / "engines"

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(EngineError, match=r"engines have no place to be kept .*; set XDG_CACHE_HOME"):
        EngineStore()


def test_importing_the_store_takes_no_inference_library(store: EngineStore) -> None:
    check = "assert not {'torch', 'onnx', 'onnxruntime', 'tensorrt', 'tensorrt_rtx'} & sys.modules.keys()"
    assert run(store, "build(store)", check) == 0
