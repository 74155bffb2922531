"""The interface through which an output or a page watches and controls a session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from fomm_rt.image import Image
from fomm_rt.live.controls.commands import Command
from fomm_rt.live.controls.state import LiveState
from fomm_rt.live.numbers import Numbers


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """An avatar in the gallery.

    Attributes:
        name: Its file name without the ending.
        picture: (96, 96, 3) uint8 RGB.
    """

    name: str
    picture: Image


class Control(Protocol):
    """A running session. All methods can be called from any thread, and return at once."""

    @property
    def state(self) -> LiveState:
        """The current state."""

    def send(self, command: Command) -> None:
        """Executes a command; its effect is visible within two frames."""

    def numbers(self) -> Numbers:
        """The numbers so far."""

    def messages(self) -> Sequence[str]:
        """Current messages for the user, one sentence each: a lost camera, a skipped picture."""

    def thumbnails(self) -> Sequence[Thumbnail]:
        """The avatars, in the order of their numbers."""

    @property
    def backend(self) -> str:
        """The backend in a few words: "CPU, ONNX Runtime 1.31"."""
