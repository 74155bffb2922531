"""A writer that is killed leaves the old result or the new one, whole, and the next run removes the rest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kills.writers import WRITERS


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the writers are killed in processes that are forked")
@pytest.mark.parametrize("writer", WRITERS)
def test_a_killed_writer(writer: str, tmp_path: Path) -> None:
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "kills.killing", writer, tmp_path / "trial"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
