"""Opens camera, model and outputs as the options of `fomm-rt live` say, and runs the session."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, Thread, current_thread, main_thread

from fomm_rt.animator import Animator
from fomm_rt.cli.live_options import LiveOptions, OutputOptions
from fomm_rt.cli.model import announce
from fomm_rt.cli.terminal import Terminal
from fomm_rt.live.cameras.choose import choose_camera
from fomm_rt.live.cameras.protocol import Camera
from fomm_rt.live.controls.state import Crop, LiveState
from fomm_rt.live.frames import LiveFrame
from fomm_rt.live.outputs.microphone import Microphone
from fomm_rt.live.outputs.numbered_files import save_snapshot
from fomm_rt.live.outputs.protocol import Output
from fomm_rt.live.outputs.raw_frames import RawFrames
from fomm_rt.live.outputs.recording import DEFAULT_NAME, Recording
from fomm_rt.live.outputs.virtual_camera import VirtualCamera
from fomm_rt.live.session import LiveSession

STATUS_S = 1.0
RECORDING_END_S = 5.0
"""Time for a slow disk to write the shown frames that are still waiting."""


def run_live(terminal: Terminal, options: LiveOptions) -> None:
    """Runs a session and prints its report.

    Raises:
        FommError: The camera, an output, an avatar or the model cannot be used.
    """
    outputs = _outputs(terminal, options.outputs)
    with (
        _session(terminal, options, outputs, _state(options)) as session,
        _ended_by_ctrl_c(session),
        _status(terminal, session, shown=not options.outputs.window),
    ):
        report = session.run(options.duration_s)
        if not session.wait_for_recordings(RECORDING_END_S):
            terminal.warn("a recording is still being written; its last frames may be missing")
    files = [str(file) for output in outputs if isinstance(output, Recording) for file in output.files]
    lines = [report.sentence(), *(f"{file} was recorded" for file in files)]
    if options.outputs.virtual_camera is not None and report.sound_delay_ms is not None:
        lines.append(
            f"for sound in step, delay the microphone by {report.sound_delay_ms} ms where you mix it, as in OBS"
        )
    text = "\n".join(lines)
    if options.outputs.raw:
        terminal.say(text)  # standard output holds pixels
    else:
        terminal.result(text, {**report.document(), "files": files})


def run_probe(terminal: Terminal, options: LiveOptions) -> None:
    """Measures the delay from glass to glass, with the model, and prints it.

    Raises:
        FommError: The camera, an avatar or the model cannot be used, or the camera does not see the window.
    """
    from fomm_rt.live.outputs.window import ProbeWindow

    window = ProbeWindow()
    # The camera films a screen without a face; the model must run anyway.
    state = replace(_state(options), recording=False, crop=Crop(follows_face=False))
    with _session(terminal, options, [window], state, finds_faces=False) as session:
        terminal.say(
            "point the camera at the window, which flashes about once a second; the measurement takes half a minute"
        )
        with _ended_by_ctrl_c(session):
            session.run(options.duration_s)
    delay = window.delay()
    terminal.result("\n".join(delay.sentences), delay.document())


@contextmanager
def _session(
    terminal: Terminal,
    options: LiveOptions,
    outputs: Sequence[Output],
    state: LiveState,
    *,
    finds_faces: bool = True,
) -> Iterator[LiveSession]:
    """A session with the camera and the model that the options name."""
    camera = _camera(options)
    animator = _animator(options)
    session: LiveSession | None = None
    try:
        announce(terminal, animator, options.model)
        if options.model is None:
            terminal.say(
                f"no model given: the bundled {animator.manifest.name} was trained on drawn faces; for photographs run "
                "fomm-rt fetch vox-adv, then add -m vox-adv"
            )
        session = LiveSession(
            animator,
            camera,
            outputs,
            avatars=options.avatars,
            state=state,
            finds_faces=finds_faces,
            snapshot=lambda frame: _save_snapshot(options.outputs, frame),
            say=terminal.say,
        )
        yield session
    finally:
        if session is None or not session.is_engine_busy:
            animator.close()


def _camera(options: LiveOptions) -> Camera:
    return choose_camera(options.camera, size=options.camera_size, fps=options.camera_fps, loop=options.loop)


def _animator(options: LiveOptions) -> Animator:
    return Animator.load(
        options.model,
        options.backend,
        threads=options.threads,
        precision=options.precision,
        engines=options.engines,
    )


def _outputs(terminal: Terminal, options: OutputOptions) -> list[Output]:
    """The outputs, the primary one first: it decides which frames count as shown."""
    outputs: list[Output] = []
    if options.window:
        from fomm_rt.live.outputs.window import Window

        outputs.append(Window())
    if options.virtual_camera is not None:
        device = None if options.virtual_camera == "auto" else options.virtual_camera
        outputs.append(VirtualCamera(device, options.size))
    if options.raw:
        raw = RawFrames(options.size)
        terminal.say(f"raw frames on standard output; read them with: ffmpeg {raw.ffmpeg_input}")
        outputs.append(raw)
    if options.record is not None or options.window:
        microphone = None if options.microphone is None else Microphone(options.microphone)
        if microphone is not None:
            microphone.open()  # before the model is loaded, so a wrong name is reported at once
        overwrite = None if options.record is None else options.overwrite
        outputs.append(Recording(options.record or DEFAULT_NAME, overwrite, microphone=microphone))
    return outputs


def _state(options: LiveOptions) -> LiveState:
    return LiveState(
        avatar=options.avatar,
        recording=options.outputs.record is not None,
        relative=options.relative,
        adapt_scale=options.adapt_scale,
        smoothing=options.smoothing,
        crop=Crop(follows_face=options.follow_face),
        mirror_output=options.outputs.mirror,
        on_no_face=options.on_no_face,
    )


def _save_snapshot(options: OutputOptions, frame: LiveFrame) -> str:
    return f"{save_snapshot(options.snapshots, frame.picture)} was saved"


@contextmanager
def _ended_by_ctrl_c(session: LiveSession) -> Iterator[None]:
    """Makes Ctrl-C end the session in the regular way; an exception could be raised anywhere."""
    if current_thread() is not main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda _number, _frame: session.end())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _status(terminal: Terminal, session: LiveSession, shown: bool) -> Iterator[None]:
    """Shows the numbers in one line of the terminal, once a second."""
    if not shown or terminal.quiet or not terminal.err.is_terminal:
        yield
        return
    is_over = Event()
    with terminal.err.status("waiting for the camera; Ctrl-C ends") as status:

        def update() -> None:
            while not is_over.wait(STATUS_S):
                n = session.numbers()
                latency = "" if n.latency_ms.p50 is None else f", latency {n.latency_ms.p50:.0f} ms"
                words = [f"camera {n.camera_fps:.0f} fps, shown {n.shown_fps:.0f} fps{latency}", *session.messages()]
                status.update(" · ".join(words))

        thread = Thread(target=update, name="fomm-rt status", daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join(STATUS_S)
