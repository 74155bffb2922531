from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fakes.live_control import FakeControl, live_frame
from fomm_rt.live.controls.commands import Command
from fomm_rt.live.controls.keys import GROUPS
from fomm_rt.live.controls.state import LiveState
from fomm_rt.live.numbers import Numbers, Quantiles
from fomm_rt.live.outputs.window.help import help_panel
from fomm_rt.live.outputs.window.observer import NOTICE_S, NUMBERS_INTERVAL_S, Observer
from fomm_rt.live.outputs.window.overlay import Overlay, Scene, picture_box
from fomm_rt.live.outputs.window.panel import RED, Box, Canvas, Style
from fomm_rt.live.outputs.window.signs import CAMERA_ON_DEMAND, CAMERA_WITHOUT_FACE, statuses

SIZES = [(320, 320), (512, 512), (720, 480), (1600, 1200), (3840, 2160)]
NUMBERS = Numbers(latency_ms=Quantiles(38.4), camera_fps=30, shown_fps=25)


def scene(state: LiveState | None = None, size: tuple[int, int] = (720, 720), **settings: object) -> Scene:
    described = Scene(*size, 1.0, state or LiveState(), "face", NUMBERS, "CPU, fake")
    return replace(described, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", SIZES)
def test_panels_lie_within_the_window(size: tuple[int, int]) -> None:
    state = LiveState(shows_gallery=True, recording=True, frozen=True, passthrough=True)
    messages = ("A camera with a very long name was unplugged, and nothing else can be said of it.",) * 4
    for shown in (state, replace(state, shows_help=True)):
        for name, panel in Overlay().panels(scene(shown, size, messages=messages, notice="Motion: relative")).items():
            box = panel.box
            assert box.x >= 0, name
            assert box.y >= 0, name
            assert box.x + box.width <= size[0], name
            assert box.y + box.height <= size[1], name


@pytest.mark.parametrize("size", SIZES)
def test_the_help_shows_all_keys(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    write = Canvas.write

    def remember(canvas: Canvas, x: int, y: int, text: str, *rest: object) -> None:
        assert x >= 0
        assert y + 9 <= canvas.pixels.shape[0]
        written.append(text)
        write(canvas, x, y, text, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Canvas, "write", remember)
    help_panel(Style.of_window(*size), *size)
    for group in GROUPS:
        assert written.count(group.title) == 1
        assert {row.text for row in group.rows} <= set(written)
        assert {key for row in group.rows for key in row.label.split("  ")} <= set(written)


def test_larger_windows_have_larger_text() -> None:
    sizes = [Style.of_window(*size).text for size in sorted(SIZES, key=min)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]
    assert Style.of_window(1440, 1440, 2.0).text == 2 * Style.of_window(720, 720).text


def test_a_panel_is_drawn_again_only_if_its_content_changes() -> None:
    overlay = Overlay()
    first = overlay.panels(scene(LiveState(recording=True)))
    again = overlay.panels(scene(LiveState(recording=True), numbers=replace(NUMBERS, shown_fps=20)))
    assert again["status"] is first["status"]
    assert again["numbers"] is not first["numbers"]
    moved = overlay.panels(scene(LiveState(recording=True, passthrough=True)))
    assert moved["status"].y > first["status"].y


def test_the_warning_lies_above_the_help() -> None:
    panels = Overlay().panels(scene(LiveState(passthrough=True, shows_help=True)))
    assert {"camera", "help"} == set(panels)
    assert (panels["camera"].pixels[0, 0] == (*RED, 255)).all()
    assert "camera" in Overlay().panels(scene(driver="passthrough"))
    assert "camera" not in Overlay().panels(scene())


def test_the_warning_names_the_key_only_if_it_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(Canvas, "write", lambda _canvas, _x, _y, text, *_rest: said.append(text))
    Overlay().panels(scene(LiveState(passthrough=True, shows_numbers=False), driver="passthrough"))
    Overlay().panels(scene(LiveState(on_no_face="passthrough", shows_numbers=False), driver="passthrough"))
    assert said == [CAMERA_ON_DEMAND, CAMERA_WITHOUT_FACE]


def test_the_mouse_acts_on_the_open_panel() -> None:
    overlay = Overlay()
    overlay.panels(scene(LiveState(shows_gallery=True, shows_driving=True)))
    assert overlay.gallery is not None
    assert overlay.inset is not None
    assert overlay.inset.y + overlay.inset.height <= overlay.gallery.box.y
    overlay.panels(scene(LiveState(shows_gallery=True, shows_driving=True, shows_help=True)))
    assert overlay.gallery is None
    assert overlay.inset is None
    overlay.panels(scene(LiveState(shows_driving=True, view="explain")))
    assert overlay.inset is None


def test_statuses() -> None:
    assert [text for text, _ in statuses(True, True, "held")] == ["Recording", "Frozen"]
    assert [text for text, _ in statuses(False, False, "source")] == ["No face seen: avatar at rest"]
    assert statuses(False, False, "face") == ()


@pytest.mark.parametrize(
    ("window", "picture", "box"),
    [
        ((720, 720), (256, 256), Box(0, 0, 720, 720)),
        ((1000, 500), (256, 256), Box(250, 0, 500, 500)),
        ((500, 1000), (640, 320), Box(0, 375, 500, 250)),
        ((300, 100), (1, 4000), Box(149, 0, 1, 100)),
    ],
)
def test_the_picture_keeps_its_proportions(window: tuple[int, int], picture: tuple[int, int], box: Box) -> None:
    assert picture_box(*window, *picture) == box


def test_text_blends_into_a_panel() -> None:
    canvas = Canvas(40, 30, colour=(0, 0, 0), opacity=100)
    canvas.blend(-3, -3, np.full((10, 10), 255, np.uint8), (255, 255, 255))
    canvas.blend(30, 25, np.full((10, 20), 128, np.uint8), (255, 255, 255))
    canvas.blend(90, 90, np.full((5, 5), 255, np.uint8), (255, 255, 255))
    assert canvas.pixels[0, 0].tolist() == [255, 255, 255, 255]
    assert canvas.pixels[7, 7].tolist() == [0, 0, 0, 100]
    red, _, _, opacity = canvas.pixels[29, 39].tolist()
    assert 170 <= opacity <= 180  # 0.5 + 0.5 · 100 / 255
    assert abs(red * opacity / 255 - 128) <= 2


def test_numbers_are_asked_for_twice_a_second() -> None:
    control = FakeControl()
    observer, frame = Observer(control), live_frame(np.zeros((4, 4, 3), np.uint8))
    assert observer.scene((9, 9), 1, None, None, 10.0).numbers is None
    first = observer.scene((9, 9), 1, frame, None, 10.0)
    control.numbers_now = NUMBERS
    assert observer.scene((9, 9), 1, frame, None, 10.0 + NUMBERS_INTERVAL_S / 2) == first
    assert observer.scene((9, 9), 1, frame, None, 10.0 + NUMBERS_INTERVAL_S).numbers == NUMBERS
    control.send(Command("numbers"))
    assert observer.scene((9, 9), 1, frame, None, 11.0).numbers is None


def test_a_notice_fades_and_a_newer_one_takes_its_place() -> None:
    control = FakeControl()
    observer = Observer(control)

    def notice(now_s: float) -> str | None:
        return observer.scene((9, 9), 1, None, None, now_s).notice

    assert notice(0.0) is None
    control.send(Command("relative"))
    assert notice(1.0) == "Motion: absolute"
    assert notice(1.0 + NOTICE_S / 2) == "Motion: absolute"
    control.send(Command("relative"))
    assert notice(2.0) == "Motion: relative"
    assert notice(2.0 + NOTICE_S) is None
