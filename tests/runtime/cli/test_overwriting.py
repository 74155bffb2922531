"""Existing results: asked about on a terminal, refused elsewhere, replaced with -y and kept with -n."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from clips import write_clip
from fomm_rt.media.write.picture import write_picture
from golden_files import Golden

GOLDEN = Golden("small_aligned")
QUESTION = "Overwrite? [y/N]"

ERASE_LINE = "\x1b[2K"
THINKING_S = 0.5
"""How long the user looks at the question: several times as long as a bar takes to redraw itself."""


@pytest.fixture
def work(tmp_path: Path, small_model: Path) -> Path:
    """A folder with source.png, clip.mp4, the model folder m and an old r.mp4."""
    write_picture(tmp_path / "source.png", GOLDEN.source)
    write_clip(tmp_path / "clip.mp4", frames=2, size=(64, 64), pixels=lambda i: GOLDEN.driving[i])
    (tmp_path / "m").symlink_to(small_model)
    (tmp_path / "r.mp4").write_text("old")
    return tmp_path


def animate_aloud(output: str = "r.mp4", *extra: str, driving: str = "clip.mp4") -> list[str]:
    return [*(sys.executable, "-m", "fomm_rt", "animate", "source.png", driving, "-m", "m", "-o", output, *extra)]


def animate(output: str = "r.mp4", *extra: str, driving: str = "clip.mp4") -> list[str]:
    return animate_aloud(output, "-q", *extra, driving=driving)


def run(work: Path, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=work, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=False
    )


def on_terminal(work: Path, command: Sequence[str], answer: bytes) -> tuple[int, str]:
    """Runs a command on a pseudo-terminal and answers its first question; returns exit code and output."""
    code, output, _ = watch_question(work, command, answer, 0)
    return code, output


def watch_question(work: Path, command: Sequence[str], answer: bytes, thinking_s: float) -> tuple[int, str, str]:
    """Waits before it answers, and also returns the output from the question up to the answer."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(command, cwd=work, stdin=terminal, stdout=terminal, stderr=terminal, close_fds=True)
    os.close(terminal)
    output, before, has_answered, deadline = b"", b"", False, time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            read = os.read(controller, 4096)
        except OSError:  # Linux reports the end of the other side in this way
            break
        if not read:
            break
        output += read
        if QUESTION.encode() in output and not has_answered:
            answer_at = time.monotonic() + thinking_s
            while select.select([controller], [], [], max(0.0, answer_at - time.monotonic()))[0]:
                output += os.read(controller, 4096)
            before = output.partition(QUESTION.encode())[2]
            os.write(controller, answer)
            has_answered = True
    os.close(controller)
    return process.wait(timeout=60), output.decode(errors="replace"), before.decode(errors="replace")


@pytest.mark.parametrize("answer", [b"y\n", b"YES\n"])
def test_a_terminal_asks_and_replaces(work: Path, answer: bytes) -> None:
    code, output = on_terminal(work, animate(), answer)
    assert code == 0, output
    assert f"r.mp4 exists. {QUESTION}" in output
    assert (work / "r.mp4").read_bytes() != b"old"


def test_no_bar_erases_the_question(work: Path) -> None:
    (work / "results").mkdir()
    (work / "results" / "demo.mp4").write_text("old")
    demo = [sys.executable, "-m", "fomm_rt", "demo", "-o", "results"]
    code, output, before = watch_question(work, animate_aloud(), b"y\n", THINKING_S)
    assert code == 0, output
    assert before.strip() == ""
    assert ERASE_LINE in output, "the bar itself is shown after the answer"
    assert watch_question(work, demo, b"n\n", THINKING_S)[::2] == (1, " ")


@pytest.mark.parametrize("answer", [b"n\n", b"\n", b"maybe\n", b"\xff\n", b"\x04"])
def test_a_terminal_asks_and_keeps(work: Path, answer: bytes) -> None:
    code, output = on_terminal(work, animate(), answer)
    assert code == 1
    assert "error: r.mp4 exists and may not be overwritten; choose another name" in output
    assert (work / "r.mp4").read_text() == "old"


def test_ctrl_c_at_the_question(work: Path) -> None:
    assert on_terminal(work, ["setsid", "-c", *animate()], b"\x03")[0] == 130
    assert (work / "r.mp4").read_text() == "old"


@pytest.mark.parametrize("option", ["-y", "--overwrite"])
def test_yes_asks_nothing(work: Path, option: str) -> None:
    code, output = on_terminal(work, animate("r.mp4", option), b"n\n")
    assert code == 0, output
    assert QUESTION not in output
    assert (work / "r.mp4").read_bytes() != b"old"


@pytest.mark.parametrize("extra", [[], ["-n"], ["--no-overwrite"]])
def test_elsewhere_it_is_refused(work: Path, extra: list[str]) -> None:
    result = run(work, animate("r.mp4", *extra))
    assert result.returncode == 1
    assert result.stderr.strip() == "error: r.mp4 exists already; overwrite with -y, or choose another name"
    assert (work / "r.mp4").read_text() == "old"
    assert QUESTION not in on_terminal(work, animate("r.mp4", "-n"), b"y\n")[1]


def test_new_results_need_no_option(work: Path) -> None:
    assert run(work, animate("new.mp4", "-n")).returncode == 0


def test_every_output_counts(work: Path) -> None:
    (work / "m.npz").write_text("old")
    result = run(work, animate("r.mp4", "--save-motion", "m.npz"))
    assert "error: r.mp4 and m.npz exist already" in result.stderr
    for name in ("p-01.png", "p-07.png", "p-12.png"):
        (work / name).write_text("old")
    result = run(work, animate("p-%02d.png"))
    assert "error: p-01.png and 2 other files exist already" in result.stderr
    assert (work / "p-01.png").read_text() == (work / "m.npz").read_text() == "old"


def test_inputs_are_checked_before_the_question(work: Path) -> None:
    (work / "broken.mp4").write_bytes(b"no video" * 100)
    for driving in ("absent.mp4", "broken.mp4"):
        code, output = on_terminal(work, animate(driving=driving), b"y\n")
        assert code == 1
        assert QUESTION not in output
        assert f"error: {driving}" in output


def test_the_demo_replaces_only_its_own_folder(tmp_path: Path) -> None:
    for folder in ("fomm-rt-demo", "mine"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "demo.mp4").write_text("old")
    # The missing picture ends both runs before any work, after or before the check of what exists.
    demo = [sys.executable, "-m", "fomm_rt", "demo", "-q"]
    refused = run(tmp_path, [*demo, "-o", "mine"])
    assert refused.returncode == 1
    assert "mine/demo.mp4 exists already" in refused.stderr
    kept = run(tmp_path, [*demo, "-n"])
    assert "fomm-rt-demo/demo.mp4 exists already" in kept.stderr
    assert (tmp_path / "mine" / "demo.mp4").read_text() == "old"
