"""Checks of the requirements of contestants, without importing their packages."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib.util import find_spec

from fomm_bench.model.model_spec import ModelSpec
from fomm_rt.machine import nvidia_driver

INSTALL = {
    "torch": 'pip install "fomm-rt[export]"',
    "onnxruntime": "pip install onnxruntime",
    "openvino": 'pip install "fomm-rt[bench]"',
}
DRIVER = "it needs an NVIDIA GPU, and the driver from https://www.nvidia.com/drivers"
COMPILERS = ("g++", "clang++", "c++")

Check = Callable[[ModelSpec], "str | None"]
"""Returns why a contestant cannot run a model here, or None if it can."""


def first_problem(*checks: Check) -> Check:
    """A check that returns the first problem that others find."""

    def why_unavailable(model: ModelSpec) -> str | None:
        return next((problem for check in checks if (problem := check(model)) is not None), None)

    return why_unavailable


def needs_package(module: str) -> Check:
    """A check for an installed module."""

    def why_unavailable(_model: ModelSpec) -> str | None:
        return None if find_spec(module) else f"{module} is not installed; install it with: {INSTALL[module]}"

    return why_unavailable


def needs_networks(model: ModelSpec) -> str | None:
    """Checks for the weights of the PyTorch networks."""
    return None if model.has_networks else "it needs the model's checkpoint; give it with --checkpoint FILE"


def needs_gpu(_model: ModelSpec) -> str | None:
    """Checks for an NVIDIA driver."""
    return None if nvidia_driver.is_installed() else f"{nvidia_driver.NO_DRIVER}; {DRIVER}"


def needs_compiler(_model: ModelSpec) -> str | None:
    """Checks for a C++ compiler, which torch.compile needs."""
    return None if any(map(shutil.which, COMPILERS)) else "it needs a C++ compiler; install one: apt install g++"
