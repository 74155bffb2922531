"""The command line of a result names no folder of its machine."""

from __future__ import annotations

import sys

import pytest

from fomm_bench.results.command_line import command_line, script_command


def test_absolute_paths_lose_their_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["-m", "/home/me/models/vox", "--python", "openvino=/opt/python3", "--output=/tmp/a", "-c", "fomm-rt:x"]
    monkeypatch.setattr(sys, "argv", ["/home/me/benchmarks/studies/memory.py", *arguments, "results/b"])
    shown = ["-m", "vox", "--python", "openvino=python3", "--output=a", "-c", "fomm-rt:x", "results/b"]
    assert command_line() == ["fomm-rt", *shown]
    assert script_command() == ["python", "benchmarks/studies/memory.py", *shown]
