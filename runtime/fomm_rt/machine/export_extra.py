"""The extra [export]: its missing packages, and how to install them."""

from __future__ import annotations

from importlib.util import find_spec

EXPORT_MODULES = {
    "torch": "torch",
    "onnx": "onnx",
    "onnxscript": "onnxscript",
    "safetensors": "safetensors",
    "yaml": "PyYAML",
    "requests": "requests",
}
"""Modules that exporting and fetching import, and the packages that hold them."""

INSTALL = 'pip install "fomm-rt[export]"'
INSTALL_CPU_TORCH = "pip install torch --index-url https://download.pytorch.org/whl/cpu"
"""PyTorch's own index of builds without CUDA, a tenth of the size. Export needs no GPU."""


def missing_for_export() -> list[str]:
    """Packages of the extra that are not installed."""
    return [package for module, package in EXPORT_MODULES.items() if find_spec(module) is None]


def how_to_install(missing: list[str]) -> str:
    """A sentence that names missing packages and the commands that install them."""
    are = "is" if len(missing) == 1 else "are"
    commands = [INSTALL_CPU_TORCH, INSTALL] if "torch" in missing else [INSTALL]
    return (
        f"{', '.join(missing)} {are} not installed. Install {'it' if are == 'is' else 'them'} with:\n  "
        + "\n  ".join(commands)
    )
