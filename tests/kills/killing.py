"""Kills a writer at moments of its work, looks at what is left, and runs it again.

    python -m kills.killing WRITER FOLDER [--every]

A moment is a call of Python that changes a file; Python reports each before it happens (`sys.addaudithook`). The first
and the last ones are taken, where results are begun and put in place, some in between, or with --every all of them.
Further kills come at random times, while an encoder works. Prints a line for each kill whose trace is wrong.
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from kills.writers import WRITERS, IncompleteError, Writer

OLD, NEW, NEXT = 0, 1, 2
_FIRST, _BETWEEN, _LAST, _AT_RANDOM = 2, 3, 7, 3
_EVENTS = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.truncate", "shutil.rmtree"}


def main() -> int:
    """Runs all kills; the exit code is 1 if one of them left something wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("writer", choices=WRITERS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", action="store_true", help="kill at every moment")
    options = parser.parse_args()
    for name in WRITERS[options.writer].imports:
        importlib.import_module(name)
    trial = Trial(WRITERS[options.writer], options.folder.absolute())
    wrong = [text for text in trial.run(options.every) if text is not None]
    print("\n".join(wrong) or f"{options.writer}: killed {trial.kills} times")
    return int(bool(wrong) or not trial.kills)


class Trial:
    """Kills of one writer."""

    def __init__(self, writer: Writer, folder: Path) -> None:
        self.kills = 0
        self._writer = writer
        self._folder = folder
        self._old = folder / "old"
        self._old.mkdir(parents=True)

    def run(self, every: bool) -> list[str | None]:
        """Returns what each kill left that is wrong, or None."""
        _in_child(lambda: self._writer.write(self._old, OLD))
        started = time.monotonic()
        moments = self._count()
        seconds = time.monotonic() - started
        numbers = random.Random(1)
        chosen = set(range(1, moments + 1))
        if not every and moments > _FIRST + _BETWEEN + _LAST:
            between = numbers.sample(range(_FIRST + 1, moments - _LAST), _BETWEEN)
            chosen = {*range(1, _FIRST + 1), *between, *range(moments - _LAST + 1, moments + 1)}
        at_moments = [self._kill(f"moment {moment} of {moments}", moment, None) for moment in sorted(chosen)]
        times = [numbers.random() * seconds for _ in range(_AT_RANDOM)]
        return at_moments + [self._kill(f"kill {n} after {after:.3f} s", None, after) for n, after in enumerate(times)]

    def _count(self) -> int:
        """The number of moments of a run."""
        reader, writer = os.pipe()
        folder = Path(shutil.copytree(self._old, self._folder / "counted"))

        def counted() -> None:
            moments = _watch_moments(lambda _moment: None)
            self._writer.write(folder, NEW)
            os.write(writer, b"%d" % moments[0])

        _in_child(counted)
        return int(os.read(reader, 20))

    def _kill(self, when: str, moment: int | None, after_s: float | None) -> str | None:
        folder = Path(shutil.copytree(self._old, self._folder / when.replace(" ", "-")))

        def killed() -> None:
            if moment is not None:
                _watch_moments(lambda reached: os.kill(os.getpid(), signal.SIGKILL) if reached == moment else None)
            self._writer.write(folder, NEW)

        status = _in_child(killed, after_s)
        if status not in (0, signal.SIGKILL):
            return f"{when}: the writer ended with status {status}"
        self.kills += status == signal.SIGKILL
        if _in_child(lambda: self._look(folder)):
            return f"{when}: a result is neither old nor new: {_names(folder)}"
        if _in_child(lambda: self._go_on(folder)):
            return f"{when}: the next run does not replace it"
        if hidden := [name for name in _names(folder) if name.startswith(".fomm-rt") or "/.fomm-rt" in name]:
            return f"{when}: the next run leaves {hidden}"
        return None

    def _look(self, folder: Path) -> None:
        try:
            assert self._writer.find(folder) in (OLD, NEW)
        except IncompleteError:
            if not self._writer.may_be_incomplete:
                raise

    def _go_on(self, folder: Path) -> None:
        self._writer.write(folder, NEXT)
        assert self._writer.find(folder) == NEXT


def _watch_moments(act: Callable[[int], None]) -> list[int]:
    """Calls a function before every change of a file with its number; returns the number so far, in a list."""
    moments = [0]

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in _EVENTS or (event == "open" and _is_writing(arguments)) or event.startswith("ctypes.dlsym"):
            moments[0] += 1
            act(moments[0])

    sys.addaudithook(hook)
    return moments


def _is_writing(arguments: tuple[object, ...]) -> bool:
    _path, _mode, flags = arguments
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


def _in_child(work: Callable[[], None], kill_after_s: float | None = None) -> int:
    """Runs a function in a child process; returns its exit code, or the signal that ended it."""
    process = os.fork()
    if process == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    return abs(os.waitstatus_to_exitcode(status))


def _names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


if __name__ == "__main__":
    sys.exit(main())
