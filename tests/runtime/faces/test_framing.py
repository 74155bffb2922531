"""Framing by the face, alone and in an animator."""

import logging
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fomm_bench.scenes import PlacedFace, background, scene
from fomm_rt.animator import Animator
from fomm_rt.errors import ImageError
from fomm_rt.faces.framing import FaceFraming, HeldFraming
from fomm_rt.faces.search import find_faces
from fomm_rt.framing import Framing

LEFT, RIGHT = PlacedFace(1, (170, 180), 130), PlacedFace(4, (420, 200), 100)
GROUP = scene(360, 560, LEFT, RIGHT)


def centre(framing: Framing) -> tuple[float, float]:
    assert framing.rectangle is not None
    x, y, width, height = framing.rectangle
    return x + width / 2, y + height / 2


def test_frames_the_face_of_a_number_with_a_margin() -> None:
    first, second = (FaceFraming(1.5, face=n).around_face(GROUP, None) for n in (1, 2))
    assert centre(first) == pytest.approx(LEFT.centre, abs=15)
    assert centre(second) == pytest.approx(RIGHT.centre, abs=15)
    wide = FaceFraming(2.0).around_face(GROUP, 1.5)
    assert wide.rectangle is not None
    assert wide.rectangle[2] == pytest.approx(2.0 * find_faces(GROUP)[0].height, abs=1)


def test_the_margin_is_the_models_by_default() -> None:
    assert FaceFraming().around_face(GROUP, 1.7) == FaceFraming(1.7).around_face(GROUP, 1.2)
    assert FaceFraming().around_face(GROUP, None) == Framing()


def test_without_a_face_the_centred_square_is_used_and_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "fomm_rt"):
        assert FaceFraming(1.5).around_face(background(100, 200), None) == Framing()
    assert "no face was found" in caplog.text


def test_rejects_numbers_and_margins_that_cannot_be() -> None:
    with pytest.raises(ImageError, match="there is no face 3: 2 found"):
        FaceFraming(1.5, face=3).around_face(GROUP, None)
    with pytest.raises(ImageError, match="from 1"):
        FaceFraming(face=0)
    for margin in (0, -1, 21, float("inf"), float("nan")):
        with pytest.raises(ImageError, match="above 0"):
            FaceFraming(margin=margin)
    with pytest.raises(ImageError, match="there is no face 2: 0 found"):
        FaceFraming(1.5, face=2).around_face(background(100, 200), None)
    with pytest.raises(ImageError, match="uint8"):
        HeldFraming(FaceFraming(1.5), None)(np.zeros((10, 10), np.uint8))


def test_frames_on_a_gpu_need_a_rectangle() -> None:
    on_gpu = type("Array", (), {"__dlpack__": None, "shape": (10, 10, 3)})()
    with pytest.raises(ImageError, match="Framing with a rectangle"):
        HeldFraming(FaceFraming(1.5), None)(on_gpu)
    assert HeldFraming(Framing("fit"), None)(on_gpu) == Framing("fit")


def test_the_square_of_driving_frames_rests_until_reset() -> None:
    held = HeldFraming(FaceFraming(1.5), None)
    first = held(scene(360, 560, LEFT))
    assert held(scene(360, 560, RIGHT)) == first
    held.reset()
    assert centre(held(scene(360, 560, RIGHT))) == pytest.approx(RIGHT.centre, abs=15)


def test_a_frame_of_another_size_is_framed_again() -> None:
    held = HeldFraming(FaceFraming(1.5), None)
    held(scene(360, 560, LEFT))
    assert centre(held(scene(400, 600, RIGHT))) == pytest.approx(RIGHT.centre, abs=15)


def test_an_animator_finds_both_faces(small_model: Path) -> None:
    framing = FaceFraming(1.5)
    driving = [scene(360, 560, PlacedFace(4, (420 - 20 * step, 200), 100)) for step in range(2)]
    with Animator.load(small_model, source_framing=framing, driving_framing=framing) as animator:
        animator.set_source(GROUP)
        results = [animator.animate(frame) for frame in driving]
        seen = animator.frame_driving(driving[0])
    x, y, side, _ = FaceFraming(1.5).around_face(GROUP, None).rectangle or (0, 0, 0, 0)
    square = FaceFraming(1.5).around_face(driving[0], None)
    with Animator.load(
        small_model, source_framing=Framing(rectangle=(x, y, side, side)), driving_framing=square
    ) as same:
        same.set_source(GROUP)
        assert_array_equal(same.frame_driving(driving[0]), seen)
        assert_array_equal([same.animate(frame) for frame in driving], results)


def test_another_reference_frames_the_driver_again(small_model: Path) -> None:
    with Animator.load(small_model, driving_framing=FaceFraming(1.5)) as animator:
        animator.set_source(GROUP)
        animator.animate(scene(360, 560, LEFT))
        held = animator.frame_driving(GROUP)
        animator.clear_reference()
        animator.animate(scene(360, 560, RIGHT))
        assert (animator.frame_driving(GROUP) != held).any()


def test_a_model_of_no_faces_keeps_the_centred_square(small_model: Path) -> None:
    with Animator.load(small_model, source_framing=FaceFraming()) as animator:
        assert animator.manifest.face_margin is None
        animator.set_source(GROUP)
        found = animator.source_image
        animator.source_framing = Framing()
        animator.set_source(GROUP)
        assert_array_equal(animator.source_image, found)
