"""Listing cameras where FFmpeg does it, and choosing the first; `test_device.py` lists those of Linux."""

from __future__ import annotations

import sys

import av.device
import pytest

from fomm_rt.live.cameras.listing import ListedCamera, first_camera, list_cameras


def device(name: str, description: str, *kinds: str) -> av.device.DeviceInfo:
    return av.device.DeviceInfo(name, description, False, list(kinds))


@pytest.mark.parametrize(
    ("platform", "devices", "expected"),
    [
        (
            "darwin",
            [device("0", "FaceTime HD", "video"), device("0", "Microphone", "audio"), device("1", "Screen", "video")],
            [ListedCamera(0, "FaceTime HD", "0"), ListedCamera(1, "Screen", "1")],
        ),
        (
            "win32",
            [device("Microphone", "Microphone", "audio"), device("@device_pnp_1", "Logitech C920", "video")],
            [ListedCamera(0, "Logitech C920", "video=@device_pnp_1")],
        ),
        ("sunos", [], []),
    ],
)
def test_cameras_of_other_systems(
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    devices: list[av.device.DeviceInfo],
    expected: list[ListedCamera],
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(av.device, "enumerate_input_devices", lambda _kind: devices)
    assert list_cameras() == expected


def test_system_that_cannot_list(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_kind: str) -> list[av.device.DeviceInfo]:
        raise av.error.ArgumentError(22, "Invalid argument")

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(av.device, "enumerate_input_devices", refuse)
    assert list_cameras() == []


def test_first_camera_is_a_real_one_that_can_be_used() -> None:
    busy = ListedCamera(0, "A", "/dev/video0", problem="in use")
    virtual = ListedCamera(1, "OBS", "/dev/video1", is_virtual=True)
    usable = ListedCamera(2, "B", "/dev/video2")
    assert first_camera([busy, virtual, usable]) is usable
    assert first_camera([busy, virtual]) is virtual
    assert first_camera([busy]) is busy
