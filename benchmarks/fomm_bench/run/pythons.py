"""Which Python a contestant runs in, where it is another than the benchmark's own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fomm_bench.contestants.registry import choose
from fomm_rt.errors import BenchmarkError


@dataclass(frozen=True)
class Pythons:
    """Other Pythons.

    Attributes:
        by_name: Contestant to executable.
    """

    by_name: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, texts: Sequence[str], taking_part: Iterable[str]) -> Pythons:
        """Of NAME=PATH texts.

        Args:
            texts: As given to --python.
            taking_part: Names of those who do.

        Raises:
            BenchmarkError: One has another form, no such contestant, one that takes no part, or no executable.
        """
        found: dict[str, str] = {}
        known = set(taking_part)
        for text in texts:
            name, _, path = text.partition("=")
            if not path:
                raise BenchmarkError(
                    f"--python: expected CONTESTANT=PATH, such as openvino=/usr/bin/python3; got {text!r}"
                )
            choose([name])
            if name not in known:
                raise BenchmarkError(f"--python: {name} takes no part; add it with -c {name}, or leave {text!r} out")
            if not (Path(path).is_file() and os.access(path, os.X_OK)):
                raise BenchmarkError(f"--python: {path} is no program that can be run; give the path of a Python")
            found[name] = path
        return cls(found)
