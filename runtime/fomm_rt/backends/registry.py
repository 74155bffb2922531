"""The backends, fastest first, and the choice among them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from fomm_rt.backends.onnxruntime.backend import OnnxRuntimeBackend, probe_onnxruntime, why_onnxruntime_unavailable
from fomm_rt.backends.options import ALIASES, BACKENDS, DEFAULTS, BackendName, Options
from fomm_rt.backends.protocol import Backend
from fomm_rt.backends.tensorrt.backend import open_tensorrt, why_tensorrt_unavailable
from fomm_rt.errors import BackendError, ModelError
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.precision import ENGINE_PRECISIONS, PRECISIONS, Precision

_log = logging.getLogger("fomm_rt")


@dataclass(frozen=True)
class BackendEntry:
    """A backend as `open_backend` sees it. Its libraries are imported only when one of these functions is called.

    Attributes:
        device: Where it runs.
        why_unavailable: Returns why it cannot run here, as far as can be told without a model; None if it can.
        precisions: Precisions that it can run, the default first.
        open: Opens a model: (model, reason for the choice, options).
        probe: Runs a small network and returns its latency in milliseconds; None for a backend that only runs engines.
    """

    name: BackendName
    device: Literal["cpu", "cuda"]
    why_unavailable: Callable[[], str | None]
    precisions: tuple[Precision, ...]
    open: Callable[[ModelFolder, str, Options], Backend]
    probe: Callable[[], float] | None


def _tensorrt(name: BackendName) -> BackendEntry:
    why_unavailable = partial(why_tensorrt_unavailable, name)
    return BackendEntry(name, "cuda", why_unavailable, ENGINE_PRECISIONS, partial(open_tensorrt, name), None)


def _onnx_runtime(name: BackendName, *precisions: Precision) -> BackendEntry:
    why_unavailable, probe = partial(why_onnxruntime_unavailable, name), partial(probe_onnxruntime, name)
    device: Literal["cpu", "cuda"] = "cuda" if name == "onnxruntime-cuda" else "cpu"
    return BackendEntry(name, device, why_unavailable, precisions, partial(OnnxRuntimeBackend, name), probe)


REGISTRY = (
    _tensorrt("tensorrt"),
    _tensorrt("tensorrt-rtx"),
    _onnx_runtime("onnxruntime-cuda", "fp32"),
    _onnx_runtime("onnxruntime-cpu", "fp32", "int8"),
)
"""Every backend, fastest first."""


def open_backend(name: BackendName, model: ModelFolder, options: Options = DEFAULTS) -> Backend:
    """Opens a model on a backend, or with an alias on the fastest of its backends that runs here.

    Raises:
        BackendError: Unknown name, or the backend (of an alias: each) cannot run here or at this precision.
        ModelError: The model has no graphs of this precision.
    """
    threads, precision = options.threads, options.precision
    if threads is not None and not (isinstance(threads, int) and threads >= 1):
        raise BackendError(f"expected threads to be a whole number from 1; got {threads!r}")
    if precision is not None and precision not in PRECISIONS:
        raise BackendError(f"expected a precision among {', '.join(PRECISIONS)}; got {precision!r}")
    if precision == "int8" and precision not in model.manifest.precisions:
        raise ModelError(
            f"{model.path}: has no int8 graphs, only {', '.join(model.manifest.precisions)}; "
            "export it again with --int8"
        )
    if name in ALIASES:
        return _open_fastest(name, model, options)
    entry = next((entry for entry in REGISTRY if entry.name == name), None)
    if entry is None:
        raise BackendError(f"expected a backend among {', '.join((*ALIASES, *BACKENDS))}; got {name!r}")
    problem = _problem(entry, precision)
    if problem:
        raise BackendError(f"backend {name} is not available: {problem}")
    return entry.open(model, "asked for by name", options)


def _problem(entry: BackendEntry, precision: str | None) -> str | None:
    if precision is not None and precision not in entry.precisions:
        return f"it runs {', '.join(entry.precisions)}, not {precision}"
    return entry.why_unavailable()


def _open_fastest(alias: str, model: ModelFolder, options: Options) -> Backend:
    entries = [entry for entry in REGISTRY if alias in ("auto", entry.device)]
    where = {"auto": "", "cpu": " on the CPU", "cuda": " on the GPU"}[alias]
    skipped: dict[str, list[str]] = {}
    for entry in entries:
        problem = _problem(entry, options.precision)
        if problem is None:
            reason = "; ".join([f"the fastest backend available here{where}", *_reasons(skipped)])
            try:
                return entry.open(model, reason, options)
            except BackendError as error:
                # If even the last backend fails, its own error is the useful one.
                if entry is entries[-1]:
                    raise
                problem = str(error)
                _log.warning("backend %s is skipped: %s", entry.name, problem)
        _log.debug("backend %s does not run here: %s", entry.name, problem)
        skipped.setdefault(problem, []).append(entry.name)
    raise BackendError(f"no backend can run{where or ' on this machine'}: " + "; ".join(_reasons(skipped)))


def _reasons(skipped: Mapping[str, Sequence[str]]) -> list[str]:
    """One phrase for each problem and the backends that have it."""
    return [f"not {', '.join(names)}: {problem}" for problem, names in skipped.items()]
