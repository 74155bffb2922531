"""`fomm-rt export`: what is checked before torch is imported or anything is replaced."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
import typer.main
from typer.testing import CliRunner, Result

from fomm_export import export_model
from fomm_export.checkpoints.own_names import OWN_NAMES
from fomm_export.checkpoints.published import CONFIGURATIONS
from fomm_export.command import export
from fomm_rt.model.folder import open_model_folder


def app_of(command: Callable[..., None]) -> typer.Typer:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(command)
    return app


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app_of(export), [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture
def no_export(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails the test if anything is exported."""
    for name in ("export_checkpoint", "export_stand_in"):
        monkeypatch.setattr(export_model, name, lambda *_, **__: pytest.fail("exported"))


@pytest.mark.usefixtures("no_export")
@pytest.mark.parametrize("extra", [[], ["-n"]])
def test_an_earlier_model_is_kept(copied_model: Path, extra: list[str]) -> None:
    result = run("--stand-in", "-o", copied_model, *extra)
    assert result.exit_code == 1
    assert f"error: {copied_model} exists already; overwrite with -y" in result.stderr
    assert open_model_folder(copied_model)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((), "missing CHECKPOINT; --stand-in exports"), (("vox.pth.tar", "--stand-in"), "exclude each other")],
)
def test_a_checkpoint_or_the_stand_in(arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_help_knows_every_configuration() -> None:
    (option,) = (each for each in typer.main.get_command(app_of(export)).params if each.name == "config")
    assert all(name in option.help for name in (*CONFIGURATIONS, *OWN_NAMES))  # type: ignore[attr-defined]


def test_yes_replaces_an_earlier_model(copied_model: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exported: list[Path] = []

    def fake_export(output: Path, **_: object) -> object:
        exported.append(output)
        return open_model_folder(small_model)

    monkeypatch.setattr(export_model, "export_stand_in", fake_export)
    assert run("--stand-in", "-o", copied_model, "-y").exit_code == 0
    assert run("--stand-in", "-o", copied_model.parent / "new", "-n").exit_code == 0
    assert exported == [copied_model, copied_model.parent / "new"]


@pytest.mark.usefixtures("no_export")
def test_inputs_are_checked_first(copied_model: Path, tmp_path: Path) -> None:
    missing = run(tmp_path / "absent.pth.tar", "-o", copied_model)
    assert "absent.pth.tar: there is no such file" in missing.stderr
    clip = run("--stand-in", "--int8", "--calibrate", tmp_path / "absent.mp4", "-o", copied_model)
    assert "absent.mp4 does not exist" in clip.stderr
    assert missing.exit_code == clip.exit_code == 1


@pytest.mark.usefixtures("no_export")
def test_other_files_are_never_replaced(copied_model: Path, tmp_path: Path) -> None:
    shutil.copy(copied_model / "model.json", copied_model / "notes.txt")
    result = run("--stand-in", "-o", copied_model, "-y")
    assert result.exit_code == 1
    assert "notes.txt, which would be lost" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy"]
