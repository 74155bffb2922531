"""A fake camera and a fake v4l2loopback for programs that tests start: see `video_devices.c`, which this builds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

SOURCE = Path(__file__).with_suffix(".c")
LONGEST_RUN_S = 60.0


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
    """Video devices that programs see in /dev, in place of those of the machine."""

    def __init__(self, library: Path, folder: Path, worker: DeviceProcess | None = None) -> None:
        self.folder = folder
        self.folder.mkdir()
        self.environment = {**_environment(library), "FAKE_DEVICES": str(folder)}
        self._worker = worker

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
        """Runs Python code that sees the devices, to its end; returns what its last line printed as JSON says."""
        process = self.start(code, *arguments)
        try:
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
        assert process.returncode == 0, errors
        return json.loads(output.splitlines()[-1])

    def evaluate(self, code: str, **values: object) -> Any:
        """Runs Python code in a process that all tests share, because one takes long to start.

        Returns `result`, which the code sets to what JSON can hold. `devices`, the path of their folder, and `values`
        are variables of the code.
        """
        assert self._worker is not None
        return self._worker.run(code, {"devices": str(self.folder), **values}, self.folder)

    def written(self, number: int = 9) -> tuple[str, list[bytes]]:
        """Size and format, as "1280x720 YU12", and the frames that were written to a loopback."""
        text = (self.folder / f"format-video{number}").read_text().strip()
        size, code = text.split()
        width, height = map(int, size.split("x"))
        frame_bytes = width * height * {"YU12": 3, "NV12": 3, "YUYV": 4, "UYVY": 4, "RGB3": 6}[code] // 2
        content = (self.folder / f"video{number}").read_bytes()
        return text, [content[start : start + frame_bytes] for start in range(0, len(content), frame_bytes)]


class DeviceProcess:
    """A process that sees fake devices and runs code for tests, one piece after another."""

    def __init__(self, library: Path) -> None:
        self._library = library
        self._process: subprocess.Popen[str] | None = None

    def run(self, code: str, values: dict[str, object], folder: Path) -> Any:
        """Runs code with some variables; returns its variable `result`."""
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-W", "error", "-c", _WORK]
            self._process = subprocess.Popen(
                command, env=_environment(self._library), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        limit = Timer(LONGEST_RUN_S, process.kill)
        limit.start()
        try:
            process.stdin.write(json.dumps([code, values, str(folder)]) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        finally:
            limit.cancel()
        assert answer, "the code did not end, or ended its process"
        result, error = json.loads(answer)
        assert error is None, error
        return result

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            with self._process as process:
                process.kill()


def _environment(library: Path) -> dict[str, str]:
    paths = os.pathsep.join(map(str, [SOURCE.parents[1], *sys.path]))
    return {**os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": paths, "PYTHONFAULTHANDLER": "1"}


_WORK = """
import json, os, sys, traceback
answers, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    code, values, folder = json.loads(line)
    os.environ["FAKE_DEVICES"] = folder
    try:
        exec(compile(code, "code of a test", "exec"), values)
        answer = json.dumps([values["result"], None])
    except BaseException:
        answer = json.dumps([None, traceback.format_exc()])
    print(answer, file=answers, flush=True)
"""
