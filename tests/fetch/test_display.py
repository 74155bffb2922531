"""How the progress of a fetch is shown."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console
from rich.progress import Progress

from fomm_fetch import display
from fomm_fetch.display import figures, printing_json, showing
from fomm_fetch.progress import FetchProgress
from fomm_rt.cli.terminal import Terminal

MB = 1_000_000


@pytest.mark.parametrize(
    ("report", "text"),
    [
        (FetchProgress("downloading", "", 212 * MB, 751 * MB, 8.1 * MB), "212 of 751 MB, 8.1 MB/s, 67 s left"),
        (FetchProgress("downloading", "", 212 * MB, 751 * MB, 0.5 * MB), "212 of 751 MB, 0.5 MB/s, 18 min left"),
        (FetchProgress("downloading", "", 212 * MB, 751 * MB, 0.05 * MB), "212 of 751 MB, 0.1 MB/s, 3.0 h left"),
        (FetchProgress("downloading", "", 212 * MB, None, 8.1 * MB), "212 MB, 8.1 MB/s"),
        (FetchProgress("downloading", "", 0, 751 * MB, None), "0 of 751 MB"),
        (FetchProgress("verifying", ""), ""),
    ],
)
def test_figures(report: FetchProgress, text: str) -> None:
    assert figures(report) == text


def terminal_on(is_terminal: bool, width: int = 120) -> tuple[Terminal, io.StringIO]:
    terminal, output = Terminal(quiet=False, as_json=False), io.StringIO()
    terminal.err = Console(file=output, force_terminal=is_terminal, width=width, highlight=False)
    return terminal, output


def test_lines_come_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(display, "monotonic", lambda: now)
    terminal, output = terminal_on(False)
    with showing(terminal) as progress:
        for second in range(25):
            now = 100.0 + second
            progress(FetchProgress("downloading", "downloading vox", second * MB, 25 * MB, MB))
        progress(FetchProgress("notice", "a server broke the connection off"))
        progress(FetchProgress("verifying", "verifying vox"))
    assert output.getvalue().splitlines() == [
        "downloading vox",
        "downloading vox: 10 of 25 MB, 1.0 MB/s, 15 s left",
        "downloading vox: 20 of 25 MB, 1.0 MB/s, 5 s left",
        "a server broke the connection off",
        "verifying vox",
    ]


@pytest.mark.parametrize("width", [120, 60])
def test_a_bar_on_a_terminal(width: int) -> None:
    terminal, output = terminal_on(True, width)
    with showing(terminal) as progress:
        progress(FetchProgress("downloading", "downloading vox", 10 * MB, 25 * MB, MB))
        progress(FetchProgress("notice", "a server broke the connection off"))
        progress(FetchProgress("exporting", "tracing generator"))
    shown = output.getvalue()
    assert "10 of 25 MB, 1.0 MB/s, 15 s left" in shown
    assert "a server broke the connection off" in shown
    assert ("━" in shown) == (width == 120)


def test_every_step_has_its_own_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    bars: list[Progress] = []

    class SeenProgress(Progress):
        def start(self) -> None:
            bars.append(self)
            super().start()

    monkeypatch.setattr(display, "Progress", SeenProgress)
    terminal, _ = terminal_on(True)
    totals = []
    with showing(terminal) as progress:
        for report in (
            FetchProgress("downloading", "downloading vox", 10 * MB, 25 * MB, MB),
            FetchProgress("downloading", "downloading vox", 25 * MB, 25 * MB, MB),
            FetchProgress("downloading", "downloading vox", 5 * MB),  # the next source does not say how much it sends
            FetchProgress("verifying", "verifying vox"),
            FetchProgress("exporting", "tracing generator"),
            FetchProgress("exporting", "comparing"),
        ):
            progress(report)
            (task,) = bars[0].tasks
            totals.append((task.description, task.total))
    assert totals == [
        ("downloading vox", 25 * MB),
        ("downloading vox", 25 * MB),
        ("downloading vox", None),
        ("verifying vox", None),
        ("tracing generator", None),
        ("comparing", None),
    ]


def test_nothing_if_quiet() -> None:
    terminal = Terminal(quiet=True, as_json=False)
    terminal.err = Console(file=io.StringIO(), force_terminal=True)
    with showing(terminal) as progress:
        progress(FetchProgress("downloading", "downloading vox", 10 * MB, 25 * MB, MB))
    assert terminal.err.file.getvalue() == ""  # type: ignore[attr-defined]


def test_progress_for_programs_is_a_line_of_json_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    with printing_json() as report:
        report(FetchProgress("downloading", "downloading x", 5, 10, 2.5))
        report(FetchProgress("verifying", "verifying x"))
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first == {
        "step": "downloading",
        "message": "downloading x",
        "done_bytes": 5,
        "total_bytes": 10,
        "bytes_per_s": 2.5,
        "remaining_s": 2.0,
    }
    assert (second["step"], second["done_bytes"], second["remaining_s"]) == ("verifying", None, None)
