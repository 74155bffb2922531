"""The TensorRT backend: its refusals, its choice of engines, and fake engines on a fake device."""

from __future__ import annotations

import gc
import importlib.metadata
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fakes.device import FakeDevice
from fakes.engine_sets import build
from fakes.tensorrt import BYTES, GENERATIONS, FakeDriver, FakeMachine, Severity, TensorFormat, fake_module
from fomm_build.trunks import cut_trunks
from fomm_kernels import KERNELS
from fomm_kernels.sources import source_hash
from fomm_rt import Animator
from fomm_rt.backends.gpu import cuda_device
from fomm_rt.backends.gpu.backend import BATCH_STREAMS
from fomm_rt.backends.options import BackendName
from fomm_rt.backends.tensorrt import kernel_cache
from fomm_rt.backends.tensorrt.backend import BUILDERS, RTX_CAPABILITIES, rtx_supports, why_tensorrt_unavailable
from fomm_rt.backends.tensorrt.library import load_tensorrt, tensorrt_logger
from fomm_rt.engines.engine_set import EngineSet
from fomm_rt.engines.hashed_file import read_hashed, write_hashed
from fomm_rt.engines.manifest import FLAVOURS, EngineSpec, model_hash
from fomm_rt.engines.store import EngineStore
from fomm_rt.errors import BackendError, EngineError
from fomm_rt.machine import nvidia_driver
from fomm_rt.machine.onnx_runtime import onnxruntime
from fomm_rt.model.folder import ModelFolder, open_model_folder
from fomm_rt.model.frame_shape import TRUNKS, FrameShape
from fomm_rt.model.precision import Precision
from golden_files import Golden

GOLDEN = Golden("small_aligned")
VERSION = "11.4.0.106"


@pytest.fixture
def model(small_model: Path) -> ModelFolder:
    return open_model_folder(small_model)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeDriver:
    """A driver with one GPU, an H200, and everything that CUDA needs."""
    fake = FakeDriver()
    monkeypatch.setattr(nvidia_driver, "_library", lambda: fake)
    monkeypatch.setattr(nvidia_driver, "RELEASE_FILE", tmp_path / "version")
    (tmp_path / "version").write_text(
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build\nGCC version:  gcc 12.2.0\n"
    )
    monkeypatch.setattr("fomm_rt.backends.tensorrt.backend.driver_problem", lambda: None)
    return fake


@pytest.fixture
def import_as(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, Any], None]]:
    """Makes the import of a flavour's module return an object, or raise an exception."""
    given: dict[str, Any] = dict.fromkeys(("tensorrt", "tensorrt_rtx"), ModuleNotFoundError("No module of that name"))

    def import_module(name: str) -> Any:
        if isinstance(given[name], Exception):
            raise given[name]
        return given[name]

    load_tensorrt.cache_clear()
    monkeypatch.setattr("fomm_rt.backends.tensorrt.library.importlib", SimpleNamespace(import_module=import_module))
    yield given.__setitem__
    load_tensorrt.cache_clear()
    tensorrt_logger.cache_clear()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> EngineStore:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return EngineStore()


def test_gpu(driver: FakeDriver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert nvidia_driver.gpu() == nvidia_driver.Gpu("NVIDIA H200", (9, 0), "580.159.04")
    assert nvidia_driver.describe() == "580.159.04, supports CUDA 13.0; NVIDIA H200, sm_90"
    monkeypatch.setattr(nvidia_driver, "RELEASE_FILE", tmp_path / "absent")
    assert nvidia_driver.describe().startswith("CUDA 13.0, supports CUDA 13.0; ")
    for function in ("cuInit", "cuDriverGetVersion", "cuDeviceGet", "cuDeviceGetName", "cuDeviceGetAttribute"):
        driver.fails = {function}
        assert nvidia_driver.gpu() is None
        assert "finds no device" in nvidia_driver.describe()


def test_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia_driver, "_library", lambda: None)
    assert not nvidia_driver.is_installed()
    assert nvidia_driver.gpu() is None
    assert nvidia_driver.describe() == "none (libcuda.so.1 is not installed)"
    for flavour in FLAVOURS:
        assert why_tensorrt_unavailable(flavour) == "this machine has no NVIDIA driver"


@pytest.mark.usefixtures("driver")
@pytest.mark.parametrize(
    ("found", "words"),
    [
        (ModuleNotFoundError("No module named 'tensorrt'"), r"\(No module named 'tensorrt'\); run: pip install 'fomm-"),
        (
            ImportError("libnvinfer.so.11: cannot open shared object file\nand more"),
            r"\(libnvinfer.so.11: cannot .*t f",
        ),
        (OSError("libcudart.so.12: no such file"), r"cannot be imported \(libcudart.so.12: no such file\)"),
        (RuntimeError(), r"cannot be imported \(RuntimeError\)"),
        (SimpleNamespace(), "cannot be imported .*no attribute '__version__'"),
        (SimpleNamespace(__version__="11.4"), "cannot be imported .*no attribute 'Logger'"),
        (fake_module(version="8.5.3.1"), "expected TensorRT 8.6 or newer; found 8.5.3.1. Run: .* --upgrade"),
    ],
)
def test_unusable_modules(import_as: Callable[[str, Any], None], found: Any, words: str) -> None:
    import_as("tensorrt", found)
    with pytest.raises(BackendError, match=words):
        load_tensorrt("tensorrt")
    problem = why_tensorrt_unavailable("tensorrt")
    assert problem is not None
    assert "\n" not in problem
    # A repaired installation works without a restart.
    import_as("tensorrt", fake_module())
    assert why_tensorrt_unavailable("tensorrt") is None


@pytest.mark.parametrize(
    ("module", "flavour", "version", "plugins"),
    [
        ("tensorrt", "tensorrt", "8.6.0", False),
        ("tensorrt", "tensorrt", "10.8.0.43", False),
        ("tensorrt", "tensorrt", "10.13.3.9.post1", True),
        ("tensorrt_rtx", "tensorrt-rtx", "1.7.1.116", False),
    ],
)
def test_generations(
    import_as: Callable[[str, Any], None], module: str, flavour: str, version: str, plugins: bool
) -> None:
    rtx = flavour == "tensorrt-rtx"
    import_as(module, fake_module(version=version, rtx=rtx))
    library = load_tensorrt(flavour)
    assert library.version == version
    assert library.has_plugins == plugins
    assert library.strongly_typed
    assert library.builds_without_gpu == rtx
    assert library.capabilities == (RTX_CAPABILITIES if rtx else ())
    assert library.describe() == ("TensorRT " if flavour == "tensorrt" else "TensorRT-RTX ") + version


def test_the_logger_keeps_errors(import_as: Callable[[str, Any], None], caplog: pytest.LogCaptureFixture) -> None:
    import_as("tensorrt", fake_module())
    library = load_tensorrt("tensorrt")
    logger = tensorrt_logger(library)
    assert logger is tensorrt_logger(library), "TensorRT has one for all of a process"
    with caplog.at_level(logging.DEBUG, "fomm_rt.tensorrt"):
        for severity in Severity:
            logger.log(severity, f" {severity.name} \n")
    assert [record.getMessage() for record in caplog.records] == ["INTERNAL_ERROR", "ERROR", "WARNING", "INFO"]
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}
    assert logger.last_error == "ERROR"


def test_the_logger_of_a_real_library() -> None:
    """TensorRT-RTX can be loaded without a GPU, and has the interfaces that the fakes imitate."""
    pytest.importorskip("tensorrt_rtx")
    library = load_tensorrt("tensorrt-rtx")
    trt, logger = library.module, tensorrt_logger(library)
    assert library.strongly_typed
    assert library.builds_without_gpu
    logger.log(trt.ILogger.ERROR, "a failure")
    logger.log(trt.ILogger.VERBOSE, "a detail")
    assert logger.last_error == "a failure"
    assert {"HALF", "FLOAT"} <= set(trt.DataType.__members__)
    assert {"LINEAR", "HWC8", "HWC16", "HWC"} <= set(trt.TensorFormat.__members__)
    assert {"INPUT", "OUTPUT"} <= set(trt.TensorIOMode.__members__)
    assert set(library.capabilities) >= set(RTX_CAPABILITIES)
    calls = {
        trt.ICudaEngine: ("create_runtime_config", "get_device_memory_size_for_profile_v2"),
        trt.IRuntimeConfig: ("create_runtime_cache", "set_runtime_cache"),
        trt.IRuntimeCache: ("serialize", "deserialize"),
        trt.IExecutionContext: (
            *("is_stream_capturable", "update_device_memory_size_for_shapes", "set_device_memory"),
            *("set_optimization_profile_async", "set_input_shape", "set_tensor_address", "execute_async_v3"),
        ),
    }
    assert all(hasattr(kind, call) for kind, names in calls.items() for call in names)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_problems(
    driver: FakeDriver, import_as: Callable[[str, Any], None], monkeypatch: pytest.MonkeyPatch, flavour: str
) -> None:
    import_as("tensorrt", fake_module())
    import_as("tensorrt_rtx", fake_module(version="1.7.1.116", rtx=True))
    driver.fails = {"cuDeviceGet"}
    assert why_tensorrt_unavailable(flavour) == "the NVIDIA driver finds no GPU"
    monkeypatch.setattr(
        "fomm_rt.backends.tensorrt.backend.driver_problem", lambda: "the NVIDIA driver supports CUDA 12.4"
    )
    assert why_tensorrt_unavailable(flavour) == "the NVIDIA driver supports CUDA 12.4"


@pytest.mark.usefixtures("driver")
@pytest.mark.parametrize(
    ("name", "capability", "supported"),
    [
        ("NVIDIA H200", (9, 0), False),
        ("NVIDIA B200", (10, 0), False),
        ("Jetson AGX Orin", (8, 7), False),
        ("NVIDIA A100", (8, 0), True),
        ("NVIDIA GeForce RTX 4090", (8, 9), True),
    ],
)
@pytest.mark.parametrize("installed", [True, False])
def test_rtx_runs_where_the_library_knows_the_capability(
    import_as: Callable[[str, Any], None],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    capability: tuple[int, int],
    supported: bool,
    installed: bool,
) -> None:
    monkeypatch.setattr(nvidia_driver, "_library", lambda: FakeDriver(name, capability))
    gpu = nvidia_driver.gpu()
    assert gpu is not None
    if installed:
        import_as("tensorrt_rtx", fake_module(version="1.7.1.116", rtx=True))
        problem = f"TensorRT-RTX does not support {gpu.architecture} ({name}); use the backend tensorrt"
        assert why_tensorrt_unavailable("tensorrt-rtx") == (None if supported else problem)
    assert rtx_supports(gpu) == supported


@pytest.mark.usefixtures("driver")
def test_rtx_may_learn_new_capabilities(import_as: Callable[[str, Any], None]) -> None:
    module = fake_module(version="2.0", rtx=True)
    module.ComputeCapability.__members__["SM90"] = None
    import_as("tensorrt_rtx", module)
    assert why_tensorrt_unavailable("tensorrt-rtx") is None


class World:
    """A machine with a fake TensorRT, whose engines run on fake devices."""

    def __init__(self, model: ModelFolder, store: EngineStore) -> None:
        self.model = model
        self.store = store
        self.machine = FakeMachine(FrameShape.of(model.manifest), cut_trunks(model))
        self.devices: list[FakeDevice] = []

        self.import_modules: Callable[[], None] = lambda: None

    def spec(self, **changes: Any) -> EngineSpec:
        return EngineSpec(
            **{
                "model_sha256": model_hash(self.model.manifest),
                "flavour": "tensorrt",
                "library_version": VERSION,
                "capabilities": ("sm_90",),
                "gpu": "NVIDIA H200",
                "precision": "fp32",
                "layout": "split",
                "max_batch": 8,
                "kernels_sha256": source_hash(KERNELS),
                **changes,
            }
        )

    def build(self, **changes: Any) -> EngineSet:
        name = self.model.manifest.name
        contents = {trunk: trunk.encode() for trunk in TRUNKS}
        return build(self.store, self.spec(**changes), contents, model_name=name)

    def device(self) -> FakeDevice:
        self.devices.append(FakeDevice())
        self.machine.device = self.devices[-1]
        return self.devices[-1]

    def load(self, backend: BackendName = "tensorrt", precision: Precision | None = "fp32", **options: Any) -> Animator:
        return Animator.load(self.model.path, backend, precision=precision, **options)


@pytest.fixture
def world(
    model: ModelFolder,
    store: EngineStore,
    driver: FakeDriver,
    import_as: Callable[[str, Any], None],
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    del driver
    made = World(model, store)
    import_as("tensorrt", fake_module(made.machine))
    monkeypatch.setattr(cuda_device, "CudaDevice", made.device)
    return made


RTX = {"flavour": "tensorrt-rtx", "capabilities": ("sm_89",), "gpu": None}
FOR_4090 = {"capabilities": ("sm_89",), "gpu": "NVIDIA GeForce RTX 4090"}
"""Engines for the card of `rtx_world`."""


@pytest.fixture
def rtx_world(world: World, import_as: Callable[[str, Any], None], monkeypatch: pytest.MonkeyPatch) -> World:
    """A machine with a card that TensorRT-RTX supports."""
    monkeypatch.setattr(nvidia_driver, "_library", lambda: FakeDriver("NVIDIA GeForce RTX 4090", (8, 9)))

    def import_modules() -> None:
        load_tensorrt.cache_clear()
        import_as("tensorrt", fake_module(world.machine))
        if world.machine.generation == "rtx":
            import_as("tensorrt_rtx", fake_module(world.machine, rtx=True))

    world.import_modules = import_modules
    world.machine.generation = "rtx"
    import_modules()
    return world


def test_no_engines(world: World) -> None:
    with pytest.raises(EngineError) as caught:
        world.load(precision=None)
    message = str(caught.value)
    assert message.startswith(f"{world.store.folder}: expected engines of ")
    assert "none have been built here" in message
    assert message.endswith(f"Build them: fomm-rt build {world.model.path} --backend tensorrt")
    with pytest.raises(EngineError, match=r"--backend tensorrt --precision fp32$"):
        world.load()
    assert not world.devices, "the GPU is not touched"


def test_engines_that_do_not_fit(world: World) -> None:
    world.build(library_version="10.3.0.26", capabilities=("sm_80",), gpu="NVIDIA A100")
    with pytest.raises(EngineError, match=r"was built for TensorRT 10.3.0.26, sm_80, .* A100; needed: TensorRT 11.4"):
        world.load()


def test_engines_are_opened(world: World) -> None:
    world.build()
    with world.load() as animator, Animator.load(world.model.path, "onnxruntime-cpu") as reference:
        assert animator.backend.name == "tensorrt"
        assert animator.backend.device == f"NVIDIA H200, TensorRT {VERSION}, fp32"
        assert animator.backend.reason == "asked for by name"
        assert animator.batch == 8
        for one in (animator, reference):
            one.set_source(GOLDEN.source)
        for frame in GOLDEN.driving:
            assert np.abs(animator.animate(frame).astype(int) - reference.animate(frame)).max() <= 1
        assert len(list(animator.animate_all([*GOLDEN.driving] * 3))) == 9, "a batch in each frame stream"
        # One context per input array: of the frame stream, of its source, and of every frame stream for batches.
        made = len(world.machine.contexts)
        assert made == 3 + 2 + 3 * BATCH_STREAMS
        for picture in GOLDEN.driving:
            animator.set_source(picture)
            animator.animate(picture)
        assert len(world.machine.contexts) == made, "sources and frames need no contexts of their own"
    assert [device.is_closed for device in world.devices] == [True]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_contexts_of_a_stream_share_memory(rtx_world: World, generation: str) -> None:
    """As much as the largest needs in its profile. TensorRT 8.6 knows only what the largest profile needs."""
    world, machine = rtx_world, rtx_world.machine
    machine.batches = [1, 8]
    machine.generation = generation
    world.import_modules()
    flavour: BackendName = "tensorrt-rtx" if generation == "rtx" else "tensorrt"
    world.build(**(RTX if generation == "rtx" else FOR_4090))
    with world.load(flavour) as animator, Animator.load(world.model.path, "onnxruntime-cpu") as reference:
        for one in (animator, reference):
            one.set_source(GOLDEN.source)
        for frame in GOLDEN.driving:
            assert np.abs(animator.animate(frame).astype(int) - reference.animate(frame)).max() <= 1
        single = {context.memory or (0, 0) for context in machine.contexts}
        made = len(machine.contexts)
        assert len(list(animator.animate_all([*GOLDEN.driving] * 6))) == 18
        batched = {context.memory or (0, 0) for context in machine.contexts[made:]}
        assert len(single) == 1, "frames and sources, one after another"
        assert len(batched) == BATCH_STREAMS, "streams overlap"
        assert not single & batched
        most = BYTES["generator"]
        if generation != "8.6":
            assert {size for _, size in single} == {most}
            assert {size for _, size in batched} == {8 * most}
        arrays = [array for array in world.devices[0].arrays if array.shape in ((most,), (8 * most,))]
        assert len(arrays) == 1 + BATCH_STREAMS
        del arrays
    gc.collect()
    assert not [array for array in world.devices[0].arrays if array.shape in ((most,), (8 * most,))]


class TestKernelCache:
    """What TensorRT-RTX compiles is kept beside the engines."""

    @staticmethod
    def animate(world: World, frames: int = 1) -> None:
        with world.load("tensorrt-rtx") as animator:
            animator.set_source(GOLDEN.source)
            for _ in range(frames):
                animator.animate(GOLDEN.driving[0])

    @staticmethod
    def file(world: World) -> Path:
        (found,) = world.store.folder.glob("*.kernels")
        return found

    def test_the_next_start_compiles_nothing(self, rtx_world: World) -> None:
        engines = rtx_world.build(**RTX)
        self.animate(rtx_world)
        assert sorted(rtx_world.machine.compiled) == sorted(TRUNKS)
        file = self.file(rtx_world)
        assert file.name == f"{engines.manifest.spec.key}-NVIDIA-GeForce-RTX-4090.kernels"
        assert file.stat().st_mode & 0o777 == 0o644
        rtx_world.machine.compiled.clear()
        before = file.stat().st_mtime_ns, file.stat().st_ino
        self.animate(rtx_world, frames=3)
        assert rtx_world.machine.compiled == []
        assert (file.stat().st_mtime_ns, file.stat().st_ino) == before, "nothing new to keep"

    def test_it_is_kept_before_the_end(self, rtx_world: World) -> None:
        """A program that is killed has kept it, too."""
        rtx_world.build(**RTX)
        with rtx_world.load("tensorrt-rtx") as animator:
            animator.set_source(GOLDEN.source)
            for _ in range(2):
                animator.animate(GOLDEN.driving[0])
            assert self.file(rtx_world).exists()

    @pytest.mark.parametrize(
        "damage",
        [
            lambda file: file.write_bytes(b""),
            lambda file: file.write_bytes(file.read_bytes()[:-1]),
            lambda file: file.write_bytes(b"x" + file.read_bytes()[1:]),
            lambda file: file.chmod(0o666),
        ],
    )
    def test_a_damaged_file_is_replaced(self, rtx_world: World, damage: Callable[[Path], object]) -> None:
        rtx_world.build(**RTX)
        self.animate(rtx_world)
        damage(self.file(rtx_world))
        for compiled in (sorted(TRUNKS), []):
            rtx_world.machine.compiled.clear()
            self.animate(rtx_world)
            assert sorted(rtx_world.machine.compiled) == compiled

    def test_what_the_library_refuses_is_replaced(self, rtx_world: World) -> None:
        rtx_world.build(**RTX)
        self.animate(rtx_world)
        write_hashed(self.file(rtx_world), b"kernels of another driver")
        rtx_world.machine.takes_cache = False
        rtx_world.machine.compiled.clear()
        self.animate(rtx_world)
        assert sorted(rtx_world.machine.compiled) == sorted(TRUNKS)
        assert read_hashed(self.file(rtx_world)).decode().split() == sorted(TRUNKS)

    def test_a_folder_that_cannot_be_written(
        self, rtx_world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def refuse(*_: Any) -> None:
            raise EngineError("/store: no space left for engines")

        monkeypatch.setattr(kernel_cache, "write_hashed", refuse)
        rtx_world.build(**RTX)
        self.animate(rtx_world, frames=4)
        (record,) = caplog.records
        assert record.getMessage() == (
            "kernels cannot be kept, so the next start compiles them again: /store: no space left for engines"
        )

    def test_it_goes_with_the_engines(self, rtx_world: World) -> None:
        engines = rtx_world.build(**RTX)
        self.animate(rtx_world)
        rtx_world.store.remove(engines.manifest.spec.key)
        assert not list(rtx_world.store.folder.glob("*.kernels"))


@pytest.mark.parametrize("capturable", [True, False])
def test_the_library_is_asked_before_a_capture(rtx_world: World, capturable: bool) -> None:
    rtx_world.machine.capturable = capturable
    rtx_world.build(**RTX)
    with rtx_world.load("tensorrt-rtx") as animator, Animator.load(rtx_world.model.path, "onnxruntime-cpu") as exact:
        for one in (animator, exact):
            one.set_source(GOLDEN.source)
        for _ in range(4):
            frame = GOLDEN.driving[0]
            assert np.abs(animator.animate(frame).astype(int) - exact.animate(frame)).max() <= 1
        assert rtx_world.devices[0].captures == int(capturable)
        reason = animator.backend.reason
    told = f"without a CUDA graph: TensorRT-RTX {VERSION} cannot capture the keypoint_detector engine"
    assert (told in reason) == (not capturable)


@pytest.mark.parametrize("format_", list(TensorFormat))
def test_half_precision(world: World, format_: TensorFormat) -> None:
    world.machine.half, world.machine.format = True, format_
    world.build(precision="fp16")
    with world.load(precision=None) as animator, Animator.load(world.model.path, "onnxruntime-cpu") as reference:
        assert animator.backend.device.endswith("fp16")
        for one in (animator, reference):
            one.set_source(GOLDEN.source)
        for frame in GOLDEN.driving:
            error = animator.animate(frame).astype(float) - reference.animate(frame)
            assert 10 * np.log10(255**2 / max(np.square(error).mean(), 1e-9)) >= 40


def test_the_profile_for_a_batch(world: World) -> None:
    world.machine.batches = [1, 8]
    world.build()
    with world.load() as animator:
        animator.set_source(GOLDEN.source)
        animator.animate(GOLDEN.driving[0])
        first = [context.profile for context in world.machine.contexts]
        assert len(list(animator.animate_all(GOLDEN.driving))) == len(GOLDEN.driving)
        later = [context.profile for context in world.machine.contexts[len(first) :]]
    streams = [stream.handle for stream in world.devices[0].streams]
    # On the stream of the following run, which would not wait otherwise.
    assert set(first) == {(0, streams[0])}
    assert later[0] == (1, streams[1])


def test_a_batch_without_a_profile(world: World) -> None:
    world.machine.batches = [1, 2]
    world.build()
    with world.load() as animator:
        animator.set_source(GOLDEN.source)
        with pytest.raises(EngineError, match="cannot take 8 frames at a time; build it with --max-batch 8"):
            list(animator.animate_all(GOLDEN.driving))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("deserialize_cuda_engine", "loading the source_encoder engine failed"),
        ("create_execution_context", "making room for the keypoint_detector engine failed"),
        ("set_input_shape", r"giving the keypoint_detector engine kp_hourglass_input of shape \(1, 3, "),
        ("set_tensor_address", "giving the keypoint_detector engine its arrays failed"),
        ("execute_async_v3", "running the keypoint_detector engine failed"),
        ("set_optimization_profile_async", "preparing the keypoint_detector engine for 1 frames at a time failed"),
    ],
)
def test_refusals_of_tensorrt(world: World, monkeypatch: pytest.MonkeyPatch, call: str, words: str) -> None:
    world.machine.batches = [1, 8]
    world.machine.refuses = {call}
    world.build()

    def animate() -> None:
        with world.load() as animator:
            animator.set_source(GOLDEN.source)

    with pytest.raises(EngineError, match=f"{words}.*: .*Error Code 1: {call} is refused$"):
        animate()
    assert all(device.is_closed for device in world.devices)
    # If TensorRT logs nothing, an earlier message is not repeated.
    monkeypatch.setattr(world.machine, "allows", lambda name: name != call)
    with pytest.raises(EngineError, match=r"TensorRT does not say why$"):
        animate()


def test_engines_of_other_tensors(world: World) -> None:
    world.machine.renamed = {"prediction": "output"}
    folder = world.build()
    with pytest.raises(EngineError) as caught:
        world.load()
    message = str(caught.value)
    assert message.startswith(f"{folder.path}: the generator engine has the tensors ")
    assert "output (OUTPUT, FLOAT, 3×64×64); expected" in message
    assert "prediction (OUTPUT, FLOAT, 3×64×64). Build it again: fomm-rt build " in message
    assert [device.is_closed for device in world.devices] == [True]


def test_engines_of_other_types(world: World) -> None:
    world.machine.half = True
    world.build()
    with pytest.raises(EngineError, match=r"source_image \(INPUT, HALF, .*; expected source_image \(INPUT, FLOAT, "):
        world.load()


def test_altered_engines_never_reach_tensorrt(world: World) -> None:
    file = world.build().path
    before, _, after = file.read_bytes().rpartition(b"generator")
    file.write_bytes(before + b"Generator" + after)
    with pytest.raises(EngineError, match="was altered since it was built"):
        world.load()
    assert b"Generator" not in world.machine.deserialized


class EntryPoint:
    def __init__(self, builder: Any) -> None:
        self._builder = builder

    def load(self) -> Any:
        if isinstance(self._builder, Exception):
            raise self._builder
        return self._builder


@pytest.fixture
def builders(monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    found: list[EntryPoint] = []
    group = BUILDERS
    monkeypatch.setattr(
        "fomm_rt.backends.tensorrt.backend.entry_points", lambda *, group: found if group == BUILDERS else []
    )
    assert [point.name for point in importlib.metadata.entry_points(group=group)] in (["default"], [])
    return found


def test_auto_build_builds_missing_engines(
    world: World, builders: list[EntryPoint], caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[tuple[Any, ...]] = []

    def builder(model: ModelFolder, *options: Any) -> EngineSet:
        asked.append((model.path, *options[:-1]))
        assert options[-1].folder == world.store.folder
        return world.build()

    builders.append(EntryPoint(builder))
    with pytest.raises(EngineError, match="Build them"):
        world.load()
    assert not asked
    for _ in range(2):
        with world.load(auto_build=True) as animator:
            animator.set_source(GOLDEN.source)
            animator.animate(GOLDEN.driving[0])
    assert asked == [(world.model.path, "tensorrt", "fp32", "split", 1)], "once"
    (record,) = caplog.records
    assert "building engines of small_aligned for this GPU, once; this takes minutes: " in record.getMessage()


def test_missing_builders(world: World, builders: list[EntryPoint]) -> None:
    with pytest.raises(BackendError, match="this installation cannot build engines; install fomm-rt as a whole: pip"):
        world.load(auto_build=True)
    builders.append(EntryPoint(ModuleNotFoundError("No module named 'onnx'")))
    words = r"engines cannot be built here \(No module named 'onnx'\); run: pip install 'fomm-rt\[tensorrt\]'"
    with pytest.raises(BackendError, match=words):
        world.load(auto_build=True)

    def builder(*_: Any) -> Any:
        raise ModuleNotFoundError("No module named 'onnx'")

    builders[:] = [EntryPoint(builder)]
    with pytest.raises(BackendError, match=words):
        world.load(auto_build=True)


def test_failing_builders(world: World, builders: list[EntryPoint]) -> None:
    def builder(*_: Any) -> Any:
        raise EngineError("the generator's prediction is 31 dB from ONNX Runtime's; the worst layer is conv_3")

    builders.append(EntryPoint(builder))
    with pytest.raises(EngineError, match=r"31 dB .* the worst layer is conv_3$"):
        world.load(auto_build=True)


def test_auto_takes_tensorrt(world: World) -> None:
    world.build()
    with world.load("auto") as animator:
        assert animator.backend.name == "tensorrt"
        assert animator.backend.reason == "the fastest backend available here"


def test_auto_falls_back_and_gives_reasons(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """TensorRT has no engines, TensorRT-RTX is not installed and ONNX Runtime has no CUDA, so the CPU remains."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with world.load("auto", precision=None) as animator:
        assert animator.backend.name == "onnxruntime-cpu"
        reasons = animator.backend.reason.split("; not ")
    assert reasons[0] == "the fastest backend available here"
    assert [reason.split(":")[0] for reason in reasons[1:]] == ["tensorrt", "tensorrt-rtx", "onnxruntime-cuda"]
    assert "none have been built here" in reasons[1]
    assert "tensorrt_rtx cannot be imported" in reasons[2]
    assert "is built without CUDA" in reasons[3]
    (record,) = caplog.records
    assert record.getMessage().startswith("backend tensorrt is skipped: ")
