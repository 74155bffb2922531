"""Capturing fake devices: what happens when they are unplugged, come back, or stall."""

from __future__ import annotations

from fakes.video_devices import FakeVideoDevices

CAPTURE = """
import threading
from pathlib import Path
from queue import SimpleQueue
from fomm_rt.live.cameras.choose import choose_camera
from fomm_rt.live.capture import Capture
from fomm_rt.live.numbers import Accounting
from fomm_bench.numbered_pictures import number_of

folder, changes, accounting = Path(devices), SimpleQueue(), Accounting()
capture = Capture(choose_camera(camera), accounting, changes.put, retry_s=0.1)
capture.start()
seen = []

def until(phase):
    while True:
        change = changes.get(timeout=20)
        seen.append([change.phase, change.message])
        if change.phase == phase:
            return

def take():
    return capture.frames.take(20)
"""


def test_camera_comes_back_at_another_number(devices: FakeVideoDevices) -> None:
    devices.add(0, card="C920")
    devices.add(4, card="Integrated")
    seen, sequences, captured = devices.evaluate(
        CAPTURE
        + """
until("open")
sequences = [take().sequence for _ in range(3)]
(folder / "video0").unlink()
until("lost")
(folder / "settings-video2").write_text("card C920")
(folder / "settings-video0").write_text("card C920\\nkind metadata")
(folder / "video0").touch()
(folder / "video2").touch()
until("open")
sequences += [take().sequence for _ in range(3)]
capture.stop()
result = seen, sequences, accounting.numbers(0).captured
""",
        camera="C920",
    )
    assert seen == [["open", ""], ["lost", "C920 was unplugged; plug it in again."], ["open", ""]]
    assert sequences == sorted(set(sequences))
    assert captured > sequences[-1]


def test_another_camera_at_its_number_is_not_taken_for_it(devices: FakeVideoDevices) -> None:
    devices.add(0, card="C920")
    opened = devices.evaluate(
        CAPTURE
        + """
until("open")
(folder / "video0").unlink()
until("lost")
(folder / "settings-video0").write_text("card Integrated")
(folder / "video0").touch()
threading.Event().wait(0.5)
capture.stop()
until("ended")
result = seen
""",
        camera="C920",
    )
    assert [phase for phase, _ in opened] == ["open", "lost", "ended"]


def test_camera_that_stalls_is_closed_and_opened_again(devices: FakeVideoDevices) -> None:
    # A device that is still open would be busy.
    devices.add(0, card="C920", stall_after=3)
    seen, threads, later = devices.evaluate(
        CAPTURE
        + """
until("open")
threads = threading.active_count()
until("lost")
until("open")
later = threading.active_count()
capture.stop()
result = seen, threads, later
""",
        camera="0",
    )
    assert [phase for phase, _ in seen] == ["open", "lost", "open"]
    assert seen[1][1].startswith("C920 has sent no picture for 2 s; ")
    assert later == threads
