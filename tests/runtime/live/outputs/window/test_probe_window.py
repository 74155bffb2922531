"""The probe with a camera that films the display: frames of x11grab, which are stamped when they are taken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import perf_counter, sleep

import av
import numpy as np
import pytest

from fakes.live_control import FakeControl
from fomm_rt.errors import OutputError
from fomm_rt.image import Image
from fomm_rt.live.controls.commands import Command
from fomm_rt.live.frames import LiveFrame
from fomm_rt.live.latest import Latest
from fomm_rt.live.outputs import flash_measurement
from fomm_rt.live.outputs.window import ProbeWindow
from virtual_display import VirtualDisplay

NETWORK_S = 0.06
LONG_S = 60.0


@contextmanager
def filmed(display: VirtualDisplay, probe: ProbeWindow, *, is_covered: bool) -> Iterator[Latest[LiveFrame]]:
    """Frames that a camera takes of the display, each after the time of a network."""
    slot: Latest[LiveFrame] = Latest()
    has_ended = Event()

    def film() -> None:
        with av.open(display.name, format="x11grab", options={"framerate": "30"}) as screen:
            for number, frame in enumerate(screen.decode(video=0)):
                if has_ended.is_set():
                    return
                captured_s = perf_counter()
                pixels: Image = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
                pixels = np.full_like(pixels, 90) if is_covered else pixels
                sleep(NETWORK_S)
                slot.put(LiveFrame(number, captured_s, pixels[:256, :256], "face", pixels[:64, :64], pixels))
                probe.wake()

    thread = Thread(target=film, daemon=True)
    thread.start()
    try:
        yield slot
    finally:
        has_ended.set()
        thread.join(LONG_S)


def run(display: VirtualDisplay, probe: ProbeWindow, control: FakeControl, *, is_covered: bool = False) -> None:
    """Runs the loop of a session until the probe quits."""
    probe.open(control)
    try:
        with filmed(display, probe, is_covered=is_covered) as slot:
            end_s = perf_counter() + LONG_S
            while Command("quit") not in control.sent:
                assert perf_counter() < end_s, "the probe does not end"
                frame = slot.take()
                if frame is None:
                    probe.wait(0.05)
                else:
                    probe.present(frame)
    finally:
        probe.close()


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flips of a test may follow sooner: no person sees them."""
    settings = {"LONGEST_GAP_S": 0.5, "AIMING_FLIPS": 6, "LOOK_INTERVAL_S": 0.5, "LATE_S": 0.5}
    for name, value in settings.items():
        monkeypatch.setattr(flash_measurement, name, value)


def test_the_delay_holds_the_time_of_the_network(display: VirtualDisplay) -> None:
    control, probe = FakeControl(), ProbeWindow(flip_count=8, patience_s=30)
    run(display, probe, control)
    delay = probe.delay()
    assert delay.seen >= 6
    assert control.sent == [Command("follow-face", False), Command("quit")]
    assert delay.capture_ms.p50 is not None
    assert delay.shown_ms.p50 is not None
    assert delay.capture_ms.p50 > -5
    assert delay.shown_ms.p50 - delay.capture_ms.p50 >= 1e3 * NETWORK_S - 1


def test_a_camera_that_does_not_see_the_window_gives_an_error(display: VirtualDisplay) -> None:
    probe = ProbeWindow(flip_count=8, patience_s=4)
    run(display, probe, FakeControl(), is_covered=True)
    with pytest.raises(OutputError, match="does not see the window flash"):
        probe.delay()


def test_escape_ends_it_early(display: VirtualDisplay) -> None:
    control, probe = FakeControl(), ProbeWindow()
    with pytest.raises(OutputError, match="before it was done"):
        probe.delay()
    probe.open(control)
    try:
        probe.wait(0.1)
        display.do("key", "Escape")
        end_s = perf_counter() + LONG_S
        while Command("quit") not in control.sent:
            assert perf_counter() < end_s, "Escape did not come"
            probe.wait(0.05)
    finally:
        probe.close()
        probe.close()
    with pytest.raises(OutputError, match="before it was done"):
        probe.delay()
