"""What `fomm-rt doctor` says about fake devices."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from fakes.video_devices import FakeVideoDevices
from fomm_rt.cli import doctor as command
from fomm_rt.doctor import live
from fomm_rt.live.outputs import loopback_setup

EXAMINE = """
import json
from msgspec import to_builtins
from fomm_rt.cli.doctor import _live_lines
from fomm_rt.doctor import live
from fomm_rt.live.outputs import loopback_setup
live._window = lambda: ("x11, SDL 2.32.10", None)
live.list_microphones = lambda: {"default": "Default", "hw:1": "USB"}
loopback_setup.is_loaded = lambda: False
loopback_setup.is_installed = lambda: sys.argv[1] == "installed"
found = live.live_health()
print(json.dumps([to_builtins(found), _live_lines(found)]))
"""
LOAD = 'sudo modprobe v4l2loopback exclusive_caps=1 card_label="fomm-rt"'


def test_everything_is_there(devices: FakeVideoDevices) -> None:
    devices.add(0, card="Webcam", sizes="320x240,1280x720,640x480", rate=30)
    devices.add(9, card="fomm-rt")
    document, lines = devices.run(EXAMINE, "installed")
    assert lines == [
        "camera 0                 Webcam, /dev/video0: YUYV 1280×720 30 fps",
        "microphones              default, hw:1",
        "window                   x11, SDL 2.32.10",
        "virtual camera           fomm-rt, /dev/video9, free",
    ]
    assert document["to_do"] == {}
    assert document["virtual_cameras"] == [{"path": "/dev/video9", "name": "fomm-rt", "problem": None}]


@pytest.mark.parametrize(
    ("module", "expected"),
    [("installed", LOAD), ("missing", f"sudo apt install v4l2loopback-dkms && {LOAD}")],
)
def test_commands_that_set_up_what_is_missing(devices: FakeVideoDevices, module: str, expected: str) -> None:
    devices.add(0, card="Webcam", denied="yes")
    document, lines = devices.run(EXAMINE, module)
    assert lines[0] == "camera 0                 /dev/video0, /dev/video0; not permitted"
    assert lines[3:] == [
        "virtual camera           none",
        f"for a virtual camera     {expected}",
        'for permission           sudo usermod -aG video "$USER", and log in again',
    ]
    assert document["cameras"][0]["problem"] == "not permitted"


def test_no_camera_and_a_virtual_one_that_chrome_does_not_list(devices: FakeVideoDevices) -> None:
    devices.add(8, kind="loopback", card="mine", taken="yes")
    devices.add(9, card="ours", exclusive="no")
    _, lines = devices.run(EXAMINE, "installed")
    assert "virtual camera           mine, /dev/video8, another program writes to it" in lines
    assert "virtual camera           ours, /dev/video9, Chrome does not list it without exclusive_caps=1" in lines
    assert f"for exclusive_caps=1     sudo modprobe -r v4l2loopback && {LOAD}" in lines


def test_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(live, "list_cameras", list)
    monkeypatch.setattr(live, "list_microphones", dict)
    monkeypatch.setattr(live, "_window", lambda: (None, "a window needs PySDL2"))
    monkeypatch.setattr(live, "installed_version", lambda _name: None)
    lines = command._live_lines(live.live_health())
    assert lines[:3] == [
        "cameras                  none",
        "microphones              none",
        "window                   no: a window needs PySDL2",
    ]
    assert 'for a virtual camera     pip install "fomm-rt[virtual-camera]"; install OBS Studio' in "\n".join(lines)
    monkeypatch.setattr(live, "installed_version", lambda _name: "0.15.0")
    lines = command._live_lines(live.live_health())
    assert "virtual camera           that of OBS, by pyvirtualcam 0.15.0, free" in lines


def test_the_window_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    driver, problem = live._window()
    assert driver is None
    assert problem is not None
    assert "display" in problem or "PySDL2" in problem


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"ID": "ubuntu", "ID_LIKE": "debian"}, "sudo apt install v4l2loopback-dkms"),
        ({"ID": "arch"}, "sudo pacman -S v4l2loopback-dkms"),
        ({"ID": "fedora"}, "sudo dnf install akmod-v4l2loopback"),
        ({}, "sudo apt install v4l2loopback-dkms"),
    ],
)
def test_install_commands(monkeypatch: pytest.MonkeyPatch, found: dict[str, str], expected: str) -> None:
    monkeypatch.setattr(loopback_setup, "platform", SimpleNamespace(freedesktop_os_release=lambda: found))
    assert loopback_setup.install_command() == expected


def test_finding_the_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback_setup, "_MODULES", tmp_path)
    monkeypatch.setattr(loopback_setup, "_LOADED", tmp_path / "loaded")
    monkeypatch.setattr(loopback_setup, "platform", SimpleNamespace(release=lambda: "6.1"))
    assert not loopback_setup.is_installed()
    assert not loopback_setup.is_loaded()
    (tmp_path / "6.1").mkdir()
    (tmp_path / "6.1" / "modules.dep").write_text("kernel/a.ko:\nupdates/dkms/v4l2loopback.ko.xz: kernel/videodev.ko\n")
    (tmp_path / "loaded").mkdir()
    assert loopback_setup.is_installed()
    assert loopback_setup.is_loaded()
