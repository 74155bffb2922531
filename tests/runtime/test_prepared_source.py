"""Several sources by one driver."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from fomm_rt import Animator, Framing
from fomm_rt.backends.onnxruntime.backend import OnnxRuntimeBackend
from fomm_rt.backends.protocol import Backend
from fomm_rt.errors import StateError
from fomm_rt.model.folder import open_model_folder
from golden_files import Golden

GOLDEN = Golden("small_aligned")


class CountingBackend:
    """Counts calls and forwards them."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> object:
        self.calls[name] += 1
        return getattr(self._backend, name)


SOURCES = (GOLDEN.source, GOLDEN.driving[1], GOLDEN.source[::-1])


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("adapt_scale", [True, False])
def test_several_sources_by_one_driver(small_model: Path, relative: bool, adapt_scale: bool) -> None:
    """Results equal those of one animator per source."""
    with Animator.load(small_model, relative=relative, adapt_scale=adapt_scale) as animator:
        sources = [animator.prepare_source(picture) for picture in SOURCES]
        results = []
        for frame in GOLDEN.driving:
            keypoints = animator.keypoints(frame)
            for source in sources:
                animator.set_source(source)
                results.append(animator.animate(keypoints))
                assert np.array_equal(animator.kp_source.value, source.keypoints.value)
    expected = {}
    for number, picture in enumerate(SOURCES):
        with Animator.load(small_model, relative=relative, adapt_scale=adapt_scale) as alone:
            alone.set_source(picture)
            for i, frame in enumerate(GOLDEN.driving):
                expected[i, number] = alone.animate(frame)
    for result, key in zip(results, sorted(expected), strict=True):
        assert np.array_equal(result, expected[key])


def test_switching_between_prepared_sources_is_cheap(small_model: Path) -> None:
    model = open_model_folder(small_model)
    backend = CountingBackend(OnnxRuntimeBackend("onnxruntime-cpu", model, "test"))
    with Animator(model.manifest, cast(Backend, backend)) as animator:
        sources = [animator.prepare_source(picture) for picture in SOURCES]
        for frame in GOLDEN.driving:
            keypoints = animator.keypoints(frame)
            for source in sources:
                animator.set_source(source)
                animator.animate(keypoints)
    frames, count = len(GOLDEN.driving), len(SOURCES)
    assert backend.calls == {
        "prepare_source": count, "prepare_reference": count, "detect": frames, "animate_keypoints": frames * count,
        "close": 1,
    }  # fmt: skip


def test_a_prepared_source_follows_changed_modes_and_references(small_model: Path) -> None:
    """A prepared reference is not used after the change."""
    with Animator.load(small_model) as animator:
        a, b = (animator.prepare_source(picture) for picture in SOURCES[:2])
        animator.set_reference(GOLDEN.driving[0])
        for source in (a, b):
            animator.set_source(source)
            animator.animate(GOLDEN.driving[2])
        changes: list[Callable[[], None]] = [
            lambda: animator.set_reference(GOLDEN.driving[1]),
            lambda: setattr(animator, "adapt_scale", False),
            lambda: setattr(animator, "relative", False),
        ]
        for change in changes:
            animator.set_source(a)
            before = animator.animate(GOLDEN.driving[2])
            animator.set_source(b)
            animator.animate(GOLDEN.driving[2])
            change()
            animator.set_source(a)
            assert not np.array_equal(before, animator.animate(GOLDEN.driving[2]))


def test_a_prepared_source_is_freed_with_its_last_user(small_model: Path) -> None:
    with Animator.load(small_model) as animator:
        first = animator.prepare_source(GOLDEN.source)
        animator.set_source(first)
        animator.animate(GOLDEN.driving[0])
        kept = weakref.ref(first._prepared)
        del first
        assert kept() is not None
        animator.set_source(GOLDEN.driving[1])
        assert kept() is None


def test_a_prepared_source_has_its_own_framing(small_model: Path) -> None:
    wide = np.zeros((64, 128, 3), np.uint8)
    wide[:, 64:] = GOLDEN.source
    with Animator.load(small_model) as animator:
        source = animator.prepare_source(wide, Framing(rectangle=(64, 0, 64, 64)))
        assert np.array_equal(source.image, GOLDEN.source)
        source.image[...] = 0
        assert np.array_equal(source.image, GOLDEN.source)
        animator.set_source(wide)
        assert not np.array_equal(animator.source_image, GOLDEN.source)
        animator.set_source(source)
        assert np.array_equal(animator.source_image, GOLDEN.source)


def test_a_source_of_another_animator_is_refused(small_model: Path) -> None:
    with Animator.load(small_model) as animator, Animator.load(small_model) as other:
        source = other.prepare_source(GOLDEN.source)
        with pytest.raises(StateError, match="another animator prepared this source"):
            animator.set_source(source)
    with pytest.raises(StateError, match="closed"):
        other.set_source(source)
    with pytest.raises(StateError, match="closed"):
        other.prepare_source(GOLDEN.source)
