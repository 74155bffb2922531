"""The machine: what is said of it, and when two are the same."""

from __future__ import annotations

import json
import os

import pytest

from fomm_bench import environment
from fomm_bench.ceiling import measure_ceiling
from fomm_bench.environment import describe_environment, describe_machine, same_machine
from fomm_bench.process_memory import device_bytes, peak_host_bytes


def test_this_machine() -> None:
    found = describe_environment()
    assert json.loads(json.dumps(found)) == found
    assert found["cores"] == len(os.sched_getaffinity(0))
    assert found["cpu"]
    assert {"numpy", "torch", "onnxruntime"} <= set(found["packages"])
    assert same_machine(found, describe_environment())


def test_another_machine() -> None:
    here = describe_environment()
    assert not same_machine(here, {**here, "cores": 96})
    assert same_machine(here, {**here, "python": "3.10.0", "packages": {}})


def test_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "gpus", lambda: ["NVIDIA H200, 580.1, 143771 MiB"])
    monkeypatch.setattr(environment, "cpu_model", lambda: "Some CPU")
    monkeypatch.setattr(environment, "allowed_cores", lambda: 1)
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
    monkeypatch.setattr("fomm_bench.ceiling.SIDE", 64)
    monkeypatch.setattr("fomm_bench.ceiling.COPY_BYTES", 1 << 16)
    for without_torch in (False, True):
        if without_torch:
            monkeypatch.setattr("fomm_bench.ceiling.find_spec", lambda _name: None)
        found = measure_ceiling()
        assert found["library"].startswith("NumPy" if without_torch else "PyTorch")
        assert found["cpu"]["gmac_per_s"]["fp32"] > 0
        assert found["cpu"]["copy_gb_per_s"] > 0
