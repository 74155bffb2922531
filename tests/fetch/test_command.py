"""`fomm-rt fetch` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from fakes.export import FakeExport
from fakes.file_server import CONTENT, FakeFileServer, ServerOf, says
from fetch_models import entry_for, write_small_configuration
from fomm_fetch.catalog import CATALOG
from fomm_fetch.command import fetch
from fomm_rt.cli.app import COMMAND_GROUP


@pytest.fixture
def server(serve: ServerOf) -> FakeFileServer:
    return serve()


@pytest.fixture(autouse=True)
def small(
    server: FakeFileServer, models: Path, small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> FakeExport:
    """A catalog with one model on loopback, and a fake export of it."""
    assert not models.exists()
    entry = entry_for(CONTENT, write_small_configuration(tmp_path / "small.yaml"), server.url)
    monkeypatch.setattr("fomm_fetch.command.CATALOG", {"small": entry})
    export = FakeExport(small_model)
    monkeypatch.setattr("fomm_export.export_model.export_checkpoint", export)
    return export


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(fetch)
    return CliRunner().invoke(app, arguments)


def test_says_where_the_model_is_and_how_to_use_it(server: FakeFileServer, models: Path) -> None:
    result = run("small")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == f"small is installed: 64×64, in {models / 'small'}"
    assert lines[1].startswith(f"  fetched from {server.url}, verified by SHA-256, ")
    assert lines[-1] == "  use it: fomm-rt animate portrait.jpg talking.mp4 -m small -o result.mp4"
    assert "downloading small-cpk.pth.tar" in result.stderr
    assert "verifying small-cpk.pth.tar" in result.stderr


def test_says_that_it_is_there(server: FakeFileServer, models: Path) -> None:
    run("small")
    result = run("small", "--size", "64")
    assert result.stdout.startswith(f"small is installed already: 64×64, in {models / 'small'}")
    assert len(server.headers) == 1


def test_json(server: FakeFileServer, models: Path) -> None:
    result = run("small", "--json", "--int8", "--keep-checkpoint")
    document = json.loads(result.stdout)
    assert document["path"] == str(models / "small")
    assert document["precisions"] == ["fp32", "int8"]
    assert document["fetched"]["source"] == server.url
    assert document["checkpoint"] == str(models / "small.checkpoint" / "small-cpk.pth.tar")
    assert document["was_there"] is False
    assert result.stderr == ""


def test_quiet_prints_nothing() -> None:
    result = run("small", "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_a_failure_is_explained(server: FakeFileServer) -> None:
    server.plan.append(says(404))
    result = run("small")
    assert result.exit_code == 1
    assert f"error: small: no source sent small-cpk.pth.tar:\n  {server.url} does not have the file" in result.stderr


def test_the_file_can_be_given(server: FakeFileServer, tmp_path: Path, small: FakeExport) -> None:
    path = tmp_path / "downloaded.pth.tar"
    path.write_bytes(CONTENT[::-1])
    assert "add --trust" in run("small", "--from", str(path)).stderr
    assert run("small", "--from", str(path), "--trust").exit_code == 0
    assert small.exported[0][0] == path
    assert server.headers == []


def test_ctrl_c_says_that_the_download_is_kept(small: FakeExport) -> None:
    small.failures.append(KeyboardInterrupt())
    result = run("small")
    assert result.exit_code == 130
    assert "the downloaded part is kept; the same command resumes from there\ninterrupted" in result.stderr


def test_unknown_names() -> None:
    result = run("vox-adv-512")
    assert result.exit_code == 1
    assert "vox-adv-512: expected one of small. Did you mean vox-adv" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((), "missing NAME; --list shows the names"), (("small", "--list"), "NAME and --list exclude each other")],
)
def test_a_name_or_the_list(arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_missing_packages(monkeypatch: pytest.MonkeyPatch, server: FakeFileServer) -> None:
    monkeypatch.setattr("fomm_fetch.command.missing_for_export", lambda: ["torch", "requests"])
    result = run("small")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "error: nothing was downloaded: torch, requests are not installed. Install them with:",
        "  pip install torch --index-url https://download.pytorch.org/whl/cpu",
        '  pip install "fomm-rt[export]"',
    ]
    assert server.headers == []


def test_lists_every_model_with_its_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fomm_fetch.command.CATALOG", CATALOG)
    monkeypatch.setattr("fomm_fetch.command.missing_for_export", lambda: ["torch"])
    listed = run("--list").stdout
    for entry in CATALOG.values():
        assert f"\n{entry.name} " in f"\n{listed}"
        assert all(source.url in listed for source in entry.sources)
    assert listed.count("no known hash: needs --trust") == 2
    found = json.loads(run("--list", "--json").stdout)["models"]
    assert {model["name"]: model["installed"] for model in found} == dict.fromkeys(CATALOG, False)


def test_the_list_shows_what_is_installed() -> None:
    run("small")
    assert ", installed" in run("--list").stdout


def test_the_package_announces_the_command() -> None:
    """Read from the project's own file, as another version may be installed."""
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    group = text.split(f'[project.entry-points."{COMMAND_GROUP}"]')[1].split("\n[")[0]
    assert 'fetch = "fomm_fetch.command:fetch"' in group
