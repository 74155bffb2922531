"""A fake driver, and fake TensorRT on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fakes.tensorrt import FakeDriver, fake_module
from fakes.tensorrt_machine import World
from fomm_rt.backends.gpu import cuda_device
from fomm_rt.backends.tensorrt.library import load_tensorrt, tensorrt_logger
from fomm_rt.engines.store import EngineStore
from fomm_rt.machine import nvidia_driver
from fomm_rt.model.folder import ModelFolder, open_model_folder


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
