"""ONNX Runtime without its telemetry; this is the only place that imports it.

from fomm_rt.machine.onnx_runtime import onnxruntime
"""

from importlib import import_module
from typing import Any

from fomm_rt.machine.telemetry import disable_telemetry

disable_telemetry()

import onnxruntime  # noqa: E402  (the variable must be set before)

__all__ = ["onnxruntime", "submodule"]


def submodule(name: str) -> Any:
    """Imports a submodule that ONNX Runtime does not import itself, such as "quantization"."""
    return import_module(f"onnxruntime.{name}")
