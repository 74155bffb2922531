"""Opens a model with the options that a message holds."""

from __future__ import annotations

from typing import cast

from fomm_rt.animator import Animator
from fomm_rt.backends.options import BackendName
from fomm_rt.model.precision import Precision
from fomm_rt.studio.messages import LoadOptions


def load_animator(load: LoadOptions) -> Animator:
    """Opens a model; takes seconds. Raises FommError as `Animator.load` does."""
    return Animator.load(
        load.model,
        cast("BackendName", load.backend),
        precision=cast("Precision | None", load.precision),
        engines=load.engines,
        threads=load.threads,
    )
