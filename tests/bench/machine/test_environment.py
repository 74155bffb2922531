"""The machine: what is said of it, and when two are the same."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

from fomm_bench.machine import environment
from fomm_bench.machine.ceiling import measure_ceiling
from fomm_bench.machine.environment import describe_environment, describe_machine, same_machine
from fomm_bench.machine.memory import device_bytes, peak_host_bytes
from fomm_rt.machine import processor


def test_this_machine() -> None:
    found = describe_environment()
    assert json.loads(json.dumps(found)) == found
    assert 1 <= found["cores"] <= len(os.sched_getaffinity(0))
    assert found["cpu"]
    assert {"numpy", "torch", "onnxruntime"} <= set(found["packages"])
    assert same_machine(found, describe_environment())


def test_another_machine() -> None:
    here = describe_environment()
    assert not same_machine(here, {**here, "cores": 96})
    assert same_machine(here, {**here, "python": "3.10.0", "packages": {}})


def test_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "gpus", lambda: ["NVIDIA H200, 580.1, 143771 MiB"])
    monkeypatch.setattr(processor, "name", lambda: "Some CPU")
    monkeypatch.setattr(processor, "allowed_cores", lambda: 1)
    assert describe_machine(describe_environment()) == "Some CPU, 1 core; NVIDIA H200, 580.1, 143771 MiB"


def test_without_nvidia_tools_there_are_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "NVIDIA_SMI", ("no-such-program",))
    assert environment.gpus() == []


def test_memory_of_this_process() -> None:
    before = peak_host_bytes()
    assert before > 1_000_000
    block = b"x" * (64 << 20)
    assert peak_host_bytes() >= before
    assert len(block) == 64 << 20
    assert device_bytes() is None or device_bytes()


def test_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fomm_bench.machine.ceiling.SIDE", 64)
    monkeypatch.setattr("fomm_bench.machine.ceiling.COPY_BYTES", 1 << 16)
    threads = torch.get_num_threads()
    for without_torch in (False, True):
        if without_torch:
            monkeypatch.setattr("fomm_bench.machine.ceiling.find_spec", lambda name: None if name == "torch" else name)
        found = measure_ceiling(1)
        assert found["library"].startswith("NumPy" if without_torch else "PyTorch")
        assert "int8 by ONNX Runtime" in found["library"]
        assert found["cpu"]["gmac_per_s"]["fp32"] > 0
        assert found["cpu"]["gmac_per_s"]["int8"] > 0
        assert found["cpu"]["copy_gb_per_s"] > 0
    torch.set_num_threads(threads)


def test_without_onnx_the_int8_ceiling_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fomm_bench.machine.ceiling.SIDE", 64)
    monkeypatch.setattr("fomm_bench.machine.ceiling.COPY_BYTES", 1 << 16)
    monkeypatch.setattr("fomm_bench.machine.ceiling.find_spec", lambda _name: None)
    assert list(measure_ceiling(1)["cpu"]["gmac_per_s"]) == ["fp32"]


def test_a_containers_quota_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text("100000 100000\n", encoding="ascii")
    monkeypatch.setattr("fomm_rt.machine.processor.CPU_QUOTA", quota)
    assert processor.allowed_cores() == describe_environment()["cores"] == 1
