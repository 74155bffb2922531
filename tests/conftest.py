"""Model folders that several test files share, each exported once per run, and settings for all tests."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch

from driver_stand_in.forwarding import Forwarding
from fomm_export.export_model import export_networks
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.manifest import Weights
from golden_files import Golden, blending_networks
from gpu_rigs import is_stand_in

torch.set_num_threads(2)
# Processes that a shell starts in the background ignore Ctrl-C, and processes that tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Under nohup they would also ignore SIGHUP.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_configure(config: pytest.Config) -> None:
    """Runs tests that need a driver on a stand-in for it."""
    if not is_stand_in():
        config.pluginmanager.register(Forwarding())


ModelOf = Callable[[str], ModelFolder]


@pytest.fixture(scope="session", autouse=True)
def no_installed_models(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Hides the models that the user of this machine has installed, also from processes that tests start."""
    os.environ["FOMM_MODELS"] = str(tmp_path_factory.mktemp("no-models"))


@pytest.fixture(scope="session")
def golden_model(tmp_path_factory: pytest.TempPathFactory) -> ModelOf:
    """Returns a function from a golden's name to its model folder."""
    root = tmp_path_factory.mktemp("models")

    @cache
    def export(name: str) -> ModelFolder:
        weights = Weights("stand-in", name, None, None)
        return export_networks(Golden(name).networks, weights, root / name)

    return export


@pytest.fixture(scope="session")
def small_model(golden_model: ModelOf) -> Path:
    """A 64×64 model folder with jacobians and occlusion map."""
    return golden_model("small_aligned").path


@pytest.fixture(scope="session")
def blending_model(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    """The small model with a blend mask."""
    weights = Weights("stand-in", "blending", None, None)
    return export_networks(blending_networks(), weights, tmp_path_factory.mktemp("models") / "blending")


@pytest.fixture
def copied_model(small_model: Path, tmp_path: Path) -> Path:
    """A copy of the small model that a test may change."""
    return Path(shutil.copytree(small_model, tmp_path / "copy"))


@pytest.fixture(scope="session")
def shared_media() -> Path:
    """A folder of real clips and pictures: FOMM_TEST_MEDIA names it. Tests that need it skip without it."""
    beside = Path(__file__).parents[2] / "shared" / "media"
    folder = Path(os.environ.get("FOMM_TEST_MEDIA", beside))
    if not folder.is_dir():
        pytest.skip("the folder of real clips is not here")
    return folder
