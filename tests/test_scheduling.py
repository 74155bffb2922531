"""Tests leave the system's scheduling as it was."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from clips import write_clip


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no encoder changes it")
def test_an_encoder_of_av1_leaves_no_real_time_priority_behind(tmp_path: Path) -> None:
    before = os.sched_getscheduler(0)
    write_clip(tmp_path / "clip.mp4", frames=2, codec="libsvtav1")
    assert os.sched_getscheduler(0) == before
