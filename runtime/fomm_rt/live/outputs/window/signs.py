"""Signs over the picture: numbers, recording and freeze, messages, and the warning that the camera is shown."""

from __future__ import annotations

from collections.abc import Sequence

from fomm_rt.live.frames import Driver
from fomm_rt.live.numbers import Numbers
from fomm_rt.live.outputs.window.panel import AMBER, DIM, RED, WHITE, Canvas, Colour, Panel, Style
from fomm_rt.live.outputs.window.text import BOLD, line_height, shortened, width_of, wrapped

CAMERA_ON_DEMAND = "Your camera is shown, not the avatar. Press 0 to hide it."
CAMERA_WITHOUT_FACE = "Your camera is shown, not the avatar, because no face is seen."
MOST_MESSAGES, MOST_LINES = 3, 3
NO_FACE: dict[Driver, str] = {
    "held": "No face seen: picture held",
    "fading": "No face seen: picture held",
    "source": "No face seen: avatar at rest",
}


def numbers_panel(numbers: Numbers, backend: str, style: Style, top: int, width: int) -> Panel:
    """The numbers, in the upper left corner of a window of this width, below `top`."""
    rows = [
        ("Camera", f"{numbers.camera_fps:.0f} fps"),
        ("Shown", f"{numbers.shown_fps:.0f} fps"),
        ("Latency", _milliseconds(numbers.latency_ms.p50)),
        ("Model", _milliseconds(numbers.network_ms.p50)),
    ]
    space = style.padding
    inner = max(width_of(label, style.text) + width_of(value, style.text, BOLD) + 2 * space for label, value in rows)
    inner = max(inner, 9 * style.text)  # so that it keeps its width while numbers change
    inner = min(max(inner, width_of(backend, style.small)), max(inner, width // 3))
    text = shortened(backend, style.small, inner)
    canvas = Canvas(inner + 2 * space, 2 * space + len(rows) * style.line + line_height(style.small), style.radius)
    for index, (label, value) in enumerate(rows):
        y = space + index * style.line
        canvas.write(space, y, label, style.text, DIM)
        canvas.write_right(space + inner, y, value, style.text, WHITE, BOLD)
    canvas.write(space, space + len(rows) * style.line, text, style.small, DIM)
    return Panel(style.gap, top + style.gap, canvas.pixels)


def status_panel(signs: Sequence[tuple[str, Colour]], style: Style, top: int, width: int) -> Panel:
    """Short signs with coloured dots, one below the other in the upper right corner."""
    space, dot = style.padding, round(0.3 * style.text)
    inner = max(width_of(text, style.text, BOLD) for text, _ in signs) + 2 * dot + space
    canvas = Canvas(inner + 2 * space, len(signs) * style.line + 2 * space - style.line // 4, style.radius)
    for index, (text, colour) in enumerate(signs):
        y = space + index * style.line
        canvas.dot(space + dot, y + round(0.7 * style.text), dot, colour)
        canvas.write(space + 2 * dot + space, y, text, style.text, WHITE, BOLD)
    return Panel(width - canvas.pixels.shape[1] - style.gap, top + style.gap, canvas.pixels)


def statuses(is_recording: bool, is_frozen: bool, driver: Driver | None) -> tuple[tuple[str, Colour], ...]:
    """The signs of the status panel."""
    signs: list[tuple[str, Colour]] = []
    if is_recording:
        signs.append(("Recording", RED))
    if is_frozen:
        signs.append(("Frozen", (120, 190, 255)))
    if driver in NO_FACE and not is_frozen:
        signs.append((NO_FACE[driver], AMBER))
    return tuple(signs)


def camera_warning(text: str, style: Style, width: int) -> Panel:
    """The warning that others see the person: a bar across the top."""
    lines = wrapped(text, style.text, width - 2 * style.gap, 2)
    canvas = Canvas(width, len(lines) * style.line + style.padding, colour=RED, opacity=255)
    for index, line in enumerate(lines):
        left = (width - width_of(line, style.text, BOLD)) // 2
        canvas.write(left, style.padding // 2 + index * style.line, line, style.text, (255, 255, 255), BOLD)
    return Panel(0, 0, canvas.pixels)


def messages_panel(notice: str | None, messages: Sequence[str], style: Style, width: int, bottom: int) -> Panel:
    """A notice and messages in the middle, above `bottom`."""
    space, most = style.padding, round(0.86 * width) - 2 * style.padding
    lines: list[tuple[str, Colour | None]] = [(notice, None)] if notice else []
    for message in messages[-MOST_MESSAGES:]:
        for index, line in enumerate(wrapped(message, style.text, most - 2 * space, MOST_LINES)):
            lines.append((line, AMBER if index == 0 else DIM))
    dot = round(0.25 * style.text)
    indents = [0 if colour is None else 2 * dot + round(0.5 * space) for _, colour in lines]
    inner = max(width_of(line, style.text) + indent for (line, _), indent in zip(lines, indents, strict=True))
    canvas = Canvas(inner + 2 * space, len(lines) * style.line + 2 * space - style.line // 4, style.radius)
    for index, ((line, colour), indent) in enumerate(zip(lines, indents, strict=True)):
        y = space + index * style.line
        if colour == AMBER:
            canvas.dot(space + dot, y + round(0.72 * style.text), dot, colour)
        canvas.write(space + indent, y, line, style.text)
    height, drawn_width = canvas.pixels.shape[:2]
    return Panel((width - drawn_width) // 2, max(0, bottom - height - style.gap), canvas.pixels)


def _milliseconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} ms"
