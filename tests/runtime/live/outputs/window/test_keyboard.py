from __future__ import annotations

import pytest

from fomm_rt.live.outputs.window.keyboard import key_name

SHIFT, CONTROL, ALT, META, CAPS, NUMBERS = 0x0001, 0x0040, 0x0100, 0x0400, 0x2000, 0x1000


@pytest.mark.parametrize(
    ("keycode", "scancode", "modifiers", "name"),
    [
        (ord("a"), 4, 0, "a"),
        (ord("a"), 4, SHIFT, "Shift+A"),
        (ord("a"), 4, CAPS | NUMBERS, "a"),
        (ord("a"), 20, 0, "a"),  # French: A is where others have Q
        (0x444, 4, 0, "a"),  # Russian: ф
        (0x444, 4, SHIFT, "Shift+A"),
        (ord("1"), 30, 0, "1"),
        (ord("&"), 30, SHIFT, "1"),  # French digits
        (0x40000000 | 89, 89, NUMBERS, "1"),
        (ord("0"), 39, 0, "0"),
        (ord(" "), 44, 0, "Space"),
        (27, 41, 0, "Escape"),
        (0x40000000 | 58, 58, 0, "F1"),
        (0x40000000 | 68, 68, 0, "F11"),
        (0x40000000 | 80, 80, 0, "ArrowLeft"),
        (ord("/"), 56, SHIFT, "?"),
        (0xDF, 45, SHIFT, "?"),  # German
        (ord("?"), 0, 0, "?"),
        (ord("/"), 56, 0, None),
        (0xDF, 45, 0, None),
        (ord("a"), 4, CONTROL, None),
        (ord("a"), 4, ALT, None),
        (ord("a"), 4, META, None),
        (0, 0, 0, None),
        (0x40000000 | 225, 225, SHIFT, None),  # Shift itself
        (0xFC, 47, 0, None),  # ü
    ],
)
def test_names_of_keys(keycode: int, scancode: int, modifiers: int, name: str | None) -> None:
    assert key_name(keycode, scancode, modifiers) == name
