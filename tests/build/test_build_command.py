"""`fomm-rt build`, end to end."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import onnx
import pytest
import typer
from typer.testing import CliRunner, Result

from fomm_build.command import NOT_CHECKED, _chosen, _parity, _progress, build
from fomm_rt.cli.terminal import Terminal
from fomm_rt.engines.store import EngineStore
from fomm_rt.errors import BackendError
from fomm_rt.machine import nvidia_driver
from fomm_rt.machine.nvidia_driver import Gpu
from fomm_rt.model.frame_shape import TRUNKS
from fomm_rt.model.manifest import NETWORKS


def _run(*arguments: object) -> Result:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(build)
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def test_end_to_end(small_model: Path, tmp_path: Path) -> None:
    result = _run(small_model, "--target", "8.9,12.0", "-o", tmp_path / "engines")
    assert result.exit_code == 0
    (found,) = EngineStore(tmp_path / "engines").look()[0]
    first, *engines, parity = result.stdout.splitlines()
    assert first.startswith(f"{found.path}: small_aligned, tensorrt-rtx ")
    assert first.endswith("sm_89, sm_120, fp16, split, batch 1")
    for name, line in zip(TRUNKS, engines, strict=True):
        assert line.split()[0] == name
        counts = "0 half, " if name == "keypoint_detector" else "half, 0 float32"
        assert counts in line
    assert parity.split(maxsplit=1) == ["parity", NOT_CHECKED]
    assert "building generator" in result.stderr
    again = _run(
        small_model, "--target", "sm_89,sm_120", "-o", tmp_path / "engines", "--keep-onnx", tmp_path / "graphs"
    )
    for name in TRUNKS:
        graph = onnx.load_model(str(tmp_path / "graphs" / f"{name}.onnx"))
        onnx.checker.check_model(graph, full_check=True)
        assert sha256(graph.SerializeToString()).hexdigest() == found.manifest.engines[name].onnx_sha256
    assert "built before (--rebuild builds it again)" in again.stdout
    assert "building generator" not in again.stderr


def test_the_bundled_model_as_json(tmp_path: Path) -> None:
    result = _run("--target", "sm_86", "--max-batch", 2, "--layout", "whole", "--json", "-o", tmp_path)
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["built_now"] is True
    assert document["model_name"] == "drawn-faces-256"
    assert document["spec"]["capabilities"] == ["sm_86"]
    assert document["spec"]["max_batch"] == 2
    assert Path(document["path"]) == tmp_path
    assert document["engines"]["generator"]["size_bytes"] == (tmp_path / "generator.engine").stat().st_size


def test_whole_engines_go_to_engines_model_by_default(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = _run(small_model, "--target", "sm_89,sm_120", "--layout", "whole", "--precision", "fp32", "--json")
    assert result.exit_code == 0
    folders = [Path("engines") / "small_aligned" / name for name in ("sm_89", "sm_120")]
    assert [Path(each["path"]) for each in json.loads(result.stdout)["sets"]] == folders
    for folder in folders:
        assert {f"{name}.engine" for name in NETWORKS} | {"manifest.json"} <= {path.name for path in folder.iterdir()}


def test_whole_engines_of_another_set_are_kept(small_model: Path, tmp_path: Path) -> None:
    """The set that is asked for is there already, or is replaced with -y; another set is refused or asked about."""
    folder = tmp_path / "engines"
    build = (small_model, "--layout", "whole", "--precision", "fp32", "-o", folder)
    assert _run(*build, "--target", "8.9").exit_code == 0

    def times() -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.suffix != ".lock"}

    before = times()
    assert "built before" in _run(*build, "--target", "8.9").stdout
    refused = _run(*build, "--target", "8.6")
    assert refused.exit_code == 1
    assert "manifest.json and 4 other files exist already; overwrite with -y" in refused.stderr
    assert times() == before
    assert _run(*build, "--target", "8.6", "-y").exit_code == 0
    assert json.loads((folder / "manifest.json").read_text())["spec"]["capabilities"] == ["sm_86"]


def test_graphs_never_replace_other_files(copied_model: Path, tmp_path: Path) -> None:
    """The model's own graphs have the same names."""
    content = (copied_model / "generator.onnx").read_bytes()
    result = _run(copied_model, "--target", "8.9", "-o", tmp_path / "engines", "--keep-onnx", copied_model)
    assert result.exit_code == 1
    assert "exist already; overwrite with -y" in result.stderr
    assert (copied_model / "generator.onnx").read_bytes() == content


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "sm_90"], "builds no engines for sm_90"),
        ([], "there is no GPU here"),
        (["--target", "sm_89", "-o", "/dev/null/engines"], "/dev/null/engines: engines cannot be kept"),
    ],
)
def test_errors_say_what_to_do(small_model: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    result = _run(small_model, "-o", tmp_path, *arguments)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("error: ")
    assert message in result.stderr
    assert "defect" not in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--backend", "cuda"],
        ["--precision", "int8"],
        ["--layout", "both"],
        ["--max-batch", "0"],
        ["--target", ""],
        ["--target", "sm_89,,sm_120"],
    ],
)
def test_wrong_usage(small_model: Path, arguments: list[str]) -> None:
    assert _run(small_model, *arguments).exit_code == 2


def test_without_the_package(small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise BackendError("tensorrt cannot be imported (No module named 'tensorrt'); run: pip install it")

    monkeypatch.setattr("fomm_build.build.load_tensorrt", missing)
    result = _run(small_model, "--backend", "tensorrt", "-o", tmp_path)
    assert result.exit_code == 1
    assert "run: pip install" in result.stderr


def test_the_backend_by_default(small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def load(flavour: str) -> None:
        asked.append(flavour)
        raise BackendError("not here")

    monkeypatch.setattr("fomm_build.build.load_tensorrt", load)
    monkeypatch.setattr("fomm_build.command.why_not_importable", lambda _: None)
    _run(small_model, "-o", tmp_path)
    monkeypatch.setattr(nvidia_driver, "gpu", lambda: Gpu("NVIDIA H200", (9, 0), "580.1"))
    _run(small_model, "-o", tmp_path)
    _run(small_model, "-o", tmp_path, "--target", "sm_89")
    assert asked == ["tensorrt-rtx", "tensorrt", "tensorrt-rtx"]


def test_a_line_for_every_step(capsys: pytest.CaptureFixture[str]) -> None:
    with _progress(Terminal(quiet=False, as_json=False)) as report:
        for fraction in (0.0, 0.5, 1.0):
            report("building generator", fraction)
        report("comparing", 0.0)
    assert capsys.readouterr().err.splitlines() == ["building generator", "comparing"]
    with _progress(Terminal(quiet=True, as_json=False)) as report:
        report("building generator", 0.0)
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    ("psnr", "words"), [(61.25, "61.2 dB from"), (float("inf"), "identical to"), (None, "identical to")]
)
def test_parity_in_words(psnr: float | None, words: str) -> None:
    """A manifest turns infinity into None."""
    found = _parity({"keypoints_pixels": 0.0123, "prediction_psnr_db": psnr})
    assert found == f"keypoints within 0.012 pixel, prediction {words} the model's"


@pytest.mark.parametrize(
    ("capability", "has_tensorrt", "for_targets", "flavour"),
    [
        ((9, 0), False, False, "tensorrt"),  # the error says how to install it
        ((9, 0), True, False, "tensorrt"),
        ((8, 9), True, False, "tensorrt"),
        ((8, 9), False, False, "tensorrt-rtx"),
        ((9, 0), True, True, "tensorrt-rtx"),
        (None, True, False, "tensorrt-rtx"),
    ],
)
def test_flavour_by_default(
    monkeypatch: pytest.MonkeyPatch,
    capability: tuple[int, int] | None,
    has_tensorrt: bool,
    for_targets: bool,
    flavour: str,
) -> None:
    gpu = None if capability is None else Gpu("NVIDIA", capability, "580.1")
    monkeypatch.setattr(nvidia_driver, "gpu", lambda: gpu)
    monkeypatch.setattr("fomm_build.command.why_not_importable", lambda _: None if has_tensorrt else "not installed")
    assert _chosen(for_targets) == flavour
