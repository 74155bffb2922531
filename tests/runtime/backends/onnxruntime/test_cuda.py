"""Networks bound to tensors of a device, here the CPU, against networks on NumPy arrays.

CUDA is a fake: sessions that claim its provider run on the CPU, and refuse what a GPU might refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from fomm_rt import Animator, Framing
from fomm_rt.backends.onnxruntime import cuda as onnx_runtime_cuda
from fomm_rt.backends.onnxruntime.backend import OnnxRuntimeBackend
from fomm_rt.backends.onnxruntime.cuda import CAPTURED, DeviceNetworks
from fomm_rt.backends.protocol import STAGES, Backend
from fomm_rt.errors import BackendError
from fomm_rt.image import Image
from fomm_rt.machine.onnx_runtime import onnxruntime
from fomm_rt.model.folder import ModelFolder, open_model_folder
from fomm_rt.model.manifest import NETWORKS
from golden_files import Golden

GOLDEN = Golden("small_aligned")
ModelOf = Callable[[str], ModelFolder]


@pytest.fixture
def model(small_model: Path) -> ModelFolder:
    return open_model_folder(small_model)


def animator_on(model: ModelFolder, name: str = "onnxruntime-cpu", **options: Any) -> Animator:
    return Animator(model.manifest, cast(Backend, OnnxRuntimeBackend(name, model, "a test", **options)))


@pytest.fixture
def bound(model: ModelFolder) -> Iterator[Animator]:
    with animator_on(model, networks=DeviceNetworks) as animator:
        yield animator


@pytest.fixture
def plain(model: ModelFolder) -> Iterator[Animator]:
    with animator_on(model) as animator:
        yield animator


@pytest.mark.parametrize("relative", [True, False])
def test_equals_host_networks(bound: Animator, plain: Animator, relative: bool) -> None:
    for animator in (bound, plain):
        animator.relative = relative
        animator.set_source(GOLDEN.source)
    for frame in [*GOLDEN.driving] * 2:
        assert np.array_equal(bound.animate(frame), plain.animate(frame))
    for found, wanted in zip(bound.animate_all(GOLDEN.driving), plain.animate_all(GOLDEN.driving), strict=True):
        assert np.array_equal(found, wanted)
    explained, wanted_too = bound.explain(GOLDEN.driving[1]), plain.explain(GOLDEN.driving[1])
    for name in ("prediction", "deformation", "mask", "occlusion_map"):
        assert np.array_equal(getattr(explained, name), getattr(wanted_too, name)), name


@pytest.mark.parametrize("name", ["small_no_jacobian", "small_no_occlusion"])
def test_other_models(golden_model: ModelOf, name: str) -> None:
    golden, model = Golden(name), golden_model(name)
    with animator_on(model, networks=DeviceNetworks) as bound, animator_on(model) as plain:
        for animator in (bound, plain):
            animator.set_source(golden.source)
        for frame in golden.driving:
            assert np.array_equal(bound.animate(frame), plain.animate(frame))
        assert (bound.explain(golden.driving[0]).occlusion_map is None) == (name == "small_no_occlusion")


def test_a_model_with_blend_mask(blending_model: ModelFolder) -> None:
    model = blending_model
    with animator_on(model, networks=DeviceNetworks) as bound, animator_on(model) as plain:
        for picture in (GOLDEN.source, GOLDEN.driving[1]):
            for animator in (bound, plain):
                animator.set_source(picture)
            for frame in GOLDEN.driving:
                assert np.array_equal(bound.animate(frame), plain.animate(frame))
        found, wanted = (animator.explain(GOLDEN.driving[2]).blend_mask for animator in (bound, plain))
        assert found is not None
        assert wanted is not None
        assert np.array_equal(found, wanted)


def test_sources_are_switched(bound: Animator, plain: Animator) -> None:
    pictures = [GOLDEN.source, GOLDEN.driving[2], GOLDEN.driving[1]]
    prepared = {animator: [animator.prepare_source(picture) for picture in pictures] for animator in (bound, plain)}
    for animator in prepared:
        animator.set_reference(GOLDEN.driving[0])
    for frame in GOLDEN.driving:
        for which in (0, 1, 1, 2, 0):
            for animator, sources in prepared.items():
                animator.set_source(sources[which])
            assert np.array_equal(bound.animate(frame), plain.animate(frame))
    # Preparing a source uses the tensors of the one being shown.
    bound.prepare_source(pictures[2])
    assert np.array_equal(bound.animate(GOLDEN.driving[1]), plain.animate(GOLDEN.driving[1]))


def test_references_are_changed(bound: Animator, plain: Animator) -> None:
    for animator in (bound, plain):
        animator.set_source(GOLDEN.source)
    for reference in (GOLDEN.driving[0], GOLDEN.driving[2]):
        for animator in (bound, plain):
            animator.set_reference(reference)
        for adapt_scale in (True, False):
            bound.adapt_scale = plain.adapt_scale = adapt_scale
            assert np.array_equal(bound.animate(GOLDEN.driving[1]), plain.animate(GOLDEN.driving[1]))


def test_frames_of_several_sizes(bound: Animator, plain: Animator) -> None:
    rng = np.random.default_rng(0)
    for animator in (bound, plain):
        animator.set_source(GOLDEN.source)
        animator.driving_framing = Framing("fit")
    for shape in ((64, 64), (90, 80), (64, 64), (33, 120)):
        picture: Image = rng.integers(0, 255, (*shape, 3), np.uint8)
        assert np.array_equal(bound.animate(picture), plain.animate(picture))


def test_results_are_not_overwritten(bound: Animator) -> None:
    """Every frame overwrites the tensors of the device, but not what was downloaded before."""
    bound.set_source(GOLDEN.source)
    first, second = bound.keypoints(GOLDEN.driving[0]), bound.keypoints(GOLDEN.driving[2])
    assert not np.array_equal(first.value, second.value)
    explanation = bound.explain(GOLDEN.driving[0])
    arrays: list[Any] = [explanation.deformation, explanation.mask, explanation.prediction]
    kept = [array.copy() for array in arrays]
    bound.animate(GOLDEN.driving[2])
    assert all(np.array_equal(array, copy) for array, copy in zip(arrays, kept, strict=True))


def test_nothing_is_allocated_after_opening(model: ModelFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    allocate, made = onnxruntime.OrtValue.ortvalue_from_shape_and_type, []

    def counted(*args: Any) -> Any:
        made.append(allocate(*args))
        return made[-1]

    monkeypatch.setattr(onnxruntime.OrtValue, "ortvalue_from_shape_and_type", counted)
    with animator_on(model, networks=DeviceNetworks) as animator:
        count, places = len(made), [value.data_ptr() for value in made]
        for source in (GOLDEN.source, GOLDEN.driving[1]):
            animator.set_source(source)
            for frame in GOLDEN.driving:
                animator.animate(frame)
        assert len(made) == count
        assert [value.data_ptr() for value in made] == places
        assert set(animator.animate_timed(GOLDEN.driving[0]).stage_ms) == set(STAGES) - {"warp"}


class Cuda:
    """ONNX Runtime with a fake CUDA provider.

    Attributes:
        opened: Names of networks and whether they were to be captured.
        cannot_open, cannot_run: What it says of networks that are to be captured.
        breaks: Network -> what its next runs say, one after another.
    """

    def __init__(self) -> None:
        self.opened: list[tuple[str, bool]] = []
        self.cannot_open: str | None = None
        self.cannot_run: str | None = None
        self.breaks: dict[str, list[str]] = {}


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Cuda:
    fake, session = Cuda(), onnxruntime.InferenceSession

    class Session:
        def __init__(
            self,
            content: bytes,
            options: Any,
            providers: list[tuple[str, dict[str, str]]],
            enable_fallback: int,
        ) -> None:
            assert not enable_fallback
            ((self.provider, settings),) = providers
            assert settings["use_tf32"] == "0"
            self.captures = settings.get("enable_cuda_graph") == "1"
            self.session = session(content, options, providers=["CPUExecutionProvider"])
            self.network = _network_of({output.name for output in self.session.get_outputs()})
            fake.opened.append((self.network, self.captures))
            if self.captures and fake.cannot_open:
                raise RuntimeError(fake.cannot_open)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.session, name)

        def get_providers(self) -> list[str]:
            return [self.provider]

        def run_with_iobinding(self, binding: Any) -> None:
            reasons = fake.breaks.get(self.network)
            reason = reasons.pop(0) if reasons else self.captures and fake.cannot_run
            if reason:
                raise RuntimeError(reason)
            self.session.run_with_iobinding(binding)

    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    monkeypatch.setitem(onnx_runtime_cuda.DEVICES, "onnxruntime-cuda", "cpu")
    return fake


def test_networks_of_a_frame_are_captured(
    model: ModelFolder, plain: Animator, cuda: Cuda, caplog: pytest.LogCaptureFixture
) -> None:
    with animator_on(model, "onnxruntime-cuda") as animator:
        assert cuda.opened == [(network, network in CAPTURED) for network in NETWORKS]
        assert animator.backend.device.startswith("NVIDIA GPU, ONNX Runtime ")
        assert animator.backend.reason == "a test"
        for one in (animator, plain):
            one.set_source(GOLDEN.source)
        for frame in GOLDEN.driving:  # the CPU's graphs differ slightly
            assert np.abs(animator.animate(frame).astype(int) - plain.animate(frame)).max() <= 1
    assert not caplog.records


@pytest.mark.parametrize("when", ["cannot_open", "cannot_run"])
def test_a_refused_capture_falls_back_to_eager(
    model: ModelFolder, cuda: Cuda, caplog: pytest.LogCaptureFixture, when: str
) -> None:
    with animator_on(model, "onnxruntime-cuda") as animator:
        animator.set_source(GOLDEN.source)
        expected = [animator.animate(frame) for frame in GOLDEN.driving]
    setattr(cuda, when, "nodes have not been partitioned to the CUDAExecutionProvider\nand more")
    cuda.opened.clear()
    with animator_on(model, "onnxruntime-cuda") as animator:
        assert cuda.opened[-4:] == [(network, False) for network in NETWORKS]
        assert "a test; without a CUDA graph: ONNX Runtime " in animator.backend.reason
        assert animator.backend.reason.endswith("nodes have not been partitioned to the CUDAExecutionProvider")
        animator.set_source(GOLDEN.source)
        for frame, wanted in zip(GOLDEN.driving, expected, strict=True):
            assert np.array_equal(animator.animate(frame), wanted)
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "networks run without a CUDA graph, which takes longer"
    ]


def test_a_network_that_cannot_run_is_not_opened(
    model: ModelFolder, cuda: Cuda, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither with a graph nor without: the failure comes before any frame, so the next backend can be tried."""
    cuda.breaks = {"generator": ["out of memory", "out of memory still"]}
    with pytest.raises(BackendError, match="ONNX Runtime failed in generator: out of memory still"):
        animator_on(model, "onnxruntime-cuda")
    assert not caplog.records


@pytest.mark.usefixtures("cuda")
def test_too_little_memory(model: ModelFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise RuntimeError("Failed to allocate memory for requested buffer of size 786432")

    monkeypatch.setattr(onnxruntime.OrtValue, "ortvalue_from_shape_and_type", refuse)
    with pytest.raises(BackendError, match="allocating tensors on the device cpu: Failed to allocate memory"):
        animator_on(model, "onnxruntime-cuda")


@pytest.mark.parametrize("network", NETWORKS)
def test_a_failure_leaves_the_animator_usable(model: ModelFolder, cuda: Cuda, network: str) -> None:
    with animator_on(model, "onnxruntime-cuda") as animator:
        pictures = (GOLDEN.source, GOLDEN.driving[2])
        sources = [animator.prepare_source(picture) for picture in pictures]
        animator.set_reference(GOLDEN.driving[0])

        def results() -> list[Image]:
            made = []
            for source in sources:
                animator.set_source(source)
                made += [animator.animate(frame) for frame in GOLDEN.driving]
            return made

        expected = results()
        cuda.breaks = {network: ["CUDA failure 700"]}

        def fail() -> None:
            animator.set_source(GOLDEN.driving[1])
            animator.animate(GOLDEN.driving[1])

        with pytest.raises(BackendError, match=f"ONNX Runtime failed in {network}: CUDA failure 700"):
            fail()
        assert all(np.array_equal(found, wanted) for found, wanted in zip(results(), expected, strict=True))


def _network_of(outputs: set[str]) -> str:
    """The network that gives these tensors."""
    by_output = {"mask": "dense_motion", "prediction": "generator", "source_features": "source_encoder"}
    return next((network for name, network in by_output.items() if name in outputs), "keypoint_detector")
