"""A fake camera and a fake v4l2loopback for programs that tests start: see `video_devices.c`, which this builds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).with_suffix(".c")


def build_video_devices(folder: Path) -> Path:
    """Compiles the library to preload; skips the test without gcc, or fails it where CI promised gcc."""
    if sys.platform != "linux" or shutil.which("gcc") is None:
        if os.environ.get("FOMM_REQUIRE_DISPLAY") == "1":
            pytest.fail("FOMM_REQUIRE_DISPLAY=1 promises gcc on Linux, which is not here")
        pytest.skip("fake video devices need gcc on Linux")
    library = folder / "video_devices.so"
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    return library


class FakeVideoDevices:
    """Video devices that a program sees in /dev, in place of those of the machine."""

    def __init__(self, library: Path, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir()
        paths = os.pathsep.join(map(str, [SOURCE.parents[1], *sys.path]))
        self.environment = {
            **os.environ,
            "LD_PRELOAD": str(library),
            "FAKE_DEVICES": str(folder),
            "PYTHONPATH": paths,
        }

    def add(self, number: int, **settings: object) -> Path:
        """Plugs a device in, with the settings that `video_devices.c` lists; returns its file."""
        lines = [f"{key} {value}\n" for key, value in settings.items()]
        (self.folder / f"settings-video{number}").write_text("".join(lines))
        device = self.folder / f"video{number}"
        device.touch()
        return device

    def start(self, code: str, *arguments: object) -> subprocess.Popen[str]:
        """Starts Python code that sees the devices; `devices` in it is their folder."""
        code = f"import sys\nfrom pathlib import Path\ndevices = Path({str(self.folder)!r})\n{code}"
        command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
        return subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, code: str, *arguments: object) -> Any:
        """Runs Python code that sees the devices; returns what its last line printed as JSON says."""
        process = self.start(code, *arguments)
        try:
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
        assert process.returncode == 0, errors
        return json.loads(output.splitlines()[-1])

    def written(self, number: int = 9) -> tuple[str, list[bytes]]:
        """Size and format, as "1280x720 YU12", and the frames that were written to a loopback."""
        text = (self.folder / f"format-video{number}").read_text().strip()
        size, code = text.split()
        width, height = map(int, size.split("x"))
        frame_bytes = width * height * {"YU12": 3, "NV12": 3, "YUYV": 4, "UYVY": 4, "RGB3": 6}[code] // 2
        content = (self.folder / f"video{number}").read_bytes()
        return text, [content[start : start + frame_bytes] for start in range(0, len(content), frame_bytes)]
