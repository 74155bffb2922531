"""The GPU that these tests run on, or the stand-in for its driver (`driver_stand_in`) in a process that has it.

These tests do not depend on the project's other tests: they run in any Python with NumPy, pytest and CUDA's Python
packages, see `make gpu`. A test requests anything else that it needs.

FOMM_REQUIRE_GPU=1          a GPU and its software are promised: tests that cannot run fail instead of being skipped
FOMM_WITHOUT=torch,cupy     modules that are known to be missing
FOMM_TEST_ENGINES=FOLDER    keeps engines between runs; by default they are built anew
FOMM_TEST_MODEL=FOLDER      small.yaml as a model; by default it is exported, which needs torch
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from fomm_kernels import driver_problem
from fomm_rt.backends.gpu.device import Device
from fomm_rt.engines.store import EngineStore
from fomm_rt.model.folder import ModelFolder, open_model_folder
from gpu_rigs import OnGpu, Rig, flavour_problem, is_gpu_promised, is_stand_in

if TYPE_CHECKING:
    from gpu_memory import Gpu

SMALL = Path(__file__).parent / "small.yaml"

DoWithout = Callable[[str], NoReturn]
Needs = Callable[[str], Any]


@pytest.fixture(scope="session")
def do_without() -> DoWithout:
    """Skips a test with a reason, or fails it if FOMM_REQUIRE_GPU=1."""

    def leave(problem: str) -> NoReturn:
        if is_gpu_promised():
            pytest.fail(f"FOMM_REQUIRE_GPU is set, but {problem}", pytrace=False)
        pytest.skip(problem)

    return leave


@pytest.fixture(scope="session")
def needs(do_without: DoWithout) -> Needs:
    """Imports a module by name; skips or fails the test if it is missing."""

    def needed(name: str) -> Any:
        try:
            return import_module(name)
        except ImportError as error:
            if name in os.environ.get("FOMM_WITHOUT", "").split(","):
                pytest.skip(f"{name} is not here, as FOMM_WITHOUT says")
            do_without(f"{name} cannot be imported ({error}); install it, or set FOMM_WITHOUT={name}")

    return needed


@pytest.fixture(scope="session")
def gpu(do_without: DoWithout) -> Iterator[Gpu]:
    """The first GPU with loaded kernels; without one, tests are skipped or fail."""
    if problem := driver_problem():
        do_without(problem)
    from gpu_memory import Gpu

    made = Gpu()
    made.kernels.load()
    yield made
    made.kernels.close()


@pytest.fixture(scope="module")
def device(do_without: DoWithout) -> Iterator[Device]:
    """The first GPU as the runtime sees it."""
    if problem := driver_problem():
        do_without(problem)
    from fomm_rt.backends.gpu.cuda_device import CudaDevice

    made = CudaDevice()
    yield made
    made.close()


@pytest.fixture(scope="session")
def rig(do_without: DoWithout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """TensorRT on the first GPU; on the stand-in for the driver, the same path with fake engines."""
    made: Rig
    if is_stand_in():
        from driver_stand_in.rig import StandInRig

        made = StandInRig()
    else:
        flavour, problem = flavour_problem()
        if problem is not None:
            do_without(problem)
        kept = os.environ.get("FOMM_TEST_ENGINES")
        made = OnGpu(flavour, EngineStore(Path(kept) if kept else tmp_path_factory.mktemp("engines")))
    yield made
    made.device.close()


@pytest.fixture(scope="session")
def small(request: pytest.FixtureRequest, needs: Needs, tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    """A model of 64×64 pixels with jacobians and occlusion map: FOMM_TEST_MODEL, or exported here."""
    if given := os.environ.get("FOMM_TEST_MODEL"):
        return open_model_folder(given)
    needs("torch")
    needs("onnxscript")
    try:
        exported: ModelFolder = request.getfixturevalue("golden_model")("small_aligned")
        return exported
    except pytest.FixtureLookupError:  # the project's other tests are left out
        from fomm_export.export_model import export_stand_in

        return export_stand_in(tmp_path_factory.mktemp("models") / "small", config=str(SMALL))
