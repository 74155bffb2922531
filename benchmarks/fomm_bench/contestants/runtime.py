"""fomm-rt, with every backend and precision of its registry."""

from __future__ import annotations

from time import perf_counter

import numpy as np
from typing_extensions import override

from fomm_bench.contestants.protocol import Contestant, UnavailableError
from fomm_bench.model.model_spec import ModelSpec
from fomm_rt.animator import Animator
from fomm_rt.backends.onnxruntime.sessions import PROVIDERS
from fomm_rt.backends.options import BackendName
from fomm_rt.errors import BackendError, EngineError
from fomm_rt.image import Image
from fomm_rt.model.folder import open_model_folder
from fomm_rt.model.precision import Precision

TORCH_BATCH = 32


def open_runtime(model: ModelSpec, backend: BackendName, precision: Precision) -> RuntimeContestant:
    """Opens a backend; builds missing engines first. Raises UnavailableError if they cannot be built."""
    try:
        return RuntimeContestant(_load(model, backend, precision))
    except EngineError:
        start = perf_counter()
        try:
            _load(model, backend, precision, auto_build=True).close()
        except EngineError:
            raise  # a failure, not a reason to skip
        except BackendError as error:
            raise UnavailableError(str(error)) from error
        build_s = perf_counter() - start
        return RuntimeContestant(_load(model, backend, precision), build_s)


def _load(model: ModelSpec, backend: BackendName, precision: Precision, *, auto_build: bool = False) -> Animator:
    return Animator.load(
        model.folder,
        backend,
        relative=model.relative,
        adapt_scale=False,
        threads=model.threads,
        precision=precision,
        auto_build=auto_build,
    )


def open_torch_trunks(model: ModelSpec) -> RuntimeContestant:
    """Opens the kernel path with trunks by PyTorch in half precision, for batches up to TORCH_BATCH.

    Raises:
        UnavailableError: PyTorch finds no usable GPU.
    """
    from fomm_bench.kernel_path.torch_trunks import open_on_torch, torch_problem

    if problem := torch_problem():
        raise UnavailableError(problem)
    folder = open_model_folder(model.folder)
    backend = open_on_torch(folder, batch=TORCH_BATCH)
    return RuntimeContestant(Animator(folder.manifest, backend, relative=model.relative, adapt_scale=False))


class RuntimeContestant(Contestant):
    """An animator. It takes batches if its engines were built for them (`fomm-rt build --max-batch`)."""

    def __init__(self, animator: Animator, build_s: float | None = None) -> None:
        self._animator = animator
        self.device = animator.backend.device
        self.takes_batches = animator.batch > 1
        self.build_s = build_s
        self._stage_ms: dict[str, float] = {}
        # Timing ONNX Runtime's stages with the host's clock does not slow a frame down.
        self._times_every_frame = animator.backend.name in PROVIDERS

    @property
    @override
    def stage_ms(self) -> dict[str, float]:
        return self._stage_ms

    @override
    def time_stages(self, frame: Image) -> dict[str, float]:
        self._animator.animate_timed(frame)  # warms up
        return dict(self._animator.animate_timed(frame).stage_ms)

    @override
    def set_source(self, image: Image) -> None:
        self._animator.clear_reference()
        self._animator.set_source(image)

    @override
    def animate(self, frame: Image) -> Image:
        if not self._times_every_frame:
            return self._animator.animate(frame)
        result = self._animator.animate_timed(frame)
        self._stage_ms = dict(result.stage_ms)
        return result.prediction

    @override
    def animate_batch(self, frames: Image) -> Image:
        return np.stack(list(self._animator.animate_all(frames)))

    @override
    def close(self) -> None:
        self._animator.close()
