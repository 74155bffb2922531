"""The commands of `fomm-rt`: those of the runtime, and those that installed packages add.

A package adds a command through an entry point in the group "fomm_rt.commands" that names a function, or a
`typer.Typer` with subcommands. `fomm-rt export` and `fomm-rt bench` are added this way, so the runtime does not import
their packages.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typing_extensions import override

from fomm_rt.cli.animate import animate
from fomm_rt.cli.batch import batch
from fomm_rt.cli.demo import demo
from fomm_rt.cli.doctor import doctor
from fomm_rt.cli.engines import app as engines
from fomm_rt.cli.faces import faces
from fomm_rt.cli.info import info
from fomm_rt.cli.live import LiveCommand, live
from fomm_rt.cli.models import app as models
from fomm_rt.cli.optional_value import OptionalValueCommand
from fomm_rt.cli.studio import studio
from fomm_rt.version import __version__

COMMAND_GROUP = "fomm_rt.commands"

_ORDER = (
    *("demo", "animate", "batch", "live", "studio", "fetch", "models", "faces", "info", "doctor"),
    *("engines", "export", "build", "bench", "train", "measure"),
)
"""Commands in the help: most used first; those of other packages follow."""


class _OrderedGroup(TyperGroup):
    @override
    def list_commands(self, ctx: Any) -> list[str]:
        names = super().list_commands(ctx)
        return [*(name for name in _ORDER if name in names), *(name for name in names if name not in _ORDER)]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"fomm-rt {__version__}")
        raise typer.Exit


def _callback(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Animate a picture by a driving video with the First Order Motion Model."""


def build_app() -> typer.Typer:
    """Assembles the command line."""
    app = typer.Typer(
        cls=_OrderedGroup,
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_callback)
    app.command()(demo)
    app.command(cls=OptionalValueCommand)(animate)
    app.command(cls=OptionalValueCommand)(batch)
    app.command(cls=LiveCommand)(live)
    for command in (studio, faces, info, doctor):
        app.command()(command)
    app.add_typer(models, name="models")
    app.add_typer(engines, name="engines")
    for entry in sorted(entry_points(group=COMMAND_GROUP), key=lambda entry: entry.name):
        command = entry.load()
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=entry.name)
        else:
            app.command(entry.name)(command)
    return app
