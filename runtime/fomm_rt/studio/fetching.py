"""Fetches models by running `fomm-rt fetch`, which belongs to a package that the runtime does not import."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import Any, Literal

from fomm_rt.files.typed_json import parse_json, typed
from fomm_rt.workers.module_command import module_command

_STOP_S = 3.0
_STEPS = {"waiting", "downloading", "verifying", "exporting", "notice"}


@dataclass
class FetchState:
    """How far a fetch is.

    Attributes:
        stage: What is being done, for people.
        done, total: Bytes of a download; None where unknown and in other steps.
        left_s: Estimated time to the end of the download; None where unknown.
        error: Why it failed.
    """

    state: Literal["running", "done", "failed", "cancelled"] = "running"
    stage: str = "starting"
    done: int | None = None
    total: int | None = None
    left_s: float | None = None
    error: str | None = None


@dataclass
class _Line:
    """A line of progress, as `fomm-rt fetch --progress json` prints it."""

    step: str
    message: str
    done_bytes: int | None = None
    total_bytes: int | None = None
    remaining_s: float | None = None


@dataclass
class Published:
    """A model that can be fetched, as `fomm-rt fetch --list --json` lists it."""

    name: str
    subject: str
    about_bytes: int
    size_bytes: int | None = None
    verified_by: str | None = None


@dataclass
class _Listing:
    models: list[Published]


class Fetch:
    """One run of `fomm-rt fetch`.

    Args:
        name: Of the model.
        trust: True to accept a checkpoint that no known hash verifies.
        on_change: Called in the event loop when `state` has changed.

    Attributes:
        state: How far it is.
    """

    def __init__(self, name: str, trust: bool, on_change: Callable[[], None]) -> None:
        self.state = FetchState()
        self._on_change = on_change
        self._is_cancelled = False
        arguments = ["fetch", name, "--json", "--progress", "json", *(["--trust"] if trust else [])]
        self._process = subprocess.Popen(
            module_command("fomm_rt.__main__", *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        loop = asyncio.get_running_loop()
        Thread(target=self._follow, args=(loop,), name=f"fetch {name}", daemon=True).start()

    def cancel(self) -> None:
        """Ends it. The downloaded part is kept for the next fetch."""
        self._is_cancelled = True
        with suppress(OSError):
            self._process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """Ends it and waits for that."""
        self.cancel()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _follow(self, loop: asyncio.AbstractEventLoop) -> None:
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        answer: list[bytes] = []
        reader = Thread(target=lambda: answer.append(self._process.stdout.read()), daemon=True)  # type: ignore[union-attr]
        reader.start()
        with suppress(RuntimeError):  # the event loop is closed
            for line in self._process.stderr:
                if (progress := _parse_line(line)) is not None:
                    loop.call_soon_threadsafe(self._take, progress)
            reader.join()
            code = self._process.wait()
            self._process.stdout.close()
            self._process.stderr.close()
            loop.call_soon_threadsafe(self._end, code, b"".join(answer))

    def _take(self, line: _Line) -> None:
        state = self.state
        state.stage = line.message
        if line.step != "notice":
            state.done, state.total, state.left_s = line.done_bytes, line.total_bytes, line.remaining_s
        self._on_change()

    def _end(self, code: int, answer: bytes) -> None:
        if code == 0:
            self.state = FetchState("done", "done")
        elif self._is_cancelled:
            self.state = FetchState("cancelled", "cancelled")
        else:
            self.state = FetchState("failed", "failed", error=_error_of(answer, code))
        self._on_change()


def list_published() -> list[Published]:
    """The models that can be fetched; none if the package that fetches is not installed."""
    done = subprocess.run(
        module_command("fomm_rt.__main__", "fetch", "--list", "--json"),
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    try:
        return typed(parse_json(done.stdout), _Listing).models if done.returncode == 0 else []
    except ValueError:
        return []


def _parse_line(line: bytes) -> _Line | None:
    try:
        parsed = typed(parse_json(line), _Line)
    except ValueError:
        return None
    return parsed if parsed.step in _STEPS else None


def _error_of(answer: bytes, code: int) -> str:
    with suppress(ValueError, KeyError, TypeError):
        document: Any = json.loads(answer)
        return str(document["error"])
    return f"fomm-rt fetch ended unexpectedly with exit code {code}; run it in a terminal to see why"
