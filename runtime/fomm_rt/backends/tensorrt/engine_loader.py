"""Engines of a set as TensorRT objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fomm_rt.backends.tensorrt.engine_memory import new_context
from fomm_rt.backends.tensorrt.kernel_cache import KernelCache
from fomm_rt.backends.tensorrt.library import TensorRT, tensorrt_logger
from fomm_rt.engines.engine_set import EngineSet
from fomm_rt.errors import EngineError


class EngineLoader:
    """Loads the engines of a set, each once, when it is first asked for.

    An altered engine is never passed to TensorRT. The caller enters the device around every call.

    Args:
        library: TensorRT.
        engines: The set.
        kernels: File for kernels that TensorRT-RTX compiles; None to compile them in every process.

    Attributes:
        library, engines: As given.
        kernels: The kernels of the file.
    """

    def __init__(self, library: TensorRT, engines: EngineSet, kernels: Path | None = None) -> None:
        self.library = library
        self.engines = engines
        self.kernels = KernelCache(kernels)
        self._logger = tensorrt_logger(library)
        self._loaded: dict[str, Any] = {}
        # An engine must not outlive its runtime; TensorRT does not document this.
        self._runtime: Any = None

    def engine(self, name: str) -> Any:
        """Returns an `ICudaEngine`.

        Raises:
            EngineError: The engine was altered, or TensorRT refuses it.
        """
        if name not in self._loaded:
            if self._runtime is None:
                self._runtime = self.library.module.Runtime(self._logger)
            engine = self._runtime.deserialize_cuda_engine(self.engines.read(name))
            if engine is None:
                raise self.failed(f"{self.engines.path}: loading the {name} engine")
            self._loaded[name] = engine
        return self._loaded[name]

    def new_context(self, name: str) -> Any:
        """Returns a new `IExecutionContext`, see `engine_memory.new_context`.

        Raises:
            EngineError: See `engine`; or TensorRT refuses the context.
        """
        context = new_context(self.library, self.engine(name), self.kernels)
        if context is None:
            raise self.failed(f"making room for the {name} engine")
        return context

    def failed(self, doing: str) -> EngineError:
        """Returns the error of a call that TensorRT refused, with the reason that it logged."""
        reason, self._logger.last_error = self._logger.last_error, ""
        return EngineError(f"{doing} failed: {reason or 'TensorRT does not say why'}")
