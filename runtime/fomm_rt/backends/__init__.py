"""The ways to run a model, fastest first, and the choice among them."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from fomm_rt.backends.onnx_runtime import OnnxRuntimeBackend, unavailable
from fomm_rt.backends.protocol import Backend
from fomm_rt.errors import BackendError
from fomm_rt.model_folder import ModelFolder

BACKENDS = ("onnxruntime-cuda", "onnxruntime-cpu")
"""Names accepted by `open_backend` besides "auto", fastest first."""

_log = logging.getLogger("fomm_rt")


@dataclass(frozen=True)
class Availability:
    """Whether a backend can be tried on this machine; `problem` says why not."""

    name: str
    problem: str | None


def availability() -> list[Availability]:
    """Every backend, fastest first."""
    return [Availability(name, unavailable(name)) for name in BACKENDS]


def open_backend(name: str, model: ModelFolder, threads: int | None = None) -> Backend:
    """Opens a backend by name, or with "auto" the fastest that really runs here.

    Raises:
        BackendError: Unknown name, or the backend (with "auto": every backend) cannot run here.
    """
    if name == "auto":
        return _open_fastest(model, threads)
    if name not in BACKENDS:
        raise BackendError(f"expected a backend among auto, {', '.join(BACKENDS)}; got {name!r}")
    problem = unavailable(name)
    if problem:
        raise BackendError(f"backend {name} is not available: {problem}")
    return OnnxRuntimeBackend(name, model, "asked for by name", threads)


def _open_fastest(model: ModelFolder, threads: int | None) -> Backend:
    skipped: list[str] = []
    for name in BACKENDS:
        problem = unavailable(name)
        if problem is None:
            reason = "; ".join(["the fastest backend available here", *skipped])
            try:
                return OnnxRuntimeBackend(name, model, reason, threads)
            except BackendError as error:
                # The last one's own error is the one to show.
                if name == BACKENDS[-1]:
                    raise
                problem = str(error)
                _log.warning("backend %s is skipped: %s", name, problem)
        skipped.append(f"not {name}: {problem}")
    raise BackendError("no backend can run on this machine: " + "; ".join(skipped))
