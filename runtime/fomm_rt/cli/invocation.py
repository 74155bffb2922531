"""How this program was started, for commands that it suggests."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def own_command() -> list[str]:
    """The words that start this program again from the same folder."""
    script = Path(sys.argv[0])
    if script.name == "__main__.py":
        return [sys.executable, "-m", "fomm_rt"]
    found = shutil.which(script.stem)
    if found is not None and Path(found).resolve() == script.resolve():
        return [script.stem]
    return [sys.argv[0]]
