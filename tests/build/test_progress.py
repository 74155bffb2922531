"""Phases as one fraction, and cancelled builds."""

from __future__ import annotations

from threading import Event
from types import SimpleNamespace

import pytest

from fomm_build.progress import Phases, cancellable, monitor
from fomm_rt.backends.tensorrt.library import TensorRT
from fomm_rt.engines.manifest import TENSORRT


def test_a_phase_is_a_step_of_its_parent() -> None:
    phases = Phases()
    assert phases.fraction == 0
    phases.start("all", None, 4)
    phases.step("all", 0)
    phases.start("half", "all", 2)
    phases.step("half", 0)
    assert phases.fraction == pytest.approx(0.25 + 0.5 / 4)
    phases.finish("half")
    assert phases.fraction == pytest.approx(0.25 + 0.5 / 4), "never falls"
    phases.step("all", 1)
    phases.step("unknown", 7)
    assert phases.fraction == 0.5
    phases.start("empty", "all", 0)
    phases.step("empty", 0)
    assert phases.fraction == 0.75
    phases.finish("all")
    phases.finish("all")
    assert phases.fraction <= 1


def test_cancellable_returns_the_result_and_raises_the_error() -> None:
    cancelled = Event()
    assert cancellable(lambda: 7, cancelled) == 7
    assert not cancelled.is_set()
    with pytest.raises(ZeroDivisionError):
        cancellable(lambda: 1 // 0, cancelled)


def test_without_monitors() -> None:
    library = TensorRT(TENSORRT, "8.6.1", SimpleNamespace())
    assert monitor(library, lambda _: None, Event()) is None
