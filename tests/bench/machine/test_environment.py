"""Environment, memory and ceiling of the machine, and when two machines count as one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace

from fomm_bench.machine import environment, nvidia_smi
from fomm_bench.machine.ceiling import measure_ceiling
from fomm_bench.machine.environment import describe_environment
from fomm_bench.machine.memory import device_bytes, peak_host_bytes
from fomm_bench.results.environment import Environment
from fomm_rt.machine import processor


def test_this_machine() -> None:
    found = describe_environment()
    assert json.loads(json.dumps(found)) == found
    assert 1 <= found["cores"] <= len(os.sched_getaffinity(0))
    assert found["cpu"]
    assert {"numpy", "torch", "onnxruntime"} <= set(found["packages"])
    assert Environment(**found).machine == Environment(**describe_environment()).machine


def test_another_machine() -> None:
    here = Environment(**describe_environment())
    assert here.machine != replace(here, cores=96).machine
    assert here.machine == replace(here, python="3.10.0", packages={}).machine


def test_describes_a_machine_with_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "gpus", lambda: ["NVIDIA H200, 580.1, 143771 MiB"])
    monkeypatch.setattr(processor, "name", lambda: "Some CPU")
    monkeypatch.setattr(processor, "allowed_cores", lambda: 1)
    assert Environment(**describe_environment()).describe() == "Some CPU, 1 core; NVIDIA H200, 580.1, 143771 MiB"


def test_without_nvidia_smi_there_are_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia_smi, "PROGRAM", "no-such-program")
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
        assert found.library.startswith("NumPy" if without_torch else "PyTorch")
        assert "int8 by ONNX Runtime" in found.library
        assert found.cpu is not None
        assert found.cpu.gmac_per_s["fp32"] > 0
        assert found.cpu.gmac_per_s["int8"] > 0
        assert found.cpu.copy_gb_per_s > 0
    torch.set_num_threads(threads)


def test_without_onnx_there_is_no_int8_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fomm_bench.machine.ceiling.SIDE", 64)
    monkeypatch.setattr("fomm_bench.machine.ceiling.COPY_BYTES", 1 << 16)
    monkeypatch.setattr("fomm_bench.machine.ceiling.find_spec", lambda _name: None)
    cpu = measure_ceiling(1).cpu
    assert cpu is not None
    assert list(cpu.gmac_per_s) == ["fp32"]


def test_respects_the_quota_of_a_container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text("100000 100000\n", encoding="ascii")
    monkeypatch.setattr("fomm_rt.machine.processor.CPU_QUOTA", quota)
    assert processor.allowed_cores() == describe_environment()["cores"] == 1


def test_device_memory_is_that_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    own = str(os.getpid())
    rows = [[own, "100"], ["1", "9000"], [own, "20"]]
    monkeypatch.setattr(nvidia_smi, "query", lambda _what, _fields: rows)
    assert device_bytes() == 120 << 20
    rows[0][1] = "[N/A]"
    assert device_bytes() is None


def test_nvidia_smi_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text('#!/bin/sh\necho "NVIDIA H200, 580.1, 143771"\necho\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(nvidia_smi, "PROGRAM", str(program))
    assert environment.gpus() == ["NVIDIA H200, 580.1, 143771 MiB"]
