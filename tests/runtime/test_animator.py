"""The animator: ownership, references, sizes, and calls it refuses."""

from __future__ import annotations

import json
import shutil
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import onnxruntime
import pytest

from fomm_rt import Animator, FommError, Framing, Keypoints, nvidia_driver
from fomm_rt.backends import BACKENDS, REGISTRY, onnx_runtime_cuda
from fomm_rt.backends.onnx_runtime import OnnxRuntimeBackend
from fomm_rt.backends.options import Options
from fomm_rt.backends.protocol import STAGES, Backend
from fomm_rt.errors import BackendError, ImageError, ModelError, MotionError, StateError
from fomm_rt.model_folder import CPU, CPU_INT8, NETWORKS, ModelFolder, open_model_folder, sha256_of
from golden_files import Golden

GOLDEN = Golden("small_aligned")
ModelOf = Callable[[str], ModelFolder]


@pytest.fixture
def animator(small_model: Path) -> Iterator[Animator]:
    with Animator.load(small_model) as animator:
        animator.set_source(GOLDEN.source)
        yield animator


def test_the_caller_owns_results(animator: Animator) -> None:
    first = animator.animate(GOLDEN.driving[0])
    kept = first.copy()
    second = animator.animate(GOLDEN.driving[2])
    assert np.array_equal(first, kept)
    assert not np.shares_memory(first, second)
    assert first.flags.writeable


def test_out(animator: Animator) -> None:
    out = np.zeros((64, 64, 3), np.uint8)
    animator.animate(GOLDEN.driving[0])
    assert animator.animate(GOLDEN.driving[1], out=out) is out
    assert np.array_equal(out, animator.animate(GOLDEN.driving[1]))


def test_out_may_be_part_of_a_larger_picture(animator: Animator) -> None:
    canvas = np.zeros((64, 192, 3), np.uint8)
    expected = animator.animate(GOLDEN.driving[0])
    animator.animate(GOLDEN.driving[0], out=canvas[:, 64:128])
    assert np.array_equal(canvas[:, 64:128], expected)
    assert not canvas[:, :64].any()
    assert not canvas[:, 128:].any()


@pytest.mark.parametrize("out", [np.zeros((64, 64, 3), np.float32), np.zeros((32, 32, 3), np.uint8), "no array"])
def test_other_out_is_refused(animator: Animator, out: object) -> None:
    with pytest.raises(ImageError, match="out: expected"):
        animator.animate(GOLDEN.driving[0], out=out)  # type: ignore[call-overload]


def test_read_only_out_is_refused(animator: Animator) -> None:
    out = np.zeros((64, 64, 3), np.uint8)
    out.flags.writeable = False
    with pytest.raises(ImageError, match="writable"):
        animator.animate(GOLDEN.driving[0], out=out)


def test_inputs_are_not_changed_or_kept(small_model: Path) -> None:
    source, frame = GOLDEN.source.copy(), GOLDEN.driving[1].copy()
    with Animator.load(small_model) as animator:
        animator.set_source(source)
        before = animator.animate(frame)
        assert np.array_equal(source, GOLDEN.source)
        assert np.array_equal(frame, GOLDEN.driving[1])
        source[:], frame_copy = 0, frame.copy()
        frame[:] = 0
        assert np.array_equal(animator.animate(frame_copy), before)
        assert np.array_equal(animator.source_image, GOLDEN.source)


def test_first_frame_is_the_reference(small_model: Path) -> None:
    with Animator.load(small_model) as a, Animator.load(small_model) as b:
        a.set_source(GOLDEN.source)
        b.set_source(GOLDEN.source)
        b.set_reference(GOLDEN.driving[1])
        for frame in GOLDEN.driving[1:]:
            assert np.array_equal(a.animate(frame), b.animate(frame))


def test_reference_can_be_set_before_the_source_and_changed(small_model: Path) -> None:
    with Animator.load(small_model) as animator:
        animator.set_reference(GOLDEN.driving[0])
        animator.set_source(GOLDEN.source)
        by_first = animator.animate(GOLDEN.driving[2])
        animator.set_reference(GOLDEN.driving[1])
        assert not np.array_equal(by_first, animator.animate(GOLDEN.driving[2]))
        animator.clear_reference()
        animator.animate(GOLDEN.driving[0])
        assert np.array_equal(by_first, animator.animate(GOLDEN.driving[2]))


def test_new_source_keeps_the_reference(animator: Animator) -> None:
    animator.set_reference(GOLDEN.driving[0])
    expected = animator.animate(GOLDEN.driving[2])
    animator.set_source(GOLDEN.driving[1])
    assert not np.array_equal(expected, animator.animate(GOLDEN.driving[2]))
    animator.set_source(GOLDEN.source)
    assert np.array_equal(expected, animator.animate(GOLDEN.driving[2]))


class CountingBackend:
    """Passes everything on and counts the calls."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> object:
        if name != "stage_ms":  # no work
            self.calls[name] += 1
        return getattr(self._backend, name)


SOURCES = (GOLDEN.source, GOLDEN.driving[1], GOLDEN.source[::-1])


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("adapt_scale", [True, False])
def test_several_sources_by_one_driver(small_model: Path, relative: bool, adapt_scale: bool) -> None:
    """Each is animated as an animator of its own would, by its own keypoints, from the same reference."""
    with Animator.load(small_model, relative=relative, adapt_scale=adapt_scale) as animator:
        sources = [animator.prepare_source(picture) for picture in SOURCES]
        results = []
        for frame in GOLDEN.driving:
            keypoints = animator.keypoints(frame)
            for source in sources:
                animator.set_source(source)
                results.append(animator.animate(keypoints))
                assert animator.kp_source is source.keypoints
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
    """What was readied for a source before the change is not used after it."""
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


def test_a_source_of_another_animator_is_refused(animator: Animator, small_model: Path) -> None:
    with Animator.load(small_model) as other:
        source = other.prepare_source(GOLDEN.source)
        with pytest.raises(StateError, match="another animator prepared this source"):
            animator.set_source(source)
    with pytest.raises(StateError, match="closed"):
        other.set_source(source)
    with pytest.raises(StateError, match="closed"):
        other.prepare_source(GOLDEN.source)


def test_absolute_has_no_reference(small_model: Path) -> None:
    with Animator.load(small_model, relative=False) as animator:
        animator.set_source(GOLDEN.source)
        expected = animator.animate(GOLDEN.driving[2])
        animator.set_reference(GOLDEN.driving[1])
        assert np.array_equal(expected, animator.animate(GOLDEN.driving[2]))


def test_adapt_scale_matters_when_sizes_differ(small_model: Path) -> None:
    results = []
    for adapt_scale in (True, False):
        with Animator.load(small_model, adapt_scale=adapt_scale) as animator:
            animator.set_source(GOLDEN.source)
            animator.set_reference(GOLDEN.driving[1])
            results.append(animator.animate(GOLDEN.driving[2]))
    assert not np.array_equal(results[0], results[1])


def test_keypoints_animate_as_their_frame_does(animator: Animator) -> None:
    animator.animate(GOLDEN.driving[0])
    keypoints = animator.keypoints(GOLDEN.driving[2])
    assert np.array_equal(animator.animate(keypoints), animator.animate(GOLDEN.driving[2]))


@pytest.mark.parametrize("name", ["small_no_jacobian", "small_no_occlusion", "small_single_jacobian"])
def test_every_architecture(golden_model: ModelOf, name: str) -> None:
    golden = Golden(name)
    with Animator.load(golden_model(name).path) as animator:
        animator.set_source(golden.source)
        explanation = animator.explain(golden.driving[2])
        assert (explanation.kp_driving.jacobian is None) == (name == "small_no_jacobian")
        assert (explanation.occlusion_map is None) == (name == "small_no_occlusion")
        assert explanation.mask.shape == (6, 16, 16)
        np.testing.assert_allclose(explanation.mask.sum(axis=0), 1, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (500, 1, 3), (65, 63, 3), (480, 640, 3), (4320, 7680, 3)])
@pytest.mark.parametrize("mode", ["crop", "fit"])
def test_any_size(small_model: Path, shape: tuple[int, int, int], mode: Literal["crop", "fit"]) -> None:
    picture = np.full(shape, 128, np.uint8)
    framing = Framing(mode)
    with Animator.load(small_model, source_framing=framing, driving_framing=framing) as animator:
        animator.set_source(picture)
        assert animator.animate(picture).shape == (64, 64, 3)


def test_views_that_are_not_contiguous(animator: Animator) -> None:
    wide = np.repeat(GOLDEN.driving[1], 2, axis=1)
    expected = animator.animate(np.ascontiguousarray(wide[:, ::2]))
    assert np.array_equal(animator.animate(wide[:, ::2]), expected)
    assert np.array_equal(animator.animate(np.asfortranarray(wide[:, ::2])), expected)


def test_framing_applies_to_its_own_side(small_model: Path) -> None:
    wide = np.zeros((64, 128, 3), np.uint8)
    wide[:, 64:] = GOLDEN.source
    right = Framing(rectangle=(64, 0, 64, 64))
    with Animator.load(small_model, source_framing=right, driving_framing=Framing()) as animator:
        animator.set_source(wide)
        assert np.array_equal(animator.source_image, GOLDEN.source)
        assert np.array_equal(animator.frame_driving(GOLDEN.source), GOLDEN.source)
        with pytest.raises(ImageError, match="64,0,64,64"):
            animator.set_source(GOLDEN.source)


@pytest.mark.parametrize(
    ("picture", "word"),
    [
        (np.zeros((64, 64), np.uint8), "uint8"),
        (np.zeros((64, 64, 4), np.uint8), r"\(64, 64, 4\)"),
        (np.zeros((0, 64, 3), np.uint8), r"\(0, 64, 3\)"),
        (np.zeros((64, 64, 3), np.float32), "convert floats"),
        (None, "NoneType"),
    ],
)
def test_other_arrays_are_refused(animator: Animator, picture: object, word: str) -> None:
    calls: list[Callable[[object], object]] = [
        animator.set_source,  # type: ignore[list-item]
        animator.set_reference,  # type: ignore[list-item]
        animator.animate,  # type: ignore[list-item]
        animator.keypoints,  # type: ignore[list-item]
        animator.explain,  # type: ignore[list-item]
    ]
    for call in calls:
        with pytest.raises(ImageError, match=word):
            call(picture)


def test_keypoints_of_another_model(animator: Animator) -> None:
    with pytest.raises(MotionError, match="expected 5 keypoints with jacobians; got 10 without"):
        animator.animate(Keypoints(np.zeros((10, 2), np.float32)))


def test_calls_in_the_wrong_order(small_model: Path) -> None:
    animator = Animator.load(small_model)
    with pytest.raises(StateError, match="set_source"):
        animator.animate(GOLDEN.driving[0])
    animator.set_source(GOLDEN.source)
    animator.close()
    animator.close()
    calls: list[Callable[[], object]] = [
        lambda: animator.set_source(GOLDEN.source),
        lambda: animator.animate(GOLDEN.driving[0]),
        lambda: animator.keypoints(GOLDEN.driving[0]),
        lambda: animator.kp_source,
        lambda: animator.source_image,
    ]
    for call in calls:
        with pytest.raises(StateError, match="closed"):
            call()


def test_modes_can_change_while_it_runs(small_model: Path) -> None:
    settings = [(relative, scale) for relative in (True, False) for scale in (True, False)]
    with Animator.load(small_model) as changing:
        changing.set_source(GOLDEN.source)
        changing.set_reference(GOLDEN.driving[1])
        for relative, adapt_scale in settings:
            changing.relative, changing.adapt_scale = relative, adapt_scale
            with Animator.load(small_model, relative=relative, adapt_scale=adapt_scale) as fixed:
                fixed.set_source(GOLDEN.source)
                fixed.set_reference(GOLDEN.driving[1])
                assert np.array_equal(changing.animate(GOLDEN.driving[2]), fixed.animate(GOLDEN.driving[2]))
        changing.driving_framing = Framing(rectangle=(0, 0, 32, 32))
        assert np.array_equal(changing.frame_driving(GOLDEN.source)[::63, ::63], GOLDEN.source[:32:31, :32:31])


def test_several_animators(small_model: Path, golden_model: ModelOf) -> None:
    other = golden_model("small_no_occlusion").path
    with Animator.load(small_model) as a, Animator.load(other) as b, Animator.load(small_model) as c:
        for animator in (a, b, c):
            animator.set_source(GOLDEN.source)
        results = [animator.animate(GOLDEN.driving[0]) for animator in (a, b, c)]
    assert np.array_equal(results[0], results[2])
    assert not np.array_equal(results[0], results[1])


def test_threads_do_not_change_the_result(small_model: Path) -> None:
    results = []
    for threads in (1, 2):
        with Animator.load(small_model, threads=threads) as animator:
            animator.set_source(GOLDEN.source)
            results.append(animator.animate(GOLDEN.driving[0]).astype(int))
    assert np.abs(results[0] - results[1]).max() <= 1


@pytest.fixture
def cpu_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ONNX Runtime without CUDA, whatever is installed."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])


@pytest.mark.usefixtures("cpu_only")
@pytest.mark.parametrize(("driver", "words"), [(False, "no NVIDIA driver"), (True, "pip install onnxruntime-gpu")])
def test_auto_says_what_it_took_and_why_nothing_faster(
    small_model: Path, monkeypatch: pytest.MonkeyPatch, driver: bool, words: str
) -> None:
    monkeypatch.setattr(nvidia_driver, "is_installed", lambda: driver)
    with Animator.load(small_model) as animator:
        assert animator.backend.name == "onnxruntime-cpu"
        assert animator.backend.device.startswith("CPU")
        assert "onnxruntime-cuda: " in animator.backend.reason
        assert words in animator.backend.reason
    with pytest.raises(BackendError, match=words):
        Animator.load(small_model, backend="onnxruntime-cuda")
    assert [entry.name for entry in REGISTRY] == list(BACKENDS)


def test_unknown_backend(small_model: Path) -> None:
    with pytest.raises(BackendError, match="expected a backend among auto, tensorrt, tensorrt-rtx, onnx"):
        Animator.load(small_model, backend="fast")


def test_a_provider_that_falls_back_silently_is_noticed(small_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime asked for CUDA where the driver is missing starts on the CPU and says nothing."""
    session = onnxruntime.InferenceSession

    def fall_back(path: str, options: object, providers: list[tuple[str, object]]) -> object:
        assert [name for name, _ in providers] == ["CUDAExecutionProvider"]
        return session(path, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(onnxruntime, "InferenceSession", fall_back)
    with pytest.raises(BackendError, match=r"CUDAExecutionProvider .* would run on CPUExecutionProvider"):
        OnnxRuntimeBackend("onnxruntime-cuda", open_model_folder(small_model), "test")


def test_auto_falls_to_the_next_backend(
    small_model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session = onnxruntime.InferenceSession

    def fall_back(path: str, options: object, providers: object) -> object:  # noqa: ARG001
        return session(path, options, providers=["CPUExecutionProvider"])

    claimed = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(nvidia_driver, "is_installed", lambda: True)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: claimed)
    monkeypatch.setattr(onnxruntime, "InferenceSession", fall_back)
    with Animator.load(small_model) as animator:
        assert animator.backend.name == "onnxruntime-cpu"
        assert "driver" in animator.backend.reason
    assert "onnxruntime-cuda is skipped" in caplog.text


@pytest.fixture
def copied_model(small_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_model, tmp_path / "copy"))


def test_missing_and_altered_files(copied_model: Path) -> None:
    generator = copied_model / "generator.onnx"
    content = generator.read_bytes()
    generator.write_bytes(content[:-1])
    with pytest.raises(ModelError, match=r"generator.onnx: expected \d+ bytes"):
        Animator.load(copied_model)
    generator.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ModelError, match="altered"):
        Animator.load(copied_model)
    generator.unlink()
    with pytest.raises(ModelError, match=r"generator.onnx is missing"):
        Animator.load(copied_model)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('"format_version": 1', '"format_version": 2', "has model format 2; this fomm-rt reads up to 1"),
        ('"format_version": 1', '"format_version": "x"', "no format_version"),
        ('"size": 64', '"size": "wide"', "ValueError"),
        ('"size": 64', '"height": 64', "KeyError: 'size'"),
        ('"size": 64', '"size": 1e999', "OverflowError"),
        ('"file": "generator.onnx"', '"file": "../generator.onnx"', "leaves the folder"),
        ("{", "", "cannot be read as JSON"),
    ],
)
def test_other_manifests(copied_model: Path, old: str, new: str, word: str) -> None:
    manifest = copied_model / "model.json"
    text = manifest.read_text()
    assert old in text
    manifest.write_text(text.replace(old, new, 1))
    with pytest.raises(ModelError, match=word):
        Animator.load(copied_model)


def test_paths_that_are_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model folder"):
        Animator.load(tmp_path / "absent")
    with pytest.raises(ModelError, match=r"no model.json"):
        Animator.load(tmp_path)
    file = tmp_path / "vox-cpk.pth.tar"
    file.write_bytes(b"x")
    with pytest.raises(ModelError, match="fomm-rt export"):
        Animator.load(file)


def test_a_network_that_onnx_runtime_cannot_read(copied_model: Path) -> None:
    detector = copied_model / "keypoint_detector.onnx"
    detector.write_bytes(bytes(detector.stat().st_size))
    edit_manifest(
        copied_model, lambda document: document["networks"]["keypoint_detector"].update(sha256=sha256_of(detector))
    )
    with pytest.raises(BackendError, match=r"keypoint_detector.onnx: ONNX Runtime cannot load"):
        Animator.load(copied_model)


def edit_manifest(model: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads((model / "model.json").read_text())
    change(document)
    (model / "model.json").write_text(json.dumps(document))


def add_int8(model: Path) -> None:
    """Has the folder say that a copy of its generator is one in int8."""

    def change(document: dict[str, Any]) -> None:
        entry = dict(document["variants"][CPU]["generator"], file="generator.cpu-int8.onnx")
        shutil.copy(model / "generator.cpu.onnx", model / entry["file"])
        document["variants"][CPU_INT8] = {"generator": entry}

    edit_manifest(model, change)


def test_variants(copied_model: Path) -> None:
    folder = open_model_folder(copied_model)
    manifest = folder.manifest
    assert manifest.precisions == ("fp32",)
    add_int8(copied_model)
    with_int8 = open_model_folder(copied_model).manifest
    assert with_int8.precisions == ("fp32", "int8")
    for network in NETWORKS:
        assert manifest.network(network) is manifest.networks[network]
        assert manifest.network(network, (CPU_INT8,)) is manifest.networks[network]
        in_order = (CPU_INT8, CPU)
        expected = manifest.variants[CPU].get(network, manifest.networks[network])
        assert manifest.network(network, (CPU,)) is manifest.network(network, in_order) is expected
        assert folder.network_path(network, in_order) == copied_model / expected.file
        assert with_int8.network(network, in_order) == with_int8.variants[CPU_INT8].get(network, expected)
    assert with_int8.network("generator", (CPU, CPU_INT8)).file == "generator.cpu.onnx"
    names = [file.file for file in with_int8.files]
    assert len(names) == len(set(names))
    assert {*names, "model.json"} == {path.name for path in copied_model.iterdir()}


def test_a_folder_from_before_there_were_variants(copied_model: Path, animator: Animator) -> None:
    edit_manifest(copied_model, lambda document: document.pop("variants"))
    for file in copied_model.glob(f"*.{CPU}.onnx"):
        file.unlink()
    folder = open_model_folder(copied_model)
    assert folder.manifest.variants == {}
    assert [file.file for file in folder.manifest.files] == [f"{network}.onnx" for network in NETWORKS]
    with Animator.load(copied_model) as older:
        older.set_source(GOLDEN.source)
        for frame in GOLDEN.driving:
            assert np.abs(older.animate(frame).astype(int) - animator.animate(frame)).max() <= 1


def test_variants_and_networks_of_later_versions_are_ignored(copied_model: Path) -> None:
    before = open_model_folder(copied_model)

    def change(document: dict[str, Any]) -> None:
        document["variants"]["cpu-int4"] = {"generator": {"file": "no such file", "written": "otherwise"}}
        document["variants"][CPU]["discriminator"] = {"file": "no such file"}

    edit_manifest(copied_model, change)
    assert open_model_folder(copied_model) == before


@pytest.mark.parametrize("variants", [[], {CPU: []}, {CPU: {"generator": None}}, {CPU: {"generator": {}}}])
def test_variants_that_are_none(copied_model: Path, variants: object) -> None:
    edit_manifest(copied_model, lambda document: document.update(variants=variants))
    with pytest.raises(ModelError, match=r"a field is missing or wrong"):
        open_model_folder(copied_model)


def test_missing_and_altered_variants(copied_model: Path) -> None:
    """Refused by name, whichever backend would run."""
    encoder = copied_model / "source_encoder.cpu.onnx"
    content = encoder.read_bytes()
    encoder.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ModelError, match=r"source_encoder.cpu.onnx: its SHA-256"):
        open_model_folder(copied_model)
    encoder.write_bytes(content + b"0")
    with pytest.raises(ModelError, match=r"source_encoder.cpu.onnx: expected \d+ bytes"):
        open_model_folder(copied_model)
    encoder.unlink()
    with pytest.raises(ModelError, match=r"source_encoder.cpu.onnx is missing"):
        open_model_folder(copied_model)


def test_a_variant_that_leaves_the_folder(copied_model: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["variants"][CPU]["generator"]["file"] = "../generator.cpu.onnx"

    edit_manifest(copied_model, change)
    with pytest.raises(ModelError, match=r"'../generator.cpu.onnx' leaves the folder"):
        open_model_folder(copied_model)


def test_the_manifest_has_to_tell_what_a_variant_takes(copied_model: Path) -> None:
    """The generator for CPUs takes features a row a pixel; with the other encoder's it would be fed nonsense."""

    def change(document: dict[str, Any]) -> None:
        document["variants"][CPU]["generator"]["inputs"] = document["networks"]["generator"]["inputs"]

    edit_manifest(copied_model, change)
    with pytest.raises(ModelError, match=r"generator.cpu.onnx: takes or gives other tensors than model.json says"):
        Animator.load(copied_model, backend="onnxruntime-cpu")


def test_precision(copied_model: Path) -> None:
    for backend in ("auto", "onnxruntime-cpu"):
        with pytest.raises(ModelError, match=r"copy: has no int8 graphs, only fp32; export it again with --int8"):
            Animator.load(copied_model, backend=backend, precision="int8")
    add_int8(copied_model)
    with pytest.raises(BackendError, match="expected a precision among fp32, fp16, int8; got 'bf16'"):
        Animator.load(copied_model, precision="bf16")
    with pytest.raises(BackendError, match="onnxruntime-cpu is not available: it runs fp32, int8, not fp16"):
        Animator.load(copied_model, backend="onnxruntime-cpu", precision="fp16")
    with pytest.raises(BackendError, match="onnxruntime-cuda is not available: it runs fp32, not int8"):
        Animator.load(copied_model, backend="onnxruntime-cuda", precision="int8")
    with Animator.load(copied_model, precision="int8") as animator:
        assert animator.backend.name == "onnxruntime-cpu"
        assert "not onnxruntime-cuda: it runs fp32, not int8" in animator.backend.reason


@pytest.mark.parametrize(
    ("name", "precision", "generator"),
    [
        ("onnxruntime-cpu", "fp32", "generator.cpu.onnx"),
        ("onnxruntime-cpu", "int8", "generator.cpu-int8.onnx"),
        ("onnxruntime-cuda", "fp32", "generator.onnx"),
    ],
)
def test_every_backend_runs_the_graphs_meant_for_it(
    copied_model: Path, monkeypatch: pytest.MonkeyPatch, name: str, precision: str, generator: str
) -> None:
    add_int8(copied_model)
    session, opened = onnxruntime.InferenceSession, []

    class Session:
        def __init__(self, path: str, options: object, providers: list[tuple[str, object]]) -> None:
            opened.append(Path(path).name)
            self.provider = providers[0][0]
            self.session = session(path, options, providers=["CPUExecutionProvider"])

        def __getattr__(self, name: str) -> object:
            return getattr(self.session, name)

        def get_providers(self) -> list[str]:
            return [self.provider]

    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    monkeypatch.setitem(onnx_runtime_cuda.DEVICES, "onnxruntime-cuda", "cpu")
    OnnxRuntimeBackend(name, open_model_folder(copied_model), "test", Options(precision=precision))
    encoder = "source_encoder.onnx" if name == "onnxruntime-cuda" else "source_encoder.cpu.onnx"
    assert opened == ["keypoint_detector.onnx", encoder, "dense_motion.onnx", generator]


@pytest.mark.parametrize("layout", ["rgba", "upside down", "mirrored", "bgr", "every other row", "tile"])
def test_out_of_any_layout(animator: Animator, layout: str) -> None:
    expected = animator.animate(GOLDEN.driving[1])
    s = animator.size
    out = {
        "rgba": np.zeros((s, s, 4), np.uint8)[..., :3],
        "upside down": np.zeros((s, s, 3), np.uint8)[::-1],
        "mirrored": np.zeros((s, s, 3), np.uint8)[:, ::-1],
        "bgr": np.zeros((s, s, 3), np.uint8)[..., ::-1],
        "every other row": np.zeros((2 * s, s, 3), np.uint8)[::2],
        "tile": np.zeros((s, 3 * s, 3), np.uint8)[:, s : 2 * s],
    }[layout]
    assert animator.animate(GOLDEN.driving[1], out=out) is out
    assert np.array_equal(out, expected)


def test_how_long_stages_took(animator: Animator) -> None:
    animator.set_source(GOLDEN.source)
    assert animator.stage_ms == {}
    for frame in GOLDEN.driving[:2]:  # the first is the reference, too
        animator.animate(frame)
        of_frame = animator.stage_ms
        assert set(of_frame) == set(STAGES) - {"warp"}
    animator.animate(animator.keypoints(GOLDEN.driving[1]))
    of_keypoints = animator.stage_ms
    assert set(of_keypoints) == set(STAGES) - {"upload", "detector", "warp"}
    assert all(ms >= 0 for ms in (*of_frame.values(), *of_keypoints.values()))
    of_keypoints.clear()
    assert animator.stage_ms
    animator.explain(animator.keypoints(GOLDEN.driving[1]))
    assert set(animator.stage_ms) == {"dense_motion", "generator", "download"}


def test_features_of_another_shape(copied_model: Path) -> None:
    """As in a folder of which only the generator is arranged for a CPU."""
    path = copied_model / "model.json"
    document = json.loads(path.read_text())
    del document["variants"]["cpu"]["source_encoder"]
    path.write_text(json.dumps(document))
    with pytest.raises(ModelError, match=r"encoder\.onnx gives source_features of shape .* generator\.cpu\.onnx"):
        Animator.load(copied_model, "onnxruntime-cpu")


def test_a_variant_with_other_tensors(copied_model: Path) -> None:
    path = copied_model / "model.json"
    document = json.loads(path.read_text())
    document["variants"]["cpu"]["generator"]["inputs"][0]["name"] = "features"
    path.write_text(json.dumps(document))
    with pytest.raises(ModelError, match=r"generator\.cpu\.onnx takes or gives other tensors than generator\.onnx"):
        Animator.load(copied_model)


def test_every_error_is_a_fomm_error() -> None:
    assert all(issubclass(e, FommError) for e in (BackendError, ImageError, ModelError, MotionError, StateError))
