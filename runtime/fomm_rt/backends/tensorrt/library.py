"""NVIDIA's TensorRT as a Python module, in either of its flavours, and what differs between their generations.

tensorrt       8.6, 10 and 11: engines are built on the GPU that runs them
tensorrt-rtx   for GeForce RTX and RTX PRO cards: engines are built for compute capabilities, on any machine

Nothing of NVIDIA's is imported before it is asked for.
"""

from __future__ import annotations

import importlib
import logging
from dataclasses import dataclass
from functools import cache
from typing import Any

from fomm_rt.engines.manifest import FLAVOUR_TITLES, TENSORRT, TENSORRT_RTX
from fomm_rt.errors import BackendError

_log = logging.getLogger("fomm_rt.tensorrt")

_MODULES = {TENSORRT: "tensorrt", TENSORRT_RTX: "tensorrt_rtx"}
INSTALL = {TENSORRT: "pip install 'fomm-rt[tensorrt]'", TENSORRT_RTX: "pip install 'fomm-rt[rtx]'"}

OLDEST = (8, 6)
"""The first version of TensorRT that this project's calls are all in."""


@dataclass(frozen=True)
class TensorRT:
    """One flavour, imported.

    Attributes:
        flavour: One of FLAVOURS.
        version: As the module says it, "11.4.0.106".
        module: `tensorrt` or `tensorrt_rtx`, whose names are nearly the same.
    """

    flavour: str
    version: str
    module: Any

    @property
    def strongly_typed(self) -> bool:
        """Whether types come from the network alone; else there are flags for precisions (8.6)."""
        return hasattr(self.module.NetworkDefinitionCreationFlag, "STRONGLY_TYPED")

    @property
    def builds_without_gpu(self) -> bool:
        """Whether engines can be built for named compute capabilities on a machine without any of them."""
        return hasattr(self.module.IBuilderConfig, "set_compute_capability")

    @property
    def leaves_memory_to_user(self) -> bool:
        """Whether engines can be built to allocate nothing while they run; contexts are then given their memory.

        With TensorRT-RTX only such engines can always be captured in a CUDA graph; others never allocate then.
        """
        return hasattr(getattr(self.module, "BuilderFlag", None), "REQUIRE_USER_ALLOCATION")

    @property
    def has_plugins(self) -> bool:
        """Whether engines can hold kernels of others: plugins with machine code ahead of time, from 10.9 on."""
        return self.flavour == TENSORRT and version_of(self.version) >= (10, 9)

    def describe(self) -> str:
        """One phrase for people."""
        return f"{FLAVOUR_TITLES[self.flavour]} {self.version}"


def why_not_importable(flavour: str) -> str | None:
    """Why this flavour's module cannot be used, in words for people; None if it can."""
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
    except Exception as error:  # no package, an empty one, a library it links, whatever else it does when imported
        raise BackendError(f"{name} cannot be imported ({_first_line(error)}); run: {INSTALL[flavour]}") from error
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
    """A `trt.ILogger` that passes on to Python's logger "fomm_rt.tensorrt", and keeps the latest error.

    Its `last_error` is the text of the latest message of severity ERROR or worse, "" before the first, or since whoever
    reported one emptied it; TensorRT returns None where it fails and says why only here.
    """
    trt = library.module
    errors = (trt.ILogger.INTERNAL_ERROR, trt.ILogger.ERROR)

    class Logger(trt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)  # pybind11 wants it called by name
            self.last_error = ""

        def log(self, severity: Any, message: str) -> None:
            if severity in errors:
                self.last_error = message.strip()
            if severity != trt.ILogger.VERBOSE:
                _log.debug("%s", message.strip())  # errors are raised as exceptions, with what was being done

    return Logger()


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0]
