"""The probe network that ships with the runtime."""

from __future__ import annotations

import importlib.resources

from fomm_export.onnx.probe_network import probe_network


def test_shipped_probe_network_is_current() -> None:
    shipped = importlib.resources.files("fomm_rt.backends.onnxruntime") / "probe.onnx"
    assert shipped.read_bytes() == probe_network().SerializeToString()
