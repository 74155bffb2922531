from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import av
import pytest

from fomm_rt.live.cameras.failures import explain_failure, holders


def explained(number: int, path: str | None = None) -> str:
    return str(explain_failure("C920", OSError(number, os.strerror(number)), path))


@pytest.mark.parametrize(
    ("platform", "advice"),
    [
        ("linux", "add the user to the group video and log in again: sudo usermod -aG video $USER"),
        ("darwin", "System Settings > Privacy & Security > Camera"),
        ("win32", "Settings > Privacy & security > Camera"),
    ],
)
def test_permission_is_given_in_another_way_on_each_system(
    monkeypatch: pytest.MonkeyPatch, platform: str, advice: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    message = explained(errno.EACCES)
    assert message.startswith("C920 may not be opened by this user; ")
    assert advice in message


@pytest.mark.skipif(sys.platform == "win32", reason="has no groups")
def test_group_of_the_device_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = tmp_path / "video0"
    device.touch()
    monkeypatch.setattr(Path, "group", lambda path: {device: "plugdev"}[path])
    assert "add the user to the group plugdev and log in again" in explained(errno.EACCES, str(device))
    monkeypatch.setattr(Path, "group", lambda _path: "root")
    assert f"give this user read and write permission for {device}." in explained(errno.EACCES, str(device))


@pytest.mark.parametrize("number", [errno.ENODEV, errno.ENOENT, errno.ENXIO])
def test_device_that_is_not_there(number: int) -> None:
    assert explained(number) == "C920 was unplugged; plug it in again."


def test_any_other_failure_keeps_its_reason() -> None:
    assert explained(errno.EIO) == "C920 cannot be read: input/output error."
    assert str(explain_failure("C920", ValueError("no such\nformat"))) == "C920 cannot be read: no such."


def test_error_of_ffmpeg_that_is_no_oserror_is_recognized_by_its_number() -> None:
    error = av.error.FFmpegError(errno.EBUSY, "Device or resource busy")
    assert not isinstance(error, OSError)
    assert str(explain_failure("C920", error)).startswith("C920 is held by another program")


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_programs_that_hold_a_device(tmp_path: Path) -> None:
    device = tmp_path / "video0"
    device.touch()
    with device.open() as held:
        assert holders(str(device)) == []
        command = [sys.executable, "-c", "input()"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[held.fileno()]) as other:
            link = tmp_path / "by-id"
            link.symlink_to(device)
            (program,) = holders(str(link))
            assert program.endswith(f", process {other.pid}")
            other.communicate(b"\n")
