"""NVIDIA's TensorRT as a Python module, in either flavour, and the differences between versions.

    tensorrt       8.6, 10 and 11: engines are built on the GPU that runs them
    tensorrt-rtx   for GeForce RTX and RTX PRO cards: engines are built for compute capabilities, on any machine

NVIDIA's modules are imported on first use.
"""

from __future__ import annotations

import importlib
import logging
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from fomm_rt.engines.manifest import FLAVOUR_TITLES, TENSORRT, TENSORRT_RTX
from fomm_rt.errors import BackendError, first_line

_log = logging.getLogger("fomm_rt.tensorrt")

_MODULES = {TENSORRT: "tensorrt", TENSORRT_RTX: "tensorrt_rtx"}
INSTALL = {TENSORRT: "pip install 'fomm-rt[tensorrt]'", TENSORRT_RTX: "pip install 'fomm-rt[rtx]'"}

_CAPABILITY = re.compile(r"SM(\d+)")
"""A name of the library's compute capabilities."""

OLDEST = (8, 6)
"""The first version of TensorRT with all calls that this project makes."""


@dataclass(frozen=True)
class TensorRT:
    """One of FLAVOURS, imported: its module, `tensorrt` or `tensorrt_rtx`, and the module's version, "11.4.0.106"."""

    flavour: str
    version: str
    module: Any

    @property
    def strongly_typed(self) -> bool:
        """True if the network alone determines types; TensorRT 8.6 has precision flags instead."""
        return hasattr(self.module.NetworkDefinitionCreationFlag, "STRONGLY_TYPED")

    @property
    def builds_without_gpu(self) -> bool:
        """True if engines for given compute capabilities can be built on a machine without such a GPU."""
        return hasattr(self.module.IBuilderConfig, "set_compute_capability")

    @property
    def capabilities(self) -> tuple[str, ...]:
        """The compute capabilities that it builds engines for, ("sm_75", ...); empty if it builds for the GPU here."""
        if not self.builds_without_gpu:
            return ()
        known = [_CAPABILITY.fullmatch(name) for name in self.module.ComputeCapability.__members__]
        return tuple(f"sm_{number}" for number in sorted(int(match[1]) for match in known if match))

    @property
    def can_forbid_allocation(self) -> bool:
        """True if engines can be built to allocate nothing while they run.

        TensorRT never allocates while an engine runs. TensorRT-RTX does by default, and then capturing can fail.
        """
        return hasattr(getattr(self.module, "BuilderFlag", None), "REQUIRE_USER_ALLOCATION")

    @property
    def has_plugins(self) -> bool:
        """True if engines can hold plugins with kernels compiled ahead of time (TensorRT 10.9 and later)."""
        return self.flavour == TENSORRT and version_of(self.version) >= (10, 9)

    def describe(self) -> str:
        """One phrase for people."""
        return f"{FLAVOUR_TITLES[self.flavour]} {self.version}"


def why_not_importable(flavour: str) -> str | None:
    """Says why this flavour's module cannot be used; None if it can."""
    try:
        load_tensorrt(flavour)
    except BackendError as error:
        return str(error)
    return None


@cache
def load_tensorrt(flavour: str) -> TensorRT:
    """Imports one of FLAVOURS.

    Raises:
        BackendError: Its package is missing, does not load, or is too old.
    """
    name = _MODULES[flavour]
    try:
        module = importlib.import_module(name)
        version = str(module.__version__)
        _ = module.Logger
    except Exception as error:  # a missing or empty package, a missing library, or whatever an import can raise
        raise BackendError(f"{name} cannot be imported ({first_line(error)}); run: {INSTALL[flavour]}") from error
    if flavour == TENSORRT and version_of(version) < OLDEST:
        raise BackendError(
            f"expected TensorRT {OLDEST[0]}.{OLDEST[1]} or newer; found {version}. Run: {INSTALL[flavour]} --upgrade"
        )
    return TensorRT(flavour, version, module)


def version_of(text: str) -> tuple[int, ...]:
    """The leading numbers of a version: "11.4.0.106" -> (11, 4, 0, 106); "10.13.3.9.post1" -> (10, 13, 3, 9)."""
    numbers = []
    for part in text.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


@cache
def tensorrt_logger(library: TensorRT) -> Any:
    """Returns a `trt.ILogger` that forwards to Python's logger "fomm_rt.tensorrt" and keeps the last error.

    TensorRT returns None on failure and explains it only to its logger. `last_error` is the last message of severity
    ERROR or worse; it is "" at first, and code that reports the error resets it to "".
    """
    trt = library.module
    errors = (trt.ILogger.INTERNAL_ERROR, trt.ILogger.ERROR)

    class Logger(trt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)  # pybind11 requires the explicit call
            self.last_error = ""

        def log(self, severity: Any, message: str) -> None:
            if severity in errors:
                self.last_error = message.strip()
            if severity != trt.ILogger.VERBOSE:
                _log.debug("%s", message.strip())  # errors are also raised, with their context

    return Logger()
