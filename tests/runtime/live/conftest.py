from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.video_devices import DeviceProcess, FakeVideoDevices, build_video_devices
from virtual_display import VirtualDisplay, virtual_display, without_current_context


@pytest.fixture(scope="session")
def video_devices_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that plays video devices, built once per run."""
    return build_video_devices(tmp_path_factory.mktemp("video-devices"))


@pytest.fixture(scope="session")
def device_process(video_devices_library: Path) -> Iterator[DeviceProcess]:
    """The process that `devices.run` uses."""
    process = DeviceProcess(video_devices_library)
    yield process
    process.close()


@pytest.fixture
def devices(video_devices_library: Path, device_process: DeviceProcess, tmp_path: Path) -> FakeVideoDevices:
    """Fake video devices, none at first: `devices.add(0, card="Camera")` plugs one in."""
    return FakeVideoDevices(video_devices_library, tmp_path / "dev", device_process)


@pytest.fixture(scope="session")
def running_display() -> Iterator[VirtualDisplay]:
    """A display without a screen, for all tests."""
    with virtual_display() as running:
        yield running


@pytest.fixture
def display(running_display: VirtualDisplay, monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualDisplay]:
    """The display that windows of this test appear on."""
    monkeypatch.setenv("DISPLAY", running_display.name)
    for name in ("WAYLAND_DISPLAY", "SDL_VIDEODRIVER", "SDL_RENDER_DRIVER"):
        monkeypatch.delenv(name, raising=False)
    with without_current_context():
        yield running_display
