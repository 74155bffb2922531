"""Sections of the doctor's report on fake machines; `test_cli` tests the whole report."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from msgspec import to_builtins

from fakes.engine_sets import CONTENTS, SPEC, build
from fakes.tensorrt import fake_module
from fomm_rt.backends.options import BACKENDS
from fomm_rt.backends.tensorrt.library import TensorRT
from fomm_rt.cli import doctor as command
from fomm_rt.doctor import gpu, report
from fomm_rt.engines.store import EngineStore
from fomm_rt.errors import BackendError
from fomm_rt.machine import nvidia_driver, processor


@pytest.mark.parametrize(
    ("machine", "flags", "expected"),
    [
        ("x86_64", "fpu avx2 avx512f avx_vnni avx512_vnni", "AVX2, AVX-512, AVX-VNNI, AVX-512 VNNI; int8 is fast"),
        ("x86_64", "fpu avx2 avx_vnni", "AVX2, AVX-VNNI; int8 is fast"),
        ("x86_64", "fpu avx2 avx512f", "AVX2, AVX-512; no VNNI, so int8 is hardly faster than fp32"),
        ("x86_64", "fpu", "none known; no VNNI, so int8 is hardly faster than fp32"),
        ("aarch64", "asimd asimddp", "dot products; int8 is fast"),
        ("aarch64", "asimd", "none known; int8 is probably not fast"),
    ],
)
def test_vector_instructions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str, flags: str, expected: str
) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags\t\t: {flags}\n")
    monkeypatch.setattr(processor, "CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert report.vector_instructions() == expected


def test_vector_instructions_of_an_unknown_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "CPU_INFO", tmp_path / "absent")
    assert report.vector_instructions() == "not reported by this system"


@pytest.fixture
def distributions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replaces the installed distributions by fake ones, given as name=version."""

    def install(**versions: str) -> None:
        for name, version in versions.items():
            folder = tmp_path / f"{name}-{version}.dist-info"
            folder.mkdir()
            (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        monkeypatch.setattr(sys, "path", [str(tmp_path)])

    return install


def test_two_packages_of_opencv(distributions: Callable[..., None]) -> None:
    distributions(opencv_python="4.10.0.84", opencv_python_headless="4.13.0.90", numpy="2.0")
    found = report.opencv()
    assert found.packages == {"opencv-python": "4.10.0.84", "opencv-python-headless": "4.13.0.90"}
    imported, conflict, remedy = command._opencv_lines(found)
    assert imported.split(maxsplit=2) == ["cv2", f"{found.version},", cv2.__file__]
    assert conflict.startswith("CONFLICT: opencv-python 4.10.0.84, opencv-python-headless 4.13.0.90 install the same")
    assert remedy == (
        "run: pip uninstall -y opencv-python opencv-python-headless && pip install opencv-python-headless"
    )


@pytest.mark.parametrize("versions", [{}, {"opencv_python": "4.10.0.84"}, {"opencv_python_headless": "4.13.0.90"}])
def test_one_package_of_opencv_is_no_conflict(distributions: Callable[..., None], versions: dict[str, str]) -> None:
    distributions(**versions)
    assert len(command._opencv_lines(report.opencv())) == 1


def test_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(flavour: str) -> TensorRT:
        if flavour == "tensorrt":
            raise BackendError("tensorrt cannot be imported (no such library); run: pip install it")
        return TensorRT(flavour, "1.7.1.116", fake_module())

    monkeypatch.setattr(nvidia_driver, "describe", lambda: "580.159.04, supports CUDA 13.0; NVIDIA H200, sm_90")
    monkeypatch.setattr(gpu, "driver_problem", lambda: None)
    monkeypatch.setattr(gpu, "load_tensorrt", load)
    found = gpu.gpu_health()
    assert found.driver.endswith("NVIDIA H200, sm_90")
    assert found.cuda_problem is None
    assert [flavour.name for flavour in found.flavours] == ["tensorrt", "tensorrt-rtx"]
    assert command._gpu_lines(found) == [
        "NVIDIA driver            580.159.04, supports CUDA 13.0; NVIDIA H200, sm_90",
        "CUDA for Python          usable",
        "tensorrt                 no: tensorrt cannot be imported (no such library); run: pip install it",
        "tensorrt-rtx             1.7.1.116; builds engines on the GPU that runs them; they cannot hold plugins",
    ]
    full = gpu.FlavourHealth("tensorrt-rtx", None, "1.7", builds_without_gpu=True, has_plugins=True)
    assert command._flavour(full) == "1.7; builds engines for any GPU on any machine; they can hold plugins"
    assert command._gpu_lines(replace(found, cuda_problem="it is too old"))[1].endswith("no: it is too old")


def test_engine_store(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = EngineStore(tmp_path / "engines")
    found = gpu.store_health(store)
    assert found == gpu.StoreHealth(str(store.folder), [], [])
    build_line = "to build engines         fomm-rt build MODEL --backend tensorrt, or tensorrt-rtx"
    assert command._store_lines(found) == [f"store                    {store.folder}: none built so far", build_line]

    megabyte = {name: content * 200 for name, content in CONTENTS.items()}
    first = build(store, SPEC, megabyte)
    rtx = replace(SPEC, flavour="tensorrt-rtx", gpu=None, capabilities=("sm_89", "sm_120"), max_batch=1)
    second = build(store, rtx, megabyte)
    broken = build(store, replace(SPEC, max_batch=2))
    broken.path.write_text("{")
    found = gpu.store_health(store)
    assert {one.key for one in found.sets} == {first.path.stem, second.path.stem}
    lines = command._store_lines(found)
    assert lines[0].endswith(f"{store.folder}: 2 sets, 5.3 MiB")
    assert set(lines[1:3]) == {
        f"{first.path.stem:<24} vox: fp16, split, up to 8 frames at a time; tensorrt 11.4.0.106; "
        "for NVIDIA H200 (sm_90); 2.7 MiB; built 2026-01-31",
        f"{second.path.stem:<24} vox: fp16, split, frame by frame; tensorrt-rtx 11.4.0.106; "
        "for sm_89, sm_120; 2.7 MiB; built 2026-01-31",
    }
    assert lines[3].startswith(f"DAMAGED: {broken.path}: expected an archive of engines")
    assert lines[4:] == [build_line]
    assert json.loads(json.dumps(to_builtins(found)))["sets"][0]["model"] == "vox"
    assert not caplog.records, "damage is reported once"


def test_a_user_without_a_home_has_no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """The section shows the error, and the report goes on."""

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # what it does without a home
    sections = command._Sections()
    sections.add("engines", "engine_store", gpu.store_health, command._store_lines)
    assert sections.failed
    assert sections.lines[1].startswith("  FAILED: there is no folder to keep engines in, as the user has no home")


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([True, True, False, True], "tensorrt with engines, else tensorrt-rtx with engines, else onnxruntime-cpu"),
        ([True, False, True, True], "tensorrt with engines, else onnxruntime-cuda"),
        ([False, False, False, True], "onnxruntime-cpu"),
        ([False, False, False, False], "none"),
    ],
)
def test_the_choice_of_auto(runs: list[bool], expected: str) -> None:
    """A backend that only runs engines is taken for models that have some."""
    found = [
        report.BackendHealth(name, None if able else "it is broken", 1.25 if able and "onnx" in name else None)
        for name, able in zip(BACKENDS, runs, strict=True)
    ]
    lines = command._backend_lines(found)
    assert lines[-1] == f"auto takes               {expected}"
    states = {True: "runs", False: "no: it is broken"}
    assert all(states[able] in line for able, line in zip(runs, lines, strict=False))
    assert ("engines are built for" in lines[0]) == runs[0]
    assert ("1.2 ms" in lines[3]) == runs[3]
