"""Opens models with the options that a message holds."""

from __future__ import annotations

from typing import cast

from fomm_rt.animator import Animator
from fomm_rt.backends.options import BackendName
from fomm_rt.model.precision import Precision
from fomm_rt.workers.messages import LoadOptions


def load_animator(load: LoadOptions) -> Animator:
    """Opens a model; takes seconds. Raises FommError as `Animator.load` does."""
    return Animator.load(
        load.model,
        cast("BackendName", load.backend),
        precision=cast("Precision | None", load.precision),
        engines=load.engines,
        threads=load.threads,
        auto_build=load.auto_build,
    )


class KeptAnimator:
    """Keeps the model of the last task, so that the next one does not load it again."""

    def __init__(self) -> None:
        self._loaded: tuple[LoadOptions, Animator] | None = None

    def __call__(self, load: LoadOptions) -> Animator:
        """Returns the animator of a model. Another one is closed. Raises FommError as `Animator.load` does."""
        if self._loaded is not None and self._loaded[0] == load:
            return self._loaded[1]
        if self._loaded is not None:
            self._loaded[1].close()  # first: two models may not fit into the memory of a GPU
            self._loaded = None
        animator = load_animator(load)
        self._loaded = load, animator
        return animator
