"""Compute capabilities by name."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from fomm_build.targets import check_targets, parse_targets
from fomm_rt.backends.tensorrt.library import TensorRT
from fomm_rt.engines.manifest import TENSORRT
from fomm_rt.errors import BackendError

FULL = TensorRT(TENSORRT, "10.13.3.9", SimpleNamespace(IBuilderConfig=object))


def test_known_targets(rtx: TensorRT) -> None:
    assert {"sm_75", "sm_80", "sm_86", "sm_89", "sm_120"} <= set(rtx.capabilities)
    assert FULL.capabilities == ()
    check_targets(rtx, ("sm_89", "sm_120"))
    check_targets(FULL, ())


@pytest.mark.parametrize("target", ["sm_90", "sm89", "", "rtx4090", "sm_9"])
def test_rejects_unknown_targets(rtx: TensorRT, target: str) -> None:
    with pytest.raises(BackendError, match=rf"no engines for {target};.*sm_86, sm_89.*sm_90.*--backend tensorrt$"):
        check_targets(rtx, ("sm_89", target))


def test_rejects_targets_for_tensorrt() -> None:
    with pytest.raises(BackendError, match=r"TensorRT 10\.13\.3\.9 builds .* not for named ones \(sm_89\)\. Leave out"):
        check_targets(FULL, ("sm_89",))


@pytest.mark.parametrize("text", ["8.9,12.0", "sm_89,sm_120", "89,120", "SM_89, sm120", "8.9 , sm_120"])
def test_reads_numbers_and_names(text: str) -> None:
    assert parse_targets(text) == ("sm_89", "sm_120")


def test_other_words_stay_for_the_check() -> None:
    assert parse_targets("rtx4090,8,8.9.1,sm_9x") == ("rtx4090", "8", "8.9.1", "sm_9x")


@pytest.mark.parametrize("text", ["", " ", "8.9,,12.0", "8.9,"])
def test_empty_names_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected compute capabilities such as 8\.9,12\.0"):
        parse_targets(text)
