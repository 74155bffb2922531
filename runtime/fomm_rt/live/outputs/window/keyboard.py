"""Names of keys from SDL's key events: see `fomm_rt.live.controls.keys` for the names."""

from __future__ import annotations

import string

# Positions of keys on the keyboard, whatever is printed on them: usage codes of USB keyboards, as in SDL.
_LETTERS = dict(zip(range(4, 30), string.ascii_lowercase, strict=True))
_DIGITS = dict(zip(range(30, 40), "1234567890", strict=True))
_KEYPAD_DIGITS = dict(zip(range(89, 99), "1234567890", strict=True))
_FUNCTION_KEYS = {57 + number: f"F{number}" for number in range(1, 13)}
_OTHERS = {41: "Escape", 44: "Space", 79: "ArrowRight", 80: "ArrowLeft", 81: "ArrowDown", 82: "ArrowUp"}
_BY_PLACE = {**_DIGITS, **_KEYPAD_DIGITS, **_FUNCTION_KEYS, **_OTHERS}

_SHIFT, _CONTROL, _ALT, _META = 0x0003, 0x00C0, 0x0300, 0x0C00

_QUESTION_MARKS = frozenset("?/ß,'+")
"""Characters of the key that gives a question mark with Shift: US, German, French, Spanish and Italian, Nordic
keyboards. Text input would know exactly, but it would also send letters to the input methods of Asian languages."""


def key_name(keycode: int, scancode: int, modifiers: int) -> str | None:
    """The name of a pressed key; None for keys without one, and while Control, Alt or Meta is held.

    Letters are matched by the character on the key, if it is a Latin letter. Digits are matched by position, because
    the digit row of a French keyboard gives digits with Shift only.

    Args:
        keycode: SDL's `keysym.sym`: the character of the key without modifiers, if it has one.
        scancode: SDL's `keysym.scancode`: the place of the key.
        modifiers: SDL's `keysym.mod`.
    """
    if modifiers & (_CONTROL | _ALT | _META):
        return None
    if scancode in _BY_PLACE:
        return _BY_PLACE[scancode]
    with_shift = bool(modifiers & _SHIFT)
    letter = chr(keycode) if 0 < keycode < 0x110000 else ""
    if letter in string.ascii_lowercase and letter:
        return _letter(letter, with_shift)
    if letter in _QUESTION_MARKS and (with_shift or letter == "?"):
        return "?"
    # On a keyboard of another alphabet: the letter that is there on a Latin one.
    return _letter(_LETTERS[scancode], with_shift) if scancode in _LETTERS and not letter.isascii() else None


def _letter(letter: str, with_shift: bool) -> str:
    return f"Shift+{letter.upper()}" if with_shift else letter
