"""Questions beside displays of progress, and texts from files."""

from __future__ import annotations

import io
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console

from fomm_build.command import _progress
from fomm_rt.bundled import bundled_model
from fomm_rt.cli.info import info
from fomm_rt.cli.terminal import Terminal, running
from fomm_rt.errors import FommError
from model_copies import edit_manifest

SHOW_CURSOR, HIDE_CURSOR = "\x1b[?25h", "\x1b[?25l"
REDRAWN_EVERY_S = 0.1


class FakeUser:
    """Standard input of a user who looks at the question and then agrees."""

    def __init__(self, screen: io.StringIO) -> None:
        self.screen = screen
        self.written_meanwhile = ""

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        before = len(self.screen.getvalue())
        time.sleep(3 * REDRAWN_EVERY_S)
        self.written_meanwhile = self.screen.getvalue()[before:]
        return "y\n"


@pytest.mark.parametrize("display", ["frames", "engines"])
def test_a_display_stops_for_a_question_and_returns(display: str, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    user = FakeUser(screen)
    monkeypatch.setattr(sys, "stdin", user)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal(quiet=False, as_json=False)
    terminal.err = Console(file=screen, force_terminal=True, width=100, highlight=False)
    ask = terminal.replacing(None)
    assert callable(ask)
    shown: Any = terminal.frames() if display == "frames" else _progress(terminal)
    with shown as report:
        assert screen.getvalue() == "", "nothing is shown before the first report"
        step = (1, 4) if display == "frames" else (0.25,)
        report("one", *step)
        assert HIDE_CURSOR in screen.getvalue()
        assert ask([Path("r.mp4")])
        assert "r.mp4 exists. Overwrite? [y/N]" in screen.getvalue()
        assert user.written_meanwhile == ""
        asked = len(screen.getvalue())
        report("two", *step)
        assert HIDE_CURSOR in screen.getvalue()[asked:]
    assert screen.getvalue().rstrip().rfind(SHOW_CURSOR) > screen.getvalue().rfind(HIDE_CURSOR)


HOSTILE = "\x1b]0;title\x07\x1b[2Jname\r\u202egnp"
ESCAPED = r"\x1b]0;title\x07\x1b[2Jname\r\u202egnp"


def test_control_characters_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    """Wherever a text comes out; a name in it may come from a file."""

    def run() -> None:
        with running(quiet=False, as_json=False, verbose=True) as terminal:
            terminal.say(HOSTILE)
            terminal.warn(HOSTILE)
            terminal.log(HOSTILE)
            terminal.result(f"{HOSTILE}\nsecond line", {})
            with terminal.frames(HOSTILE) as progress:
                progress(HOSTILE, 1, 2)
            raise FommError(HOSTILE)

    with pytest.raises(typer.Exit):
        run()
    printed = capsys.readouterr()
    assert printed.out == f"{ESCAPED}\nsecond line\n"
    assert printed.err.count(ESCAPED) >= 5
    assert printed.err.replace("\n", "").isprintable()


def test_a_manifest_cannot_fake_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = shutil.copytree(bundled_model(), tmp_path / "m")
    edit_manifest(copy, lambda document: document.update(name="x\n  weights  trusted\x1b[2J"))
    info(str(copy))
    assert capsys.readouterr().out.startswith(r"x\n  weights  trusted\x1b[2J (model format 1)")
