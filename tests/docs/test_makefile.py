"""The commands that `make demo` ends with work as they are printed, in the environment that it made."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fomm_rt.machine.export_extra import INSTALL_CPU_TORCH
from fomm_rt.media.read.video_reader import VideoReader

ROOT = Path(__file__).parents[2]


def printed_commands() -> list[str]:
    """The commands among what `make demo` prints at its end."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    recipe = subprocess.run(
        ["make", "-n", "-s", "demo"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    return [
        line.strip()
        for line in re.findall(r'^echo "(  [^"]*)"$', recipe, re.MULTILINE)
        if line.startswith("  .venv/bin/")
    ]


def test_fetch_is_installed_as_the_readme_says() -> None:
    commands = [command.removeprefix(".venv/bin/") for command in printed_commands()]
    fetching = commands[-3:]
    assert fetching[0] == INSTALL_CPU_TORCH
    assert fetching[1].startswith("pip install -e ")
    assert fetching[2] == "fomm-rt fetch vox-adv"
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    written = [line.partition("  #")[0].rstrip() for line in lines]
    first = written.index(fetching[0])
    assert written[first : first + 2] == fetching[:2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that looks like a checkout after `make demo`."""
    (tmp_path / "runtime").symlink_to(ROOT / "runtime")
    script = tmp_path / ".venv" / "bin" / "fomm-rt"
    script.parent.mkdir(parents=True)
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fomm_rt "$@"\n')
    script.chmod(0o755)
    return tmp_path


def test_the_last_commands_work(checkout: Path) -> None:
    commands = [command for command in printed_commands() if "/fomm-rt " in command and " fetch " not in command]
    animating = [command for command in commands if " animate " in command]
    assert len(animating) == 2
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for command in commands:
        # A part of each, because whole clips take long; the last --duration counts.
        shorter = f"{command} --duration 0.1" if command in animating else command
        result = subprocess.run(
            shorter, shell=True, cwd=checkout, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert result.returncode == 0, f"{command}\n{result.stderr}"
    results = sorted((checkout / "results" / "demo").iterdir())
    assert len(results) == len(animating)
    for path in results:
        with VideoReader(path) as reader:
            assert reader.width in (256, 512)
