from pathlib import Path

import pytest

from fakes.video_devices import FakeVideoDevices, build_video_devices


@pytest.fixture(scope="session")
def video_devices_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that plays video devices, built once per run."""
    return build_video_devices(tmp_path_factory.mktemp("video-devices"))


@pytest.fixture
def devices(video_devices_library: Path, tmp_path: Path) -> FakeVideoDevices:
    """Fake video devices, none at first: `devices.add(0, card="Camera")` plugs one in."""
    return FakeVideoDevices(video_devices_library, tmp_path / "dev")
