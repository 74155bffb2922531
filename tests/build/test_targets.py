"""Compute capabilities by name."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from fomm_build.targets import check_targets, known_targets
from fomm_rt.backends.tensorrt.library import TensorRT
from fomm_rt.engines.manifest import TENSORRT
from fomm_rt.errors import BackendError

FULL = TensorRT(TENSORRT, "10.13.3.9", SimpleNamespace(IBuilderConfig=object))


def test_known_targets(rtx: TensorRT) -> None:
    assert {"sm_75", "sm_80", "sm_86", "sm_89", "sm_120"} <= set(known_targets(rtx))
    assert known_targets(FULL) == ()
    check_targets(rtx, ("sm_89", "sm_120"))
    check_targets(FULL, ())


@pytest.mark.parametrize("target", ["sm_90", "sm89", "", "rtx4090", "sm_9"])
def test_rejects_unknown_targets(rtx: TensorRT, target: str) -> None:
    with pytest.raises(BackendError, match=rf"no engines for {target};.*sm_86, sm_89.*sm_90.*--backend tensorrt$"):
        check_targets(rtx, ("sm_89", target))


def test_rejects_targets_for_tensorrt() -> None:
    with pytest.raises(BackendError, match=r"TensorRT 10\.13\.3\.9 builds .* not for named ones \(sm_89\)\. Leave out"):
        check_targets(FULL, ("sm_89",))
