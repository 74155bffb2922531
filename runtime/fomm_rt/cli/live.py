"""`fomm-rt live`: a camera drives an avatar, in a window, as a virtual camera, into a file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import typer

from fomm_rt.cli.left_behind import without_threads_left_behind
from fomm_rt.cli.live_options import LiveOptions, OutputOptions
from fomm_rt.cli.model import ModelOption
from fomm_rt.cli.optional_value import OptionalValueCommand
from fomm_rt.cli.options import (
    AsJson,
    BackendOption,
    Engines,
    OverwriteOption,
    PrecisionOption,
    Quiet,
    Threads,
    Verbose,
    option,
)
from fomm_rt.cli.parsing import parse_pair, parse_seconds
from fomm_rt.cli.terminal import Terminal, running

if TYPE_CHECKING:
    from collections.abc import Mapping


class LiveCommand(OptionalValueCommand):
    """The command, with the options whose value may be left out."""

    optional_values: ClassVar[Mapping[str, str]] = {"--virtual-camera": "auto", "--smooth": "0.5"}


CAMERA, AVATAR, MOTION, OUTPUTS = "Camera", "Avatar", "Motion", "Outputs"


def live(
    camera: Annotated[
        str | None,
        option(
            CAMERA,
            "A camera by number, path or part of its name; the address of a stream; a video or picture; 'test'.",
            metavar="CAMERA",
            show_default="the first camera",
        ),
    ] = None,
    list_cameras: Annotated[bool, option(CAMERA, "List the cameras and end.", "--list-cameras")] = False,
    camera_size: Annotated[
        str | None, option(CAMERA, "Size to ask the camera for.", metavar="WxH", show_default="640x480")
    ] = None,
    camera_fps: Annotated[
        float | None,
        option(CAMERA, "Frames per second to ask the camera for.", min=1, max=240, show_default="30"),
    ] = None,
    loop: Annotated[bool, option(CAMERA, "Play a video in a loop, or once.", "--loop/--once")] = True,
    avatars: Annotated[
        list[Path] | None,
        option(
            AVATAR,
            "A folder of pictures, or a picture; may be repeated.",
            "--avatars",
            metavar="FOLDER|FILE",
            show_default="the bundled ones",
        ),
    ] = None,
    avatar: Annotated[int, option(AVATAR, "Number of the first avatar.", min=1)] = 1,
    model: ModelOption = None,
    relative: Annotated[
        bool,
        option(MOTION, "Apply your movement since the reference frame, or copy your pose.", "--relative/--absolute"),
    ] = True,
    adapt_scale: Annotated[bool, option(MOTION, "Scale relative movement to the size of the avatar.")] = True,
    smooth: Annotated[
        float | None,
        option(
            MOTION,
            "Smooth your movement, from 0 to 1, which delays it most; 0.5 if no strength is given.",
            metavar="[STRENGTH]",
            min=0,
            max=1,
            show_default="0",
        ),
    ] = None,
    follow_face: Annotated[
        bool, option(MOTION, "Let the square of the camera's picture follow your face, or rest in the middle.")
    ] = True,
    on_no_face: Annotated[
        Literal["hold", "source", "passthrough"],
        option(
            MOTION,
            "While no face is seen: hold the picture, then show the resting avatar; show that at once; or show the "
            "camera's picture.",
        ),
    ] = "hold",
    window: Annotated[bool, option(OUTPUTS, "Open a window; needs the extra 'live'.")] = True,
    virtual_camera: Annotated[
        str | None,
        option(
            OUTPUTS,
            "Show the result to other programs as a camera; the first free device if none is given.",
            metavar="[DEVICE]",
        ),
    ] = None,
    record: Annotated[Path | None, option(OUTPUTS, "Record from the start into this file.", metavar="FILE.mkv")] = None,
    microphone: Annotated[
        str | None, option(OUTPUTS, "Record the sound of this microphone; 'default' or its name.", metavar="NAME")
    ] = None,
    raw: Annotated[bool, option(OUTPUTS, "Write raw RGB frames to standard output, for FFmpeg.", "--raw")] = False,
    output_size: Annotated[
        str | None,
        option(OUTPUTS, "Size of the virtual camera and of raw frames.", metavar="WxH", show_default="1280x720"),
    ] = None,
    mirror: Annotated[
        bool, option(OUTPUTS, "Mirror what others see; the window is a mirror by itself.", "--mirror")
    ] = False,
    snapshots: Annotated[
        Path, option(OUTPUTS, "First name of the snapshots that a key takes.", metavar="FILE.png")
    ] = Path("snapshot.png"),
    duration: Annotated[str | None, option(OUTPUTS, "End after this time.", metavar="SECONDS|[HH:]MM:SS")] = None,
    probe: Annotated[
        bool,
        option(OUTPUTS, "Measure the delay from glass to glass: point the camera at the window.", "--probe"),
    ] = False,
    overwrite: OverwriteOption = None,
    backend: BackendOption = "auto",
    precision: PrecisionOption = None,
    engines: Engines = None,
    threads: Threads = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Drive an avatar with a camera.

    Opens a window with the first camera, the bundled model and its
    avatars. ? or F1 shows the keys. Ctrl-C ends.

    fomm-rt live

    fomm-rt live --camera Logitech --avatars ~/faces -m vox-adv --virtual-camera
    """
    if raw and as_json:
        raise typer.BadParameter("--raw and --json both write to standard output; choose one")
    if microphone is not None and record is None and not window:
        raise typer.BadParameter("--microphone records sound; name a file with --record")
    size = parse_pair("--output-size", output_size) or (1280, 720)
    asked_size = parse_pair("--camera-size", camera_size)
    duration_s = parse_seconds("--duration", duration)
    if duration_s == 0:
        raise typer.BadParameter("--duration: expected more than 0 seconds")
    with without_threads_left_behind(), running(quiet, as_json, verbose) as terminal:
        if list_cameras:
            _list_cameras(terminal)
            return
        from fomm_rt.cli.live_session import run_live, run_probe

        options = LiveOptions(
            camera=camera,
            camera_size=asked_size,
            camera_fps=camera_fps,
            loop=loop,
            avatars=tuple(avatars or ()),
            avatar=avatar - 1,
            model=model,
            backend=backend,
            precision=precision,
            engines=engines,
            threads=threads,
            relative=relative,
            adapt_scale=adapt_scale,
            smoothing=smooth or 0.0,
            follow_face=follow_face,
            on_no_face=on_no_face,
            duration_s=None if duration_s is None else float(duration_s),
            outputs=OutputOptions(
                window=window,
                virtual_camera=virtual_camera,
                record=record,
                microphone=microphone,
                raw=raw,
                size=size,
                mirror=mirror,
                snapshots=snapshots,
                overwrite=terminal.replacing(overwrite),
            ),
        )
        (run_probe if probe else run_live)(terminal, options)


def _list_cameras(terminal: Terminal) -> None:
    from fomm_rt.live.cameras.listing import list_cameras

    found = list_cameras()
    lines = []
    for camera in found:
        problem = f", {camera.problem}" if camera.problem else ""
        lines.append(f"{camera.number}  {camera.name}  ({camera.path}{problem})")
        lines += [f"   {line}" for line in camera.offers]
    if not found:
        lines = ["no camera was found; fomm-rt doctor says what to check"]
    terminal.result("\n".join(lines), {"cameras": [asdict(camera) for camera in found]})
