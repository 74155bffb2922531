"""The journal of a folder of results: a line of JSON for every job that begins or ends.

A line is on the disk before the next one, so a run that is killed loses nothing but what it was doing. A last line that
was cut off is dropped. The newest line of a result counts. A job that has begun and not ended may have put its result
in place: it is made again, and what lies there counts as made by a run.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout
from msgspec import Struct

from fomm_rt.batch.checks import JOURNAL_NAME
from fomm_rt.batch.identity import Fingerprint, split_digests
from fomm_rt.batch.job import Animated
from fomm_rt.errors import OutputError
from fomm_rt.files.interruption import uninterrupted
from fomm_rt.files.staging import check_target, explain_failure, reporting_failures

_BEGIN = b'{"output":"'
_LOCK_NAME = ".fomm-rt-batch.lock"
_log = logging.getLogger("fomm_rt")


class Entry(Struct, kw_only=True, omit_defaults=True):
    """How a job ended; that it has begun, if all of `animated`, `files` and `error` are None.

    Attributes:
        output: The result, relative to the folder.
        identity: Of the job, see `Identities`.
        animated, files: What was made.
        error: Why it failed.
        earlier: Digests of further files that runs put there before, see `digest_of`.
    """

    output: str
    identity: str
    animated: Animated | None = None
    files: Fingerprint | None = None
    error: str | None = None
    earlier: bytes = b""

    @property
    def digests(self) -> list[bytes]:
        """Digests of all files that runs are known to have put there, the oldest first."""
        return split_digests(self.earlier + (b"" if self.files is None else self.files.digests))

    @property
    def has_ended(self) -> bool:
        """False if the run was ended before the job was."""
        return self.files is not None or self.error is not None


class Journal:
    """Takes entries. Made by `open_journal`.

    Attributes:
        entries: The newest entry of each result.
    """

    def __init__(self, path: Path, entries: dict[str, Entry]) -> None:
        self.entries = entries
        self._path = path

    def add(self, entry: Entry) -> None:
        """Writes an entry to the disk.

        Raises:
            OutputError: That failed, for example because the disk is full.
        """
        line = msgspec.json.encode(entry) + b"\n"
        with reporting_failures(self._path), uninterrupted():
            size = self._path.stat().st_size if self._path.exists() else 0
            try:
                with self._path.open("ab") as file:
                    file.write(line)
                    file.flush()
                    os.fsync(file.fileno())
            except OSError:
                with suppress(OSError):
                    os.truncate(self._path, size)  # half a line would spoil the next one
                raise
        self.entries[entry.output] = entry


def read_entries(folder: Path) -> dict[str, Entry]:
    """The newest entry of each result in a folder; none without a journal. Changes nothing.

    Raises:
        OutputError: The journal cannot be read, or the file of its name is something else.
    """
    path = folder / JOURNAL_NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise OutputError(f"{path}: the journal cannot be read ({error.strerror}); check its permissions") from error
    entries, damaged = {}, []
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        if not line.strip():
            continue
        try:
            entry = msgspec.json.decode(line, type=Entry)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            damaged.append(number)
        else:
            entries[entry.output] = entry
    if not entries and not _is_cut(content):
        raise OutputError(f"{path} is not the journal of a batch; move it away, or choose another -o")
    for number in damaged:
        _log.warning("%s, line %d is damaged; its job counts as not made", path, number)
    return entries


def _is_cut(content: bytes) -> bool:
    """True for what is left of a journal if a run was killed, or the power failed, while its first line was written."""
    text = content.strip(b"\0\r\n")
    return b"\n" not in text and text[: len(_BEGIN)] == _BEGIN[: len(text)]


@contextmanager
def open_journal(folder: Path) -> Iterator[Journal]:
    """Opens the journal of a folder, which is created if need be; no other run may have it meanwhile.

    Raises:
        OutputError: Another run has it, or it cannot be read or written.
    """
    path = folder / JOURNAL_NAME
    check_target(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / _LOCK_NAME, blocking=False, fallback_to_soft=False, thread_local=False)
        with suppress(NotImplementedError):  # a file system without locks
            lock.acquire()
    except Timeout:
        raise OutputError(
            f"{folder}: another fomm-rt batch writes there; wait for its end, or choose another -o"
        ) from None
    except OSError as error:
        raise explain_failure(error, path) from error
    try:
        entries = read_entries(folder)
        _drop_cut_line(path)
        yield Journal(path, entries)
    finally:
        if lock.is_locked:
            with suppress(OSError):
                (folder / _LOCK_NAME).unlink()
            lock.release()


def _drop_cut_line(path: Path) -> None:
    """Removes what follows the last end of a line: the line that a killed run was writing."""
    with reporting_failures(path), suppress(FileNotFoundError), path.open("r+b") as file:
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            file.truncate(whole)
