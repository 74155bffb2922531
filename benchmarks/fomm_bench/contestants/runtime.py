"""fomm-rt itself: whatever backends and precisions its registry has."""

from __future__ import annotations

from time import perf_counter

import numpy as np

from fomm_bench.contestants.protocol import UnavailableError
from fomm_bench.model.model_spec import ModelSpec
from fomm_rt.animator import Animator
from fomm_rt.backends.onnxruntime.sessions import PROVIDERS
from fomm_rt.backends.options import BackendName
from fomm_rt.errors import BackendError, EngineError
from fomm_rt.image import Image
from fomm_rt.model.precision import Precision


def open_runtime(model: ModelSpec, backend: BackendName, precision: Precision) -> RuntimeContestant:
    """Opens a backend of fomm-rt by name; where it needs engines and none fit, they are built first.

    Raises:
        UnavailableError: They cannot be built here.
    """
    try:
        return _contestant(_load(model, backend, precision))
    except EngineError:
        start = perf_counter()
        try:
            _load(model, backend, precision, auto_build=True).close()
        except EngineError:
            raise  # built, but not good enough: that is no reason to skip
        except BackendError as error:
            raise UnavailableError(str(error)) from error
        build_s = perf_counter() - start
        return _contestant(_load(model, backend, precision), build_s)


def _contestant(animator: Animator, build_s: float | None = None) -> RuntimeContestant:
    return (BatchedRuntimeContestant if animator.batch > 1 else RuntimeContestant)(animator, build_s)


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


class RuntimeContestant:
    """An animator with the measures that the benchmark asks for.

    Args:
        animator: Open.
        build_s: Seconds spent on building its engines, and on opening them once; None where that was not needed.
    """

    def __init__(self, animator: Animator, build_s: float | None = None) -> None:
        self._animator = animator
        self.device = animator.backend.device
        self.build_s = build_s
        self.stage_ms: dict[str, float] = {}
        # ONNX Runtime's stages are timed by the host's clock, which costs a frame nothing.
        self._times_every_frame = animator.backend.name in PROVIDERS

    def time_stages(self, frame: Image) -> dict[str, float]:
        """See `StagedContestant.time_stages`."""
        self._animator.animate_timed(frame)  # the first one warms up
        return dict(self._animator.animate_timed(frame).stage_ms)

    def set_source(self, image: Image) -> None:
        """See `Contestant.set_source`."""
        self._animator.clear_reference()
        self._animator.set_source(image)

    def animate(self, frame: Image) -> Image:
        """See `Contestant.animate`."""
        if not self._times_every_frame:
            return self._animator.animate(frame)
        result = self._animator.animate_timed(frame)
        self.stage_ms = dict(result.stage_ms)
        return result.prediction

    def close(self) -> None:
        """See `Contestant.close`."""
        self._animator.close()


class BatchedRuntimeContestant(RuntimeContestant):
    """One whose backend takes several frames at a time: with engines built for that (`fomm-rt build --max-batch`)."""

    def animate_batch(self, frames: Image) -> Image:
        """See `BatchContestant.animate_batch`."""
        return np.stack(list(self._animator.animate_all(frames)))
