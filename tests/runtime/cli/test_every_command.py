"""What all commands have in common: their help, their log, and what they say of a defect."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from clips import smooth, write_clip
from fomm_rt.cli.app import build_app
from fomm_rt.cli.invocation import own_command
from fomm_rt.media.write.picture import write_picture


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command with its words and the names of its options, in order."""

    def walk(command: object, words: str) -> Iterator[tuple[str, list[str]]]:
        children = getattr(command, "commands", {})
        # A group that only prints its help does nothing itself.
        if not children or getattr(command, "invoke_without_command", False):
            yield words, [name for parameter in command.params for name in parameter.opts]  # type: ignore[attr-defined]
        for name, child in children.items():
            yield from walk(child, f"{words} {name}".strip())

    yield from walk(typer.main.get_command(build_app()), "")


COMMANDS = {words: options for words, options in commands() if words}


def run(*arguments: object, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fomm_rt", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200", "TERM": "dumb", **variables},
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_has_a_log(words: str) -> None:
    assert {"--verbose", "-v"} <= set(COMMANDS[words])
    assert "--json" in COMMANDS[words]


def test_short_options(tmp_path: Path) -> None:
    assert run("-V", cwd=tmp_path).stdout == run("--version", cwd=tmp_path).stdout
    assert "-h" in run("-h", cwd=tmp_path).stdout
    for words in ("animate", "engines list"):
        short = run(*words.split(), "-h", cwd=tmp_path)
        assert short.returncode == 0
        assert short.stdout == run(*words.split(), "--help", cwd=tmp_path).stdout


def test_help_begins_with_the_most_used_commands() -> None:
    group = typer.main.get_command(build_app())
    listed = group.list_commands(None)  # type: ignore[attr-defined]
    assert listed[:6] == ["demo", "animate", "batch", "live", "studio", "fetch"]
    assert sorted(listed) == sorted(group.commands)  # type: ignore[attr-defined]


def test_help_names_the_choices(tmp_path: Path) -> None:
    text = run("animate", "-h", cwd=tmp_path).stdout
    assert "auto|cpu|cuda|tensorrt|tensorrt-rtx|onnxruntime-cuda|onnxruntime-cpu" in text
    assert "fp32|fp16|int8" in text
    text = run("build", "-h", cwd=tmp_path).stdout
    for choices in ("tensorrt|tensorrt-rtx", "fp16|fp32", "split|whole"):
        assert choices in text


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("fomm-rt animate --backend c", {"cpu", "cuda"}),
        ("fomm-rt doctor --backend onnx", {"onnxruntime-cuda", "onnxruntime-cpu"}),
        ("fomm-rt animate --precision f", {"fp32", "fp16"}),
        ("fomm-rt build --layout w", {"whole"}),
    ],
)
def test_completion_knows_the_choices(line: str, found: set[str]) -> None:
    words = line.split()
    result = subprocess.run(
        ["fomm-rt"],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "_FOMM_RT_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        },
        timeout=120,
        check=False,
        executable=str(Path(sys.executable).parent / "fomm-rt"),
    )
    assert set(result.stdout.split()) == found, result.stderr


def test_the_log_and_the_traceback(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    arguments = ("animate", "empty.png", "absent.mp4", "-o", "r.mp4")
    plain, verbose = run(*arguments, cwd=tmp_path), run(*arguments, "-v", cwd=tmp_path)
    assert plain.stderr.splitlines() == ["error: empty.png is empty; copy or download it again."]
    assert "Traceback (most recent call last)" in verbose.stderr
    assert verbose.stderr.splitlines()[-1] == plain.stderr.strip()
    assert verbose.returncode == plain.returncode == 1
    document = json.loads(run(*arguments, "-v", "--json", cwd=tmp_path).stdout)
    assert document["error"].startswith("empty.png is empty")


def test_the_log_of_a_run(tmp_path: Path, small_model: Path) -> None:
    write_picture(tmp_path / "s.png", smooth(64, 64))
    write_clip(tmp_path / "c.mp4", frames=3, audio="aac")
    result = run("animate", "s.png", "c.mp4", "-m", small_model, "-o", "r.mp4", "-v", "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    lines = [line for line in result.stderr.splitlines() if " debug fomm_rt" in line]
    for words in (
        "s.png: 64×64 pixels",
        "c.mp4: 3 frames, 25.000 fps, 64×48 pixels, with sound",
        f"{small_model}: small_aligned",
        "generator.cpu.onnx runs on CPUExecutionProvider",
        "r.mp4: 64×64, libx264, crf=18",
        "its sound (aac) is copied",
        "r.mp4 is complete",
    ):
        assert any(words in line for line in lines), f"{words}\n{result.stderr}"
    assert json.loads(result.stdout)["frames"] == 3


BROKEN = """
import sys
from fomm_rt.model import manifest
def fail(*_):
    raise ZeroDivisionError("of a test")
manifest.read_manifest = fail
from fomm_rt.model import folder
folder.read_manifest = fail
sys.argv = ["fomm-rt", *sys.argv[1:]]
from fomm_rt.__main__ import main
main()
"""


@pytest.fixture
def other_address(tmp_path: Path) -> str:
    """A folder for PYTHONPATH in which fomm-rt is installed from another address."""
    installed = tmp_path / "packages" / "fomm_rt-0.1.0.dist-info"
    installed.mkdir(parents=True)
    urls = "Project-URL: Homepage, https://example.org/home\nProject-URL: Repository, https://example.org/fomm\n"
    (installed / "METADATA").write_text(f"Metadata-Version: 2.4\nName: fomm-rt\nVersion: 0.1.0\n{urls}")
    return os.pathsep.join([str(installed.parent), *sys.path])


@pytest.mark.parametrize("extra", [[], ["-v"]])
def test_a_defect_names_the_address_of_the_project(tmp_path: Path, other_address: str, extra: list[str]) -> None:
    result = subprocess.run(
        [sys.executable, "-c", BROKEN, "info", *extra],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": other_address},
        timeout=120,
        check=False,
    )
    assert result.returncode == 1
    line = result.stderr.splitlines()[-1]
    assert line.startswith("error: this is a defect in fomm-rt ")
    assert "ZeroDivisionError: of a test (<string>:5). Please report it at https://example.org/fomm, with " in line
    assert ("Traceback" in result.stderr) == bool(extra)


def test_a_defect_outside_a_command_is_reported(tmp_path: Path, other_address: str) -> None:
    (tmp_path / "packages" / "typer.py").write_text("raise ZeroDivisionError('of a test')")
    result = run("info", cwd=tmp_path, PYTHONPATH=other_address)
    assert result.returncode == 1
    assert result.stderr.startswith("error: this is a defect in fomm-rt ")
    assert "https://example.org/fomm" in result.stderr
    assert "Traceback" in run("info", "-v", cwd=tmp_path, PYTHONPATH=other_address).stderr


def test_own_command_can_be_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "bin" / "fomm-rt"
    script.parent.mkdir()
    script.touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [str(script)])
    assert own_command() == [str(script)]
    monkeypatch.setenv("PATH", str(script.parent))
    assert own_command() == ["fomm-rt"]
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "fomm_rt" / "__main__.py")])
    assert own_command() == [sys.executable, "-m", "fomm_rt"]
