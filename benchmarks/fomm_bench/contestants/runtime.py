"""fomm-rt itself: whatever backends and precisions its registry has."""

from __future__ import annotations

from fomm_bench.model_spec import ModelSpec
from fomm_rt.animator import Animator
from fomm_rt.framing import Image


def open_runtime(model: ModelSpec, backend: str, precision: str) -> RuntimeContestant:
    """Opens a backend of fomm-rt by name."""
    return RuntimeContestant(Animator.load(model.folder, backend, model.relative, False, precision=precision))


class RuntimeContestant:
    """An animator with the measures that the benchmark asks for."""

    def __init__(self, animator: Animator) -> None:
        self._animator = animator
        self.device = animator.backend.device

    @property
    def stage_ms(self) -> dict[str, float]:
        """See `Contestant.stage_ms`."""
        return self._animator.stage_ms

    def set_source(self, image: Image) -> None:
        """See `Contestant.set_source`."""
        self._animator.clear_reference()
        self._animator.set_source(image)

    def animate(self, frame: Image) -> Image:
        """See `Contestant.animate`."""
        return self._animator.animate(frame)

    def close(self) -> None:
        """See `Contestant.close`."""
        self._animator.close()
