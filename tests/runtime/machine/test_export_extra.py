"""What is said about missing packages of [export]."""

from __future__ import annotations

from pathlib import Path

import pytest

from fomm_rt.machine import export_extra
from fomm_rt.machine.export_extra import EXPORT_MODULES, how_to_install, missing_for_export


def test_names_missing_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing_for_export() == []
    monkeypatch.setattr(export_extra, "find_spec", lambda module: None if module in ("torch", "yaml") else object())
    assert missing_for_export() == ["torch", "PyYAML"]


def test_torch_comes_without_cuda() -> None:
    assert how_to_install(["torch", "onnx"]).splitlines() == [
        "torch, onnx are not installed. Install them with:",
        "  pip install torch --index-url https://download.pytorch.org/whl/cpu",
        '  pip install "fomm-rt[export]"',
    ]
    assert how_to_install(["onnx"]) == 'onnx is not installed. Install it with:\n  pip install "fomm-rt[export]"'


def test_every_package_is_in_the_extra() -> None:
    text = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    extra = text.split("\nexport = [")[1].split("]")[0]
    assert all(f'"{package}>=' in extra for package in EXPORT_MODULES.values())
