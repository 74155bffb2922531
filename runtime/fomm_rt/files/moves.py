"""Puts several files, or a folder, in place of earlier ones so that old and new are never mixed.

All earlier files are moved away before the first new one is put in place, and a journal in the hidden folder lists the
moves. If the process is killed in between, the next run to the same folder finishes them, see `finish`.

    .fomm-rt-…/moves.json    names of the earlier files, with size and time of change
    .fomm-rt-…/earlier/      earlier files that have left
    .fomm-rt-…/new/          new files that have not arrived
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from fomm_rt.files.hidden_folder import HiddenFolder
from fomm_rt.files.interruption import uninterrupted
from fomm_rt.files.typed_json import parse_json, typed

_JOURNAL_NAME = "moves.json"
_EARLIER_NAME = "earlier"
# Two runs that put pictures into one folder take turns, so that sets are never mixed.
_LOCK_NAME = ".fomm-rt-moves.lock"

_Journal = dict[str, tuple[int, int]]


def put_in_place(hidden: HiddenFolder, obsolete: Iterable[str] = ()) -> None:
    """Moves everything in `hidden.new` into the folder beside it, while signals wait.

    Args:
        hidden: The hidden folder.
        obsolete: Names of further earlier files in the folder, which are removed.

    Raises:
        OSError: Something cannot be moved; all earlier files are back in place.
    """
    with uninterrupted(), _taking_turns(hidden.folder):
        names = {path.name for path in hidden.new.iterdir()} | set(obsolete)
        earlier = {name: state for name in names if (state := _state_of(hidden.folder / name)) is not None}
        (hidden.path / _EARLIER_NAME).mkdir()
        journal = hidden.path / _JOURNAL_NAME
        written = journal.with_suffix(".part")
        written.write_text(json.dumps(earlier), encoding="utf-8")
        written.replace(journal)
        try:
            _move(hidden.path, earlier)
        except BaseException:
            _move_back(hidden.path, earlier, names)
            raise
        finally:
            journal.unlink(missing_ok=True)


def finish(hidden: Path) -> None:
    """Finishes the moves of a killed process, unless files have been changed or added there since.

    Args:
        hidden: Its hidden folder, which nothing uses any more; `hidden_folder.abandoned` removes it afterwards.
    """
    journal = hidden / _JOURNAL_NAME
    with suppress(OSError, ValueError), uninterrupted(), _taking_turns(hidden.parent):
        earlier = typed(parse_json(journal.read_text(encoding="utf-8")), _Journal)
        names = {*earlier, *(path.name for path in (hidden / "new").iterdir())}
        if any(name == ".." or Path(name).name != name for name in names):
            return
        left = {path.name for path in (hidden / _EARLIER_NAME).iterdir()}
        arrived = {name for name in names if not (hidden / "new" / name).exists()} & left
        in_place = {name: _state_of(hidden.parent / name) for name in names - arrived}
        if all(state is None or (name not in left and state == earlier.get(name)) for name, state in in_place.items()):
            _move(hidden, earlier)


def _move(hidden: Path, earlier: Iterable[str]) -> None:
    folder, left = hidden.parent, hidden / _EARLIER_NAME
    # The first picture leaves first and arrives last: without it, FFmpeg and others do not read the rest as a clip.
    for name in sorted(earlier):
        if not (left / name).exists():
            with suppress(FileNotFoundError):
                (folder / name).rename(left / name)
    for file in sorted((hidden / "new").iterdir(), reverse=True):
        file.rename(folder / file.name)


def _move_back(hidden: Path, earlier: Iterable[str], names: Iterable[str]) -> None:
    folder, left = hidden.parent, hidden / _EARLIER_NAME
    for name in names:
        with suppress(OSError):
            if not (hidden / "new" / name).exists() and ((left / name).exists() or name not in earlier):
                (folder / name).rename(hidden / "new" / name)
        with suppress(OSError):
            (left / name).rename(folder / name)


def _state_of(path: Path) -> tuple[int, int] | None:
    try:
        info = path.lstat()
    except FileNotFoundError:
        return None
    return info.st_size, info.st_mtime_ns


@contextmanager
def _taking_turns(folder: Path) -> Iterator[None]:
    lock = FileLock(folder / _LOCK_NAME, timeout=60, fallback_to_soft=False)
    with suppress(OSError, NotImplementedError):  # no locks, or a stopped run holds the lock: then without turns
        lock.acquire()
    try:
        yield
    finally:
        if lock.is_locked:
            with suppress(OSError):
                (folder / _LOCK_NAME).unlink()  # others that wait for this file notice that it is gone
            lock.release()
