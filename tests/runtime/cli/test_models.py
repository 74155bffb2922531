"""`fomm-rt models`, and names in other commands."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner, Result

from fomm_rt.cli.app import build_app
from fomm_rt.cli.model import complete_model
from fomm_rt.model.fetch_record import FetchRecord, write_record

RECORD = FetchRecord("mine", "https://example.invalid/mine.pth.tar", "a" * 64, 5, "MD5")


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_model: Path) -> Path:
    folder = tmp_path / "models"
    shutil.copytree(small_model, folder / "mine")
    write_record(folder / "mine.fetched.json", RECORD)
    monkeypatch.setenv("FOMM_MODELS", str(folder))
    monkeypatch.delenv("FOMM_RT_MODEL", raising=False)
    return folder


def run(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(build_app(), arguments, input=typed)


def test_lists_models_with_size_and_origin(models: Path) -> None:
    result = run("models")
    lines = result.stdout.splitlines()
    assert lines[0] == f"models in {models}"
    assert lines[1].startswith("bundled ")
    (line,) = (line for line in lines if line.startswith("mine "))
    assert "MB  64×64; stand-in weights" in line
    assert f"fetched from {RECORD.source}, verified by MD5, {RECORD.fetched[:10]}" in result.stdout


def test_lists_models_as_json(models: Path) -> None:
    (models / "broken").mkdir()
    (models / "broken" / "model.json").write_text("{}")
    document = json.loads(run("models", "--json").stdout)
    found = {model["name"]: model for model in document["models"]}
    assert list(found) == ["bundled", "broken", "mine"]
    assert found["mine"]["fetched"]["sha256"] == "a" * 64
    assert found["mine"]["size_bytes"] > 0
    assert found["mine"]["problem"] is None
    assert "format_version" in found["broken"]["problem"]


def test_lists_unfinished_downloads(models: Path) -> None:
    shutil.rmtree(models / "mine")
    for name, content in (("vox-adv", bytes(2_500_000)), ("vox", b"")):
        (models / f".{name}.download").mkdir()
        (models / f".{name}.download" / "vox.pth.tar").write_bytes(content)
    lines = run("models").stdout.splitlines()
    assert lines[-1] == "vox-adv     2.5 MB  unfinished download; go on with: fomm-rt fetch vox-adv"
    assert not any(line.startswith("vox ") for line in lines)
    document = json.loads(run("models", "--json").stdout)
    assert document["unfinished_downloads"] == [{"name": "vox-adv", "size_bytes": 2_500_000}]
    assert run("models", "remove", "vox-adv", "-y").exit_code == 0
    assert "vox-adv" not in run("models").stdout


def test_removing_asks_on_a_terminal_only(models: Path) -> None:
    result = run("models", "remove", "mine", typed="y\n")
    assert result.exit_code == 1
    assert "add -y" in result.stderr
    assert (models / "mine").is_dir()


@pytest.mark.parametrize(("answer", "removed"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_the_answer_counts(models: Path, monkeypatch: pytest.MonkeyPatch, answer: str, removed: bool) -> None:
    monkeypatch.setattr("fomm_rt.cli.terminal.Terminal.can_ask", lambda _self: True)
    result = run("models", "remove", "mine", typed=answer)
    assert result.exit_code == (0 if removed else 1)
    assert (models / "mine").is_dir() is not removed
    assert "remove mine with" in result.stderr
    assert result.stderr.count("[y/N]") == 1


def test_removes_without_a_question(models: Path) -> None:
    result = run("models", "remove", "mine", "-y")
    assert result.stdout.startswith("removed mine, ")
    assert sorted(path.name for path in models.iterdir()) == [".mine.lock"]


def test_the_bundled_model_stays() -> None:
    assert "cannot be removed" in run("models", "remove", "bundled", "-y").stderr


@pytest.mark.parametrize("name", ["mine", "bundled"])
def test_info_takes_names(name: str) -> None:
    result = run("info", name)
    assert result.exit_code == 0
    assert ("64×64" if name == "mine" else "drawn-faces-256") in result.stdout


def test_info_says_where_a_model_was_fetched_from(models: Path) -> None:
    assert f"fetched from   {RECORD.source}, verified by MD5" in run("info", "mine").stdout
    assert json.loads(run("info", "mine", "--json").stdout)["fetched"]["source"] == RECORD.source
    (models / "mine.fetched.json").write_text("damaged")
    result = run("info", "mine")
    assert result.exit_code == 0
    assert "warning: " in result.stderr


def test_engines_of_a_model_by_name(tmp_path: Path) -> None:
    result = run("engines", "list", "-m", "mine", "--engines", str(tmp_path / "engines"))
    assert (result.exit_code, "no engines" in result.stdout) == (0, True)
    assert "fomm-rt fetch vox" in run("engines", "list", "-m", "vox").stderr


def test_a_missing_model_is_offered_for_download() -> None:
    result = run("info", "vox-adv")
    assert result.exit_code == 1
    assert "Installed: bundled, mine. Download it with: fomm-rt fetch vox-adv" in result.stderr


def test_completes_names_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert complete_model("") == ["bundled", "mine", "models/"]
    assert complete_model("mi") == ["mine"]
    assert complete_model("./mo") == ["./models/"]


def test_every_model_option_takes_names() -> None:
    """A command whose -m were a Path would lose the "./" of a folder."""

    def options(command: object) -> list[object]:
        inner = [option for child in getattr(command, "commands", {}).values() for option in options(child)]
        return inner + [each for each in getattr(command, "params", []) if each.name == "model"]

    found = options(typer.main.get_command(build_app()))
    assert len(found) >= 8
    assert {each.bare_type() for each in found} == {"str"}  # type: ignore[attr-defined]
