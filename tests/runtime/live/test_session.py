"""A whole session: order, counts, ends and failures, with a camera and a network of known times."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Timer, current_thread, main_thread
from threading import enumerate as running_threads
from time import perf_counter

import pytest

from fomm_bench.live_stand_ins import NumberedCamera, NumberReader, timed_animator
from fomm_rt.animator import Animator
from fomm_rt.bundled import bundled_avatars
from fomm_rt.errors import BackendError, MediaError, OutputError, StateError
from fomm_rt.faces.framing import FaceFraming
from fomm_rt.live.avatars import Gallery
from fomm_rt.live.controls.commands import Command
from fomm_rt.live.controls.state import LiveState
from fomm_rt.live.engine import Engine
from fomm_rt.live.frames import LiveFrame
from fomm_rt.live.session import LiveSession

FAST_S = 0.002
SOON_S = 20
"""A test that hangs fails after this time; it is no measurement."""


def session(camera: NumberedCamera, *outputs: NumberReader, seconds: float = FAST_S) -> LiveSession:
    return LiveSession(timed_animator(seconds), camera, outputs)


def wait(event: Event, seconds: float) -> None:
    event.wait(seconds)


def camera_frames(output: NumberReader) -> list[tuple[int, int]]:
    """(number in the picture, its sequence) of all presented camera frames."""
    return [(number, sequence) for number, sequence, _, _ in output.frames if sequence is not None]


def test_every_picture_shows_the_frame_that_it_says() -> None:
    output, recording = NumberReader(), NumberReader(records=True)
    report = session(NumberedCamera(0.01, count=40), output, recording).run(SOON_S)
    assert report.ended_by == "camera"
    shown = camera_frames(output)
    assert all(number == sequence for number, sequence in shown)
    assert [sequence for _, sequence in shown] == sorted({sequence for _, sequence in shown})
    assert camera_frames(recording) == shown, "a recording holds exactly the shown frames"
    numbers = report.numbers
    assert numbers.captured == 40
    assert numbers.shown == len(shown)
    assert numbers.captured == numbers.shown + numbers.dropped


def test_the_reported_latency_is_that_of_the_output() -> None:
    output = NumberReader()
    report = session(NumberedCamera(0.01, count=30), output, seconds=0.02).run(SOON_S)
    measured = [
        (presented_s - captured_s) * 1e3
        for _, sequence, captured_s, presented_s in output.frames
        if sequence is not None
    ]
    assert report.numbers.latency_ms.max == pytest.approx(max(measured), abs=5)
    assert min(measured) >= 20
    assert report.numbers.network_ms.p50 is not None
    assert report.numbers.network_ms.p50 >= 20


def test_an_overloaded_network_drops_frames_and_stays_as_fresh() -> None:
    output = NumberReader()
    report = session(NumberedCamera(0.005, count=100), output, seconds=0.04).run(SOON_S)
    ages = [
        (presented_s - captured_s) for _, sequence, captured_s, presented_s in output.frames if sequence is not None
    ]
    assert report.numbers.dropped > report.numbers.shown
    assert report.numbers.stale == report.numbers.shown
    assert ages[-1] < 10 * ages[1], "nothing queues, so the delay does not grow"


def test_a_slow_second_output_holds_up_nothing() -> None:
    let_go = Event()
    stuck = NumberReader(on_present=lambda _frame: wait(let_go, SOON_S))
    output = NumberReader()
    report = session(NumberedCamera(0.005, count=40), output, stuck).run(SOON_S)
    let_go.set()
    assert report.numbers.shown > 5
    assert not stuck.frames or stuck.frames[0][1] is None


def test_a_recording_that_is_behind_loses_no_shown_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fomm_rt.live.outputs.runner.LONGEST_BACKLOG", 3)
    monkeypatch.setattr("fomm_rt.live.session.END_S", SOON_S)
    output = NumberReader()
    slow = NumberReader(records=True, on_present=lambda _frame: wait(Event(), 0.01))
    session(NumberedCamera(0.002, count=80), output, slow).run(SOON_S)
    assert camera_frames(slow) == camera_frames(output)
    assert len(output.frames) < 80


def test_before_the_camera_begins_the_avatar_is_shown() -> None:
    output = NumberReader()
    live = session(NumberedCamera(delay_s=SOON_S), output)
    output.on_present = lambda _frame: live.end()
    live.run(SOON_S)
    assert [sequence for _, sequence, _, _ in output.frames] == [None]


@pytest.mark.parametrize("reason", ["quit", "duration"])
def test_a_session_ends_soon_whatever_a_frame_is_doing(reason: str) -> None:
    output = NumberReader()
    live = session(NumberedCamera(0.01), output, seconds=SOON_S)
    ended_s: list[float] = []

    def end() -> None:
        ended_s.append(perf_counter())
        live.send(Command("quit"))

    if reason == "quit":
        Timer(0.5, end).start()
    report = live.run(0.5 if reason == "duration" else SOON_S)
    assert report.ended_by == reason
    assert not live.is_engine_busy, "the frame was interrupted"
    assert output.is_closed
    assert not [thread.name for thread in running_threads() if thread.name == "fomm-rt engine"]


def test_threads_end_with_the_session() -> None:
    before = set(running_threads())
    for _ in range(3):
        session(NumberedCamera(0.01, count=5), NumberReader(), NumberReader(records=True)).run(SOON_S)
    for thread in set(running_threads()) - before:
        thread.join(SOON_S)
        assert not thread.is_alive(), thread.name


def test_commands_change_the_state_and_the_picture() -> None:
    shown = Event()

    def look(frame: LiveFrame) -> None:
        if live.state.passthrough and frame.driver == "passthrough":
            shown.set()
            live.send(Command("quit"))

    output = NumberReader(on_present=look)
    live = session(NumberedCamera(0.01), output)
    Timer(0.1, lambda: live.send(Command("passthrough"))).start()
    live.run(SOON_S)
    assert shown.is_set()


def test_a_frozen_picture_stays_and_frames_are_dropped() -> None:
    output = NumberReader()
    live = LiveSession(timed_animator(FAST_S), NumberedCamera(0.01, count=30), [output], state=LiveState(frozen=True))
    report = live.run(SOON_S)
    assert report.numbers.shown == 0
    assert report.numbers.dropped == 30
    assert [sequence for _, sequence, _, _ in output.frames] == [None]


def test_a_frozen_picture_of_the_person_goes_with_passthrough() -> None:
    shown: list[LiveFrame] = []

    def look(frame: LiveFrame) -> None:
        shown.append(frame)
        if frame.driver == "passthrough" and not live.state.frozen:
            live.send(Command("freeze"))
            live.send(Command("passthrough"))
        elif live.state.frozen and frame.driver != "passthrough":
            live.send(Command("quit"))

    live = LiveSession(
        timed_animator(FAST_S),
        NumberedCamera(0.01),
        [NumberReader(on_present=look)],
        state=LiveState(passthrough=True),
    )
    assert live.run(SOON_S).ended_by == "quit"
    assert shown[-1].driver == "source"


def test_frames_without_a_face_are_animated_if_asked_for() -> None:
    with Animator.load() as animator:
        report = LiveSession(animator, NumberedCamera(0.05, count=4), [NumberReader()], finds_faces=False).run(SOON_S)
    assert report.numbers.network_ms.p50 is not None
    with Animator.load() as animator:
        report = LiveSession(animator, NumberedCamera(0.05, count=4), [NumberReader()]).run(SOON_S)
    assert report.numbers.network_ms.p50 is None, "there is no face in these pictures"


def test_another_avatar_is_shown_although_no_frames_come() -> None:
    pictures: list[LiveFrame] = []

    def look(frame: LiveFrame) -> None:
        pictures.append(frame)
        if len(pictures) == 2:
            live.send(Command("quit"))

    live = LiveSession(
        timed_animator(FAST_S), NumberedCamera(SOON_S), [NumberReader(on_present=look)], avatars=bundled_avatars()[:2]
    )

    def switch() -> None:
        while not pictures or live.state.avatar_count < 2:
            Event().wait(0.01)
        live.send(Command("next-avatar"))

    Timer(0.1, switch).start()
    assert live.run(SOON_S).ended_by == "quit"
    assert (pictures[0].picture != pictures[1].picture).any()


def test_a_session_begins_with_the_chosen_avatar() -> None:
    shown: list[LiveFrame] = []

    def look(frame: LiveFrame) -> None:
        shown.append(frame)
        if live.state.avatar_count == len(bundled_avatars()):
            live.send(Command("quit"))

    live = LiveSession(
        timed_animator(FAST_S), NumberedCamera(0.05), [NumberReader(on_present=look)], state=LiveState(avatar=3)
    )
    live.run(SOON_S)
    assert live.state.avatar == 3
    expected = Gallery([bundled_avatars()[3]], 256, FaceFraming(), None).avatars[0]
    assert (shown[0].picture == expected.picture).all()


def test_a_failing_second_output_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_frame: LiveFrame) -> None:
        raise OutputError("disk full")

    output, broken = NumberReader(), NumberReader(on_present=fail)
    report = session(NumberedCamera(0.005, count=20), output, broken).run(SOON_S)
    assert report.ended_by == "camera"
    assert report.numbers.shown > 0
    assert broken.is_closed
    assert [record.message for record in caplog.records] == ["disk full"]


@pytest.mark.parametrize("error", [OutputError("no window"), RuntimeError("a defect")])
def test_a_failing_primary_output_ends_the_session(error: Exception) -> None:
    def fail(_frame: LiveFrame) -> None:
        raise error

    output = NumberReader(on_present=fail)
    with pytest.raises(type(error), match=str(error)):
        session(NumberedCamera(0.005), output).run(SOON_S)
    assert output.is_closed


def test_a_defect_in_any_output_is_not_hidden() -> None:
    def fail(_frame: LiveFrame) -> None:
        raise RuntimeError("a defect")

    with pytest.raises(RuntimeError, match="a defect"):
        session(NumberedCamera(0.005), NumberReader(), NumberReader(on_present=fail)).run(SOON_S)


def test_a_reader_that_goes_ends_the_session() -> None:
    def gone(_frame: LiveFrame) -> None:
        raise BrokenPipeError

    report = session(NumberedCamera(0.005), NumberReader(), NumberReader(on_present=gone)).run(SOON_S)
    assert report.ended_by == "reader"


def test_a_failing_model_ends_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    live = session(NumberedCamera(0.005), NumberReader())

    def fail(*_args: object) -> None:
        raise BackendError("out of memory")

    monkeypatch.setattr(Engine, "__call__", fail)
    monkeypatch.setattr(Engine, "rest", fail)
    with pytest.raises(BackendError, match="out of memory"):
        live.run(SOON_S)


def test_snapshots_are_taken_in_their_own_thread() -> None:
    taken: list[LiveFrame] = []

    def snapshot(frame: LiveFrame) -> str:
        assert current_thread() is not main_thread()
        taken.append(frame)
        live.send(Command("quit"))
        return "snapshot.png was written"

    output = NumberReader()
    live = LiveSession(timed_animator(FAST_S), NumberedCamera(0.01), [output], snapshot=snapshot)
    Timer(0.3, lambda: live.send(Command("snapshot"))).start()
    live.run(SOON_S)
    assert len(taken) == 1
    assert "snapshot.png was written" in live.messages()


def test_unsupported_commands_give_a_message() -> None:
    live = session(NumberedCamera(), NumberReader())
    live.send(Command("record"))
    live.send(Command("snapshot"))
    assert not live.state.recording, "no sign of a recording that does not run"
    assert list(live.messages()) == ["This session has no output that records.", "This session saves no pictures."]


def test_a_session_without_outputs_counts_its_results() -> None:
    report = session(NumberedCamera(0.005, count=20)).run(SOON_S)
    assert report.numbers.captured == 20
    assert report.numbers.shown > 0
    assert report.output is None


def test_bad_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="there is no such folder"):
        LiveSession(timed_animator(FAST_S), NumberedCamera(), avatars=[tmp_path / "none"])
    with pytest.raises(StateError, match="unknown command 'dance'"):
        Command("dance")


def test_the_report_is_plain() -> None:
    import json

    report = session(NumberedCamera(0.005, count=5), NumberReader()).run(SOON_S)
    document = json.loads(json.dumps(report.document()))
    for name in (
        "captured",
        "shown",
        "dropped",
        "stale",
        "latency_ms",
        "network_ms",
        "stages_ms",
        "camera_fps",
        "reason",
    ):
        assert name in document
    assert set(document["latency_ms"]) == {"p50", "p90", "p99", "max"}
    assert "frames shown" in report.sentence()
    assert document["sound_delay_ms"] == round(document["latency_ms"]["p50"])
