"""What stands against a contestant before anything of it is imported."""

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

Problem = Callable[[ModelSpec], "str | None"]


def first_problem(*checks: Problem) -> Problem:
    """The first of several checks that finds something."""

    def why_unavailable(model: ModelSpec) -> str | None:
        return next((found for check in checks if (found := check(model)) is not None), None)

    return why_unavailable


def needs_package(module: str) -> Problem:
    """A module has to be installed."""

    def why_unavailable(_model: ModelSpec) -> str | None:
        return None if find_spec(module) else f"{module} is not installed; install it with: {INSTALL[module]}"

    return why_unavailable


def needs_networks(model: ModelSpec) -> str | None:
    """The PyTorch networks can only be built from the weights the model was exported from."""
    if model.has_networks:
        return None
    return "needs the checkpoint that the model was exported from; give it with --checkpoint FILE"


def needs_gpu(_model: ModelSpec) -> str | None:
    """An NVIDIA driver has to be there."""
    return None if nvidia_driver.is_installed() else f"{nvidia_driver.NO_DRIVER}; {DRIVER}"


def needs_compiler(_model: ModelSpec) -> str | None:
    """torch.compile has C++ compiled."""
    return None if any(map(shutil.which, COMPILERS)) else "needs a C++ compiler; install one, such as: apt install g++"
