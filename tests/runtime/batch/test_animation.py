"""The worker's part of a batch: what it keeps from job to job is used only as long as it is right."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from clips import ClipMaker
from fomm_rt import MediaError, animate_file
from fomm_rt.batch.animation import JobAnimator, Order
from fomm_rt.batch.job import Animated, Job
from fomm_rt.workers.messages import LoadOptions


def test_a_driver_that_is_replaced_is_recorded_again(
    tmp_path: Path, pictures: Path, talk: Path, make_clip: ClipMaker, small_model: Path
) -> None:
    other = make_clip("other.mp4", frames=10)
    driver = tmp_path / "driver.mp4"
    animate = JobAnimator()

    def do(number: int) -> Animated:
        job = Job(source=str(pictures / f"{number}.png"), driving=str(driver), output=str(tmp_path / f"{number}.mp4"))
        order = Order(load=LoadOptions(str(small_model), threads=1), job=job, recordings=str(tmp_path))
        return animate(order, lambda _stage, _done, _total: None)

    with pytest.raises(MediaError):
        do(0)
    driver.write_bytes(talk.read_bytes())
    assert do(0).frames == 40
    driver.write_bytes(other.read_bytes())
    assert do(1).frames == 10
    animate_file(pictures / "1.png", other, tmp_path / "expected.mp4", model=small_model, threads=1)
    assert (tmp_path / "1.mp4").read_bytes() == (tmp_path / "expected.mp4").read_bytes()

    content = driver.read_bytes()
    driver.write_bytes(b"\0" * len(content))
    os.utime(driver, ns=(1, 1))
    with pytest.raises(MediaError):
        do(2)
    driver.write_bytes(content)
    assert do(2).frames == 10
