"""One live session for all pages: it begins with the page that gives the camera, and ends with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from fomm_rt.animator import Animator
from fomm_rt.errors import CameraError, FommError, StateError
from fomm_rt.live.controls.commands import Command, changed
from fomm_rt.live.controls.control import Thumbnail
from fomm_rt.live.controls.state import LiveState
from fomm_rt.live.session import LiveSession
from fomm_rt.studio.live.browser_camera import BrowserCamera
from fomm_rt.studio.live.browser_output import Audience, BrowserOutput
from fomm_rt.studio.live.packets import Packet
from fomm_rt.studio.live.pages import Page

_log = logging.getLogger("fomm_rt")

LOOK_S, NUMBERS_EVERY = 0.1, 5
"""Seconds between two looks at the state, and looks between two reports of the numbers."""
OUTSIDE_COMMANDS = frozenset({"quit", "snapshot", "record", "mirror-preview"})
"""Commands that a page carries out itself."""


class Hub:
    """The live session, its pages, and the model that it runs. All methods are called in the event loop's thread.

    Args:
        load: Opens a model by its name; called in a thread.
        avatars: Folders and pictures; the bundled avatars by default.
    """

    def __init__(self, load: Callable[[str | None], Animator], avatars: Sequence[Path] = ()) -> None:
        self._load = load
        self._avatars = list(avatars)
        self._pages: set[Page] = set()
        self._owner: Page | None = None
        self._session: LiveSession | None = None
        self._camera: BrowserCamera | None = None
        self._output: BrowserOutput | None = None
        self._state = LiveState(mirror_output=False)
        self._animator: Animator | None = None
        self._model: str | None = None
        self._running: asyncio.Task[None] | None = None
        self._ended: LiveSession | None = None
        self._gallery_version = 0
        self._loop: asyncio.AbstractEventLoop

    @property
    def is_live(self) -> bool:
        """True while a page gives its camera."""
        return self._owner is not None

    def add(self, page: Page, model: str | None) -> None:
        """Takes in a page; one with the role "camera" begins the session.

        Raises:
            StateError: Another page gives its camera.
        """
        if page.audience.role == "camera":
            if self._owner is not None:
                raise StateError("another page is live; close it, or watch it here")
            self._owner = page
            self._running = asyncio.get_running_loop().create_task(self._run(page, model))
        self._pages.add(page)
        self.request_key(page.audience)
        page.tell("state", state=asdict(self._state), is_live=self.is_live)
        self._tell_avatars([page])

    async def remove(self, page: Page) -> None:
        """Lets a page go; with the one that gives the camera the session ends."""
        self._pages.discard(page)
        if page is self._owner:
            if self._camera is not None:
                self._camera.end()
            if self._session is not None:
                self._session.end()
            if self._running is not None:
                await self._running

    async def close(self) -> None:
        """Ends everything, with the server."""
        for page in list(self._pages):
            page.close()
            await self.remove(page)
        self._close_animator()

    def push(self, page: Page, packet: Packet) -> None:
        """Takes a frame of the camera.

        Raises:
            CameraError: The page does not give the camera, or sends too fast.
        """
        if page is not self._owner:
            raise CameraError("this page is a viewer; it may not send frames")
        if self._camera is not None:
            self._camera.push(packet)

    def command(self, page: Page, name: str, value: Any) -> None:
        """Carries out a command of the page that gives the camera, or of any page that could.

        Raises:
            StateError: The page is a viewer, there is no such command, or its value is wrong.
        """
        if page.audience.role == "viewer":
            raise StateError("this page is a viewer; it can change nothing")
        command = Command(name, value)
        if name in OUTSIDE_COMMANDS:
            raise StateError(f"{name} is carried out by the page")
        if self._session is None:
            self._state = changed(self._state, command)
        else:
            self._session.send(command)
            self._state = self._session.state
        self._tell_all("state", state=asdict(self._state), is_live=self.is_live)

    def thumbnail(self, number: int) -> Any:
        """(96, 96, 3) uint8 RGB: an avatar of the session.

        Raises:
            StateError: There is no such avatar.
        """
        thumbnails = [] if self._session is None else self._session.thumbnails()
        if not 0 <= number < len(thumbnails):
            raise StateError(f"there is no avatar {number + 1}")
        return thumbnails[number].picture

    async def _run(self, page: Page, model: str | None) -> None:
        """Runs the session of a page until it ends, and tells all pages."""
        error: str | None = None
        self._loop = asyncio.get_running_loop()
        try:
            session = await asyncio.to_thread(self._open, model)
            if page in self._pages:
                watching = self._loop.create_task(self._watch(session))
                try:
                    await asyncio.to_thread(session.run)
                finally:
                    watching.cancel()
                self._state = session.state
        except FommError as failure:
            error = str(failure)
        except Exception as failure:
            _log.exception("the live session failed")
            error = f"this is a defect in fomm-rt: {type(failure).__name__}: {failure}"
        finally:
            # Whoever starts again is not shown at once, nor stands still.
            self._state = replace(self._state, passthrough=False, frozen=False)
            self._ended = self._session
            self._owner = self._session = self._camera = self._output = None
            if page in self._pages:
                page.tell("ended", error=error)
                page.close()
            self._tell_all("state", state=asdict(self._state), is_live=False)

    def _open(self, model: str | None) -> LiveSession:
        """Opens the model, unless it is open, and makes the session; runs in a thread."""
        if self._ended is not None and self._ended.is_engine_busy:
            self._animator = None  # it is still used; what it holds is freed with the thread
        if self._animator is None or model != self._model:
            self._close_animator()
            self._animator, self._model = self._load(model), model
        loop = self._loop
        camera = BrowserCamera()
        output = BrowserOutput(
            camera.tags,
            lambda: {page.audience for page in tuple(self._pages)},
            lambda audience, packet: _call(loop, self._show, audience, packet),
        )
        session = LiveSession(self._animator, camera, [output], avatars=self._avatars, state=self._state)
        self._camera, self._output, self._session = camera, output, session
        return session

    def _close_animator(self) -> None:
        """Closes the model, unless a frame of the last session is still in native code."""
        if self._animator is not None and not (self._ended is not None and self._ended.is_engine_busy):
            self._animator.close()
        self._animator = None

    async def _watch(self, session: LiveSession) -> None:
        """Tells the pages what changes while a session runs."""
        state, count = None, 0
        thumbnails: list[Thumbnail] = []
        while True:
            if session.state != state:
                state = self._state = session.state
                self._tell_all("state", state=asdict(state), is_live=True)
            if list(session.thumbnails()) != thumbnails:
                thumbnails = list(session.thumbnails())
                self._gallery_version += 1
                self._tell_avatars(self._pages)
            self._tell_face(session)
            if count % NUMBERS_EVERY == 0:
                numbers = asdict(session.numbers())
                self._tell_all("numbers", numbers=numbers, messages=list(session.messages()), backend=session.backend)
            count += 1
            await asyncio.sleep(LOOK_S)

    def _tell_face(self, session: LiveSession) -> None:
        """Tells the page with the camera where the face is, if it shows it to its user."""
        state, frame = session.state, None if self._output is None else self._output.last
        if frame is None or self._owner is None or frame.square is None:
            return
        if state.overlay_opacity or state.shows_driving or state.shows_keypoints:
            square, (height, width) = frame.square, frame.camera.shape[:2]
            keypoints = [] if frame.kp_driving is None else frame.kp_driving.value.tolist()
            self._owner.tell("face", square=[square.x, square.y, square.side], of=[width, height], keypoints=keypoints)

    def _show(self, audience: Audience, packet: Packet) -> None:
        for page in self._pages:
            if page.audience == audience:
                page.show(packet)

    def request_key(self, audience: Audience) -> None:
        """Makes the next frame for these pages one that needs no other."""
        if self._output is not None:
            self._output.request_key(audience)

    def page(self, audience: Audience) -> Page:
        """A new page, which `add` takes in."""
        return Page(audience, self.request_key)

    def _tell_all(self, kind: str, **content: Any) -> None:
        for page in self._pages:
            page.tell(kind, **content)

    def _tell_avatars(self, pages: Iterable[Page]) -> None:
        names = [] if self._session is None else [thumbnail.name for thumbnail in self._session.thumbnails()]
        for page in pages:
            page.tell("avatars", names=names, version=self._gallery_version)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: Any) -> None:
    with suppress(RuntimeError):  # the server has ended
        loop.call_soon_threadsafe(function, *arguments)
