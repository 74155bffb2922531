"""`fomm-rt faces`: show the faces that are found in a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fomm_rt.cli.model import ModelOption
from fomm_rt.cli.options import AsJson, MaxPixels, OverwriteOption, Quiet, Verbose
from fomm_rt.cli.terminal import running


def faces(
    picture: Annotated[Path, typer.Argument(help="A picture; of a video, the first frame.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE.png", help="Write the picture with numbered squares to this file."
        ),
    ] = None,
    model: ModelOption = None,
    max_pixels: MaxPixels = None,
    overwrite: OverwriteOption = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Show the faces that are found in a picture.

    The faces are numbered from the most prominent one, which animate uses
    by default. A square is what animate cuts out around a face for the
    model -m; without -m, its side is 1.5 face heights.

    For example:

    fomm-rt faces group.jpg -o numbered.png

    fomm-rt faces group.jpg -m vox-adv --json
    """
    with running(quiet, as_json, verbose) as terminal:
        from fomm_rt.bundled import open_model
        from fomm_rt.faces.marks import mark_squares
        from fomm_rt.faces.search import find_faces
        from fomm_rt.faces.squares import DEFAULT_MARGIN, face_square
        from fomm_rt.files.overwriting import check_overwrite
        from fomm_rt.files.staging import StagedOutput
        from fomm_rt.media.read.picture import read_picture
        from fomm_rt.media.write.picture import staged_picture

        target = None if output is None else StagedOutput(output, [picture])
        margin = DEFAULT_MARGIN if model is None else open_model(model).manifest.face_margin or DEFAULT_MARGIN
        pixels = read_picture(picture, max_pixels=max_pixels)
        if target is not None:
            check_overwrite(target.existing(), terminal.replacing(overwrite))
        height, width = pixels.shape[:2]
        found = find_faces(pixels)
        squares = [face_square(face, height, width, margin) for face in found]
        if target is not None:
            with staged_picture(target, mark_squares(pixels, squares)) as staged:
                staged.commit()
        entries: list[dict[str, Any]] = [
            {
                "number": number,
                "score": round(face.score, 3),
                "box": [round(value, 1) for value in face.box],
                "square": [square.x, square.y, square.side, square.side],
            }
            for number, (face, square) in enumerate(zip(found, squares, strict=True), start=1)
        ]
        lines = [f"{picture}: {len(found) or 'no'} face{'' if len(found) == 1 else 's'} in {width}×{height} pixels"]
        for entry in entries:
            x, y, side, _ = entry["square"]
            lines.append(f"  {entry['number']}  score {entry['score']:.2f}  square {x},{y},{side},{side}")
        if output is not None:
            lines.append(f"the picture with numbered squares is in {output}")
        terminal.result("\n".join(lines), {"width": width, "height": height, "faces": entries})
