"""Values of options that name squares and faces."""

from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from fomm_rt.cli.optional_value import OptionalValueCommand
from fomm_rt.cli.parsing import parse_faces, parse_framing
from fomm_rt.faces.framing import AnyFraming, FaceFraming
from fomm_rt.framing import Framing


@pytest.mark.parametrize(
    ("text", "fit", "framing"),
    [
        (None, False, FaceFraming(face=2)),
        ("auto", False, FaceFraming(face=2)),
        (None, True, Framing("fit")),
        ("center", False, Framing()),
        ("centre", True, Framing("fit")),
        ("10,20,30,40", False, Framing(rectangle=(10, 20, 30, 40))),
        ("10, 20, 30, 40", True, Framing("fit", (10, 20, 30, 40))),
        ("10%,20.5%,30%,40%", False, Framing(rectangle=(10, 20.5, 30, 40), unit="%")),
    ],
)
def test_squares(text: str | None, fit: bool, framing: AnyFraming) -> None:
    assert parse_framing("--source-crop", text, face=2, fit=fit) == framing


@pytest.mark.parametrize(
    "text",
    [
        "",
        "face",
        "1,2,3",
        "1,2,3,4,5",
        "1,2,3,0",
        "-1,2,3,4",
        "1.5,2,3,4",
        "10%,20,30%,40%",
        "nan%,0%,1%,1%",
        "0%,0%,inf%,1%",
        "0%,0%,1e400%,9%",
    ],
)
def test_other_squares_are_refused_by_the_name_of_the_option(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="--crop: expected"):
        parse_framing("--crop", text, face=1, fit=False)


def test_faces() -> None:
    assert [parse_faces("--face", text) for text in (None, "3", "all")] == [1, 3, "all"]
    for text in ("0", "-1", "two", "1.5", ""):
        with pytest.raises(typer.BadParameter, match="--face: expected all or"):
            parse_faces("--face", text)


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ([], "None x"),
        (["--smooth"], "0.5 x"),
        (["--smooth", "0.3"], "0.3 x"),
        (["--smooth=0.3"], "0.3 x"),
        (["--smooth", "-o", "y"], "0.5 y"),
        (["-o", "y", "--smooth"], "0.5 y"),
    ],
)
def test_the_strength_of_smoothing_may_be_left_out(arguments: list[str], shown: str) -> None:
    app = typer.Typer()

    @app.command(cls=OptionalValueCommand)
    def animate(
        smooth: Annotated[float | None, typer.Option("--smooth")] = None,
        output: Annotated[str, typer.Option("-o")] = "x",
    ) -> None:
        print(smooth, output)

    assert CliRunner().invoke(app, arguments).stdout.strip() == shown
