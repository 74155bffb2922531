"""Options that `fomm-rt export` and `fomm-rt fetch` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Size = Annotated[
    int | None,
    typer.Option(
        "--size",
        min=1,
        help="Side of the frames in pixels: 256, 512 or another multiple of 64.",
        show_default="training size",
    ),
]
Int8 = Annotated[bool, typer.Option("--int8", help="Add int8 graphs for animate --precision int8 on a CPU.")]
Calibrate = Annotated[
    list[Path] | None,
    typer.Option(
        "--calibrate",
        metavar="CLIP",
        help="Set the int8 scales on this clip and check them on frames left out; repeatable.",
        show_default="bundled picture, moved",
    ),
]
