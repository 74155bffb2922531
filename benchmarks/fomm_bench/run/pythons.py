"""Other Pythons for some contestants, from the option --python."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from fomm_bench.contestants.registry import choose
from fomm_rt.errors import BenchmarkError


def parse_pythons(texts: Sequence[str], taking_part: Iterable[str]) -> dict[str, str]:
    """Parses NAME=PATH texts.

    Args:
        texts: The values of --python.
        taking_part: Names of the contestants that take part.

    Returns:
        Contestant -> executable.

    Raises:
        BenchmarkError: A text has another form, its contestant is unknown or takes no part, or its file cannot be run.
    """
    pythons: dict[str, str] = {}
    known = set(taking_part)
    for text in texts:
        name, _, path = text.partition("=")
        if not path:
            raise BenchmarkError(f"--python: expected CONTESTANT=PATH, such as openvino=/usr/bin/python3; got {text!r}")
        choose([name])
        if name not in known:
            raise BenchmarkError(f"--python: {name} takes no part; add it with -c {name}, or leave out {text!r}")
        if not (Path(path).is_file() and os.access(path, os.X_OK)):
            raise BenchmarkError(f"--python: {path} is not an executable file; give the path of a Python")
        pythons[name] = path
    return pythons
