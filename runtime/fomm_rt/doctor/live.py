"""Checks for `fomm-rt live`: cameras, microphones, virtual cameras, a window; and how to set up missing parts."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from fomm_rt.errors import OutputError
from fomm_rt.live.cameras import v4l2
from fomm_rt.live.cameras.listing import ListedCamera, list_cameras
from fomm_rt.live.outputs import loopback_setup, obs_camera
from fomm_rt.live.outputs.microphone import list_microphones
from fomm_rt.live.outputs.v4l2_loopback import LoopbackDevice, loopback_devices
from fomm_rt.machine.packages import installed_version


@dataclass(frozen=True)
class CameraHealth:
    """A camera: what `--camera` takes for it, its largest sizes, and why it cannot be used; None if it can."""

    number: int
    name: str
    path: str
    formats: str
    problem: str | None


@dataclass(frozen=True)
class VirtualCameraHealth:
    """A virtual camera: what `--virtual-camera` takes for it, and why it cannot be used; None if it can."""

    path: str
    name: str
    problem: str | None


@dataclass(frozen=True)
class LiveHealth:
    """The devices that a live session finds on this machine.

    Attributes:
        cameras: The cameras.
        microphones: Names of the microphones.
        virtual_cameras: The virtual cameras.
        window: The driver of the window system; None if no window can be opened.
        window_problem: Why not, and what to do; None if one can.
        to_do: Missing part -> the command or step that sets it up.
    """

    cameras: list[CameraHealth]
    microphones: list[str]
    virtual_cameras: list[VirtualCameraHealth]
    window: str | None
    window_problem: str | None
    to_do: dict[str, str]


def live_health() -> LiveHealth:
    """Lists devices, which starts none of them, and connects to the window system."""
    cameras = list_cameras()
    if sys.platform == "linux":
        virtual_cameras, to_do = _loopbacks()
    else:
        virtual_cameras, to_do = _obs()
    if any(camera.problem == "not permitted" for camera in cameras):
        to_do["permission"] = f"{loopback_setup.JOIN_GROUP}, and log in again"
    if not cameras:
        to_do["a camera"] = "plug one in; without one: fomm-rt live --camera test, or a video file"
    driver, problem = _window()
    microphones = list(list_microphones())
    return LiveHealth([_camera(each) for each in cameras], microphones, virtual_cameras, driver, problem, to_do)


def _camera(camera: ListedCamera) -> CameraHealth:
    largest: dict[str, v4l2.Format] = {}
    for form in camera.formats:
        known = largest.get(form.code)
        if known is None or form.width * form.height > known.width * known.height:
            largest[form.code] = form
    return CameraHealth(
        camera.number, camera.name, camera.path, ", ".join(map(str, largest.values())), camera.problem or None
    )


def _loopbacks() -> tuple[list[VirtualCameraHealth], dict[str, str]]:
    devices = loopback_devices()
    to_do = {}
    if not devices and not loopback_setup.is_loaded():
        commands = [] if loopback_setup.is_installed() else [loopback_setup.install_command()]
        to_do["a virtual camera"] = " && ".join([*commands, loopback_setup.LOAD])
    elif any(device.is_exclusive is False for device in devices):
        to_do["exclusive_caps=1"] = loopback_setup.RELOAD
    return [VirtualCameraHealth(device.path, device.name, _problem(device)) for device in devices], to_do


def _problem(device: LoopbackDevice) -> str | None:
    if not device.is_free:
        return "another program writes to it"
    return "Chrome does not list it without exclusive_caps=1" if device.is_exclusive is False else None


def _obs() -> tuple[list[VirtualCameraHealth], dict[str, str]]:
    version = installed_version("pyvirtualcam")
    if version is None:
        return [], {"a virtual camera": f"{obs_camera.INSTALL}; {obs_camera.INSTALL_OBS}"}
    return [VirtualCameraHealth("", f"that of OBS, by pyvirtualcam {version}", None)], {}


def _window() -> tuple[str | None, str | None]:
    from fomm_rt.live.outputs.window.sdl import load_sdl, start_video

    try:
        sdl = load_sdl()
        start_video(sdl)
    except OutputError as error:
        return None, str(error)
    driver = sdl.SDL_GetCurrentVideoDriver().decode()
    version = sdl.dll.version_tuple
    sdl.SDL_QuitSubSystem(sdl.SDL_INIT_VIDEO)
    return f"{driver}, SDL {'.'.join(map(str, version))}", None
