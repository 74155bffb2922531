"""What the fuzz test knows about an input format."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from fuzz.mutations import Mutate, damage


@dataclass(frozen=True)
class Format:
    """An input format: samples, ways to damage them, and the command that reads them.

    Attributes:
        name: Such as "picture/png".
        write: Writes samples into a folder that is empty: each a folder of its own with the files of one input.
        run: Called in the folder of one damaged input; runs the product and returns its exit code. Results go to "out".
        damaged: Matches names of the files that are damaged, one in each run.
        mutations: Ways to damage them; one is drawn for each run.
        repair: Called in the folder after a file was damaged; it may adapt checksums, to reach the code behind them.
        may_stay: Matches paths under "out" that may be there after any run.
    """

    name: str
    write: Callable[[Path], None]
    run: Callable[[Random], int]
    damaged: re.Pattern[str]
    mutations: Sequence[Mutate] = (damage,)
    repair: Callable[[Path, Random], None] = lambda _file, _random: None
    may_stay: re.Pattern[str] = re.compile("(?!)")


ONE_THREAD = ("--threads", "1")
"""Option of runs: as many runs as there are processors go on at once."""


def command(*arguments: object) -> int:
    """Runs `fomm-rt` in this process and returns its exit code."""
    import sys

    from fomm_rt.__main__ import main

    sys.argv = ["fomm-rt", *map(str, arguments)]
    try:
        main()
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0
