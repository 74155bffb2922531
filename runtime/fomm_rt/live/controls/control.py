"""What an output or a page sees of a session, and how it controls it."""

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
    """A running session, seen from a seat: all of it can be called from any thread, and returns at once."""

    @property
    def state(self) -> LiveState:
        """What is set now."""

    def send(self, command: Command) -> None:
        """Carries out a command; what it shows is seen within two frames."""

    def numbers(self) -> Numbers:
        """The numbers up to now."""

    def messages(self) -> Sequence[str]:
        """What the user should know at this moment, one sentence each: a lost camera, a skipped picture."""

    def thumbnails(self) -> Sequence[Thumbnail]:
        """The avatars, in the order of their numbers."""

    @property
    def backend(self) -> str:
        """What runs the model, in a few words: "CPU, ONNX Runtime 1.31"."""
