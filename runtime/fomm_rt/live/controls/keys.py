"""The keys of a live session: one table for the window, its help, a page and the documents.

Keys are named as in the `KeyboardEvent.key` of a browser, with two exceptions: letters are lower case, with "Shift+"
before an upper-case letter if Shift is held, and the space bar is "Space". Examples: "a", "Shift+Z", "1", "?", "F1".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fomm_rt.live.controls.commands import FINE_MOVE_STEP, Command
from fomm_rt.live.controls.state import LiveState

FULL_SCREEN = "F11"
"""A key without a command: each window or page changes its own size."""

REPEATED = frozenset(
    {
        *("zoom-in", "zoom-out", "move-left", "move-right", "move-up", "move-down", "overlay-more", "overlay-less"),
        *("next-avatar", "previous-avatar"),
    }
)
"""Commands that are sent again and again while a key is held; a switch would flicker."""


@dataclass(frozen=True)
class KeyRow:
    """Keys that belong together: one line of the help.

    Attributes:
        label: The keys, as the help shows them: "W  S".
        text: What they do, in the same order.
        commands: Name of a key -> its command.
    """

    label: str
    text: str
    commands: Mapping[str, Command] = field(default_factory=dict)


@dataclass(frozen=True)
class KeyGroup:
    """Rows under one title."""

    title: str
    rows: tuple[KeyRow, ...]


_MOVES = {"u": "move-up", "h": "move-left", "j": "move-down", "k": "move-right"}

GROUPS: tuple[KeyGroup, ...] = (
    KeyGroup(
        "Avatar",
        (
            KeyRow(
                "1 – 9", "Choose an avatar", {str(number): Command("avatar", number - 1) for number in range(1, 10)}
            ),
            KeyRow(
                "A  D",
                "Previous, next avatar",
                {
                    **{key: Command("previous-avatar") for key in ("a", "ArrowLeft")},
                    **{key: Command("next-avatar") for key in ("d", "ArrowRight")},
                },
            ),
            KeyRow("G", "Gallery", {"g": Command("gallery")}),
            KeyRow("L", "Load the folder again", {"l": Command("reload-avatars")}),
            KeyRow("0", "Camera in place of the avatar", {"0": Command("passthrough")}),
        ),
    ),
    KeyGroup(
        "Your face",
        (
            KeyRow("W  S", "Larger, smaller", {"w": Command("zoom-in"), "s": Command("zoom-out")}),
            KeyRow(
                "U  H  J  K",
                "Move the square; Shift: finer",
                {
                    **{key: Command(name) for key, name in _MOVES.items()},
                    **{f"Shift+{key.upper()}": Command(name, FINE_MOVE_STEP) for key, name in _MOVES.items()},
                },
            ),
            KeyRow("Shift Z", "Reset size and place", {"Shift+Z": Command("reset-crop")}),
            KeyRow("B", "Follow the face, or by hand", {"b": Command("follow-face")}),
            KeyRow(
                "Z  C", "Your face on top: less, more", {"z": Command("overlay-less"), "c": Command("overlay-more")}
            ),
            KeyRow("Y", "Your face in the corner", {"y": Command("driving")}),
            KeyRow("O", "Keypoints of your face", {"o": Command("keypoints")}),
        ),
    ),
    KeyGroup(
        "Motion",
        (
            KeyRow("X", "Take this pose as reference", {"x": Command("set-reference")}),
            KeyRow("F", "Find the best reference", {"f": Command("best-reference")}),
            KeyRow("M", "Relative or absolute", {"m": Command("relative")}),
            KeyRow("Shift M", "Adapt to the avatar's size", {"Shift+M": Command("adapt-scale")}),
            KeyRow("E", "Smoothing: next strength", {"e": Command("smoothing")}),
        ),
    ),
    KeyGroup(
        "Picture",
        (
            KeyRow("Space", "Freeze", {"Space": Command("freeze")}),
            KeyRow("P", "Save a picture", {"p": Command("snapshot")}),
            KeyRow("V", "Start or stop recording", {"v": Command("record")}),
            KeyRow("N", "Next view", {"n": Command("view")}),
            KeyRow(
                "R  T", "Mirror the window, the output", {"r": Command("mirror-preview"), "t": Command("mirror-output")}
            ),
        ),
    ),
    KeyGroup(
        "Window",
        (
            KeyRow("I", "Numbers", {"i": Command("numbers")}),
            KeyRow("?  F1", "This help", {"?": Command("help"), "F1": Command("help")}),
            KeyRow(FULL_SCREEN, "Full screen"),
            KeyRow("Esc", "Close this; else quit", {"Escape": Command("quit")}),
        ),
    ),
)
"""All keys, in the order of the help."""

KEYS: Mapping[str, Command] = {
    key: command for group in GROUPS for row in group.rows for key, command in row.commands.items()
}
"""Name of a key -> its command."""


def command_of(key: str, state: LiveState, *, is_repeated: bool = False) -> Command | None:
    """The command of a key that was pressed, or that is held and `is_repeated`; None if there is none.

    Escape closes the help or the gallery if it is open, and quits otherwise.
    """
    command = KEYS.get(key)
    if command is None or (is_repeated and command.name not in REPEATED):
        return None
    if command.name == "quit" and (state.shows_help or state.shows_gallery):
        return Command("help" if state.shows_help else "gallery", False)
    return command
