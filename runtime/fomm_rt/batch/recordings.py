"""Recorded drivers that the workers of a run share: one worker of a machine records a driver, and the others read it.

    FOLDER/KEY.lock        locked by the worker that records
    FOLDER/KEY.recording   what came of it, put in place when it is complete

The kernel frees the lock of a worker that is killed; then the next one records. Where the folder cannot be used, for
example on a full disk or a file system without locks, each worker records for itself.
"""

from __future__ import annotations

import hashlib
import logging
from contextlib import suppress
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout
from msgspec import Struct

from fomm_rt.animator import Animator
from fomm_rt.clip.recorded_driver import DriverRequest, RecordedDriver, record_driver
from fomm_rt.clip.recording_file import recording_from_bytes, recording_to_bytes
from fomm_rt.clip.rendering import Progress
from fomm_rt.errors import FommError, ImageError, MediaError
from fomm_rt.files.hidden_folder import this_machine
from fomm_rt.version import __version__
from fomm_rt.workers.messages import LoadOptions

LOOK_S = 0.2
"""How often a worker that waits reports it, so that it can be cancelled."""
POLL_S = 0.02
"""How often it looks whether the recording has ended."""
WAITING = "waiting for the driver's keypoints"
"""The step of a job whose driver another worker records."""

Recorded = RecordedDriver | FommError | None
"""A recorded driver; why it cannot be read; or None for one of too many frames to keep."""

_log = logging.getLogger("fomm_rt")


class _Kept(Struct):
    """What came of a recording: `content`, or the sentence of an error, or neither for too many frames."""

    content: bytes | None = None
    error: str | None = None


def record_once(
    folder: Path,
    load: LoadOptions,
    animator: Animator,
    request: DriverRequest,
    version: tuple[int, int] | None,
    progress: Progress,
) -> Recorded:
    """Records a driver, or reads what another worker of this machine has recorded in the same way.

    Waits while another worker records it.

    Args:
        folder: What the workers share. It need not exist on this machine.
        load: The options of the animator.
        animator: Finds the keypoints.
        request: The driver.
        version: Of its file, see `version_of`.
        progress: Takes the frames that are done. What it raises ends the recording.
    """
    path = folder / _key_of(load, animator, request, version)
    if (kept := _read(path)) is None:
        lock = _lock(path.with_suffix(".lock"), progress)
        try:
            # Another worker may have recorded it meanwhile.
            if lock is None or (kept := _read(path)) is None:
                recorded = _record(animator, request, progress)
                if lock is not None:
                    _write(path, recorded)
                return recorded
        finally:
            if lock is not None:
                lock.release()
    if kept.error is not None:
        return MediaError(kept.error)
    return None if kept.content is None else recording_from_bytes(kept.content, request, animator)


def _key_of(load: LoadOptions, animator: Animator, request: DriverRequest, version: tuple[int, int] | None) -> str:
    """The name of the file for everything that decides the keypoints bit by bit: other processors round differently."""
    backend, weights = animator.backend, animator.manifest.weights.identity
    text = repr((__version__, this_machine(), load, backend.name, backend.device, weights, request, version))
    return f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.recording"


def _lock(path: Path, progress: Progress) -> FileLock | None:
    """Waits for a lock; None if the folder cannot be used."""
    if not path.parent.is_dir():
        return None
    lock = FileLock(path, fallback_to_soft=False, thread_local=False)
    while True:
        try:
            lock.acquire(timeout=LOOK_S, poll_interval=POLL_S)
        except Timeout:
            progress(WAITING, 0, None)
        except (OSError, NotImplementedError):
            return None
        else:
            return lock


def _record(animator: Animator, request: DriverRequest, progress: Progress) -> Recorded:
    try:
        return record_driver(animator, request, progress)
    except FommError as error:
        return error.with_traceback(None)  # which would keep frames in memory


def _read(path: Path) -> _Kept | None:
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=_Kept)
    except OSError:
        return None


def _write(path: Path, recorded: Recorded) -> None:
    match recorded:
        case MediaError() | ImageError():
            kept = _Kept(error=str(recorded))
        case FommError():
            return  # perhaps the fault of this worker alone
        case None:
            kept = _Kept()
        case _:
            kept = _Kept(content=recording_to_bytes(recorded))
    part = path.with_suffix(".part")
    try:
        part.write_bytes(msgspec.msgpack.encode(kept))
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        _log.debug("%s: the recording cannot be kept for other workers: %s", path, error)
