"""Model folders that several test files share, each exported once per run, and settings for all tests.

Processes with the stand-in for the driver start often, so they import torch only for tests that need it.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from driver_stand_in.forwarding import Forwarding
from exported_models import exported, share_folder
from fomm_rt.model.folder import ModelFolder
from fomm_rt.model.manifest import Weights
from golden_files import Golden, blending_networks
from gpu_rigs import is_stand_in

if TYPE_CHECKING:
    from fomm_export.networks.model import Networks

if not is_stand_in():
    import torch

    torch.set_num_threads(2)
# Processes that a shell starts in the background ignore Ctrl-C, and processes that tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Under nohup they would also ignore SIGHUP.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_configure(config: pytest.Config) -> None:
    """Runs tests that need a driver on a stand-in for it."""
    if remove := share_folder():
        config.add_cleanup(remove)
    if not is_stand_in():
        config.pluginmanager.register(Forwarding())


ModelOf = Callable[[str], ModelFolder]


@pytest.fixture(scope="session", autouse=True)
def no_installed_models(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Hides the models that the user of this machine has installed, also from processes that tests start."""
    os.environ["FOMM_MODELS"] = str(tmp_path_factory.mktemp("no-models"))


@pytest.fixture(scope="session")
def golden_model() -> ModelOf:
    """Returns a function from a golden's name to its model folder."""

    @cache
    def model(name: str) -> ModelFolder:
        return _exported(name, lambda: Golden(name).networks)

    return model


@pytest.fixture(scope="session")
def small_model(golden_model: ModelOf) -> Path:
    """A 64×64 model folder with jacobians and occlusion map."""
    return golden_model("small_aligned").path


@pytest.fixture(scope="session")
def blending_model() -> ModelFolder:
    """The small model with a blend mask."""
    return _exported("blending", blending_networks)


def _exported(name: str, networks: Callable[[], Networks]) -> ModelFolder:
    def export(folder: Path) -> None:
        from fomm_export.export_model import export_networks

        export_networks(networks(), Weights("stand-in", name, None, None), folder)

    return exported(name, export)


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
