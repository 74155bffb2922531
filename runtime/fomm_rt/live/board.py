"""The state of a session, the messages for its user, and the actions that wait to be carried out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import Lock
from time import perf_counter

from fomm_rt.live.avatars import Avatar
from fomm_rt.live.controls.commands import Command, changed
from fomm_rt.live.controls.state import LiveState

MESSAGE_S = 5.0
"""How long a passing message is shown."""


class Board:
    """The state that all threads of a session share. Every method returns at once.

    Args:
        state: The initial state.
        on_change: Called after the state or a message has changed, in the thread that changed it.
    """

    def __init__(self, state: LiveState, on_change: Callable[[], None] = lambda: None) -> None:
        self._lock = Lock()
        self._state = state
        self._avatars: tuple[Avatar, ...] = ()
        self._passing: list[tuple[float, str]] = []
        self._lasting: dict[str, str] = {}
        self._actions: SimpleQueue[str] = SimpleQueue()
        self.on_change = on_change

    @property
    def state(self) -> LiveState:
        """The current settings."""
        return self._state

    def send(self, command: Command) -> None:
        """Changes the state, or queues an action."""
        if command.is_action:
            self._actions.put(command.name)
            return
        with self._lock:
            self._state = changed(self._state, command)
        self.on_change()

    def actions(self) -> list[str]:
        """The actions that were sent since the last call."""
        found = []
        while True:
            try:
                found.append(self._actions.get_nowait())
            except Empty:
                return found

    @property
    def avatars(self) -> tuple[Avatar, ...]:
        """All avatars, in the order of their numbers."""
        return self._avatars

    def set_avatars(self, avatars: tuple[Avatar, ...], *, is_first: bool = False) -> None:
        """Follows a changed gallery: the chosen avatar stays chosen, even if its number changes.

        Args:
            avatars: At least one.
            is_first: True for the first full list of avatars.
        """
        with self._lock:
            number = 0 if is_first else self._state.avatar
            if number < len(self._avatars):
                chosen = self._avatars[number].path
                number = next((n for n, avatar in enumerate(avatars) if avatar.path == chosen), number)
            self._avatars = avatars
            self._state = replace(self._state, avatar_count=len(avatars), avatar=min(number, len(avatars) - 1))
        self.on_change()

    def chosen(self) -> tuple[LiveState, Avatar]:
        """The state and the avatar that it chooses."""
        with self._lock:
            return self._state, self._avatars[self._state.avatar]

    def say(self, sentence: str) -> None:
        """Shows a message for some seconds."""
        with self._lock:
            self._drop_old()
            self._passing.append((perf_counter() + MESSAGE_S, sentence))
        self.on_change()

    def set_lasting(self, topic: str, sentence: str | None) -> None:
        """Shows a message until the same topic has another one, or none."""
        with self._lock:
            if sentence is None:
                self._lasting.pop(topic, None)
            else:
                self._lasting[topic] = sentence
        self.on_change()

    def messages(self) -> Sequence[str]:
        """The messages to show now."""
        with self._lock:
            self._drop_old()
            return [*self._lasting.values(), *(sentence for _, sentence in self._passing)]

    def _drop_old(self) -> None:
        now_s = perf_counter()
        self._passing = [(end_s, sentence) for end_s, sentence in self._passing if end_s > now_s]
