"""Imports: what they load, which names are public, and the direction between packages."""

import ast
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import fomm_rt
from clips import write_clip
from fomm_rt import bundled, errors

ROOT = Path(__file__).parents[2]
ALLOWED = {
    "runtime/fomm_rt": {"fomm_rt", "fomm_kernels"},
    "export/fomm_export": {"fomm_export", "fomm_rt", "fomm_kernels"},
    "export/fomm_build": {"fomm_build", "fomm_rt", "fomm_kernels"},
    "kernels/fomm_kernels": {"fomm_kernels"},
}


def modules_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


def test_importing_is_light() -> None:
    assert "numpy" not in modules_after("import fomm_rt")
    loaded = modules_after("from fomm_rt import Animator")
    assert "fomm_rt.animator" in loaded
    assert not {"torch", "onnx", "onnxruntime", "cv2", "av", "typer", "fomm_export"} & loaded


def test_the_command_line_does_not_import_torch() -> None:
    loaded = modules_after("from fomm_rt.cli.app import build_app; build_app()")
    assert "fomm_export.command" in loaded
    assert not {"torch", "onnx", "onnxruntime", "cv2", "av"} & loaded


def test_every_public_name_can_be_imported() -> None:
    for name in fomm_rt.__all__:
        assert getattr(fomm_rt, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = fomm_rt.nothing


def test_dir_shows_exactly_the_public_names() -> None:
    assert dir(fomm_rt) == sorted(fomm_rt.__all__)
    shown = subprocess.run(
        [sys.executable, "-c", "import fomm_rt; fomm_rt.Animator; print(*dir(fomm_rt))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.split() == sorted(fomm_rt.__all__)


def test_every_error_is_public() -> None:
    classes = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert classes <= set(fomm_rt.__all__)


def test_the_example_of_the_package_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = "".join(re.findall(r"^(?: {4}.*)?\n", str(fomm_rt.__doc__), re.MULTILINE))
    shutil.copy(bundled.bundled_avatars()[0], tmp_path / "portrait.png")
    write_clip(tmp_path / "driving.mp4", frames=2)
    monkeypatch.chdir(tmp_path)
    exec(textwrap.dedent(example), {})
    assert fomm_rt.read_picture("frame-0001.png").shape == (256, 256, 3)


def test_animating_does_not_import_torch(small_model: Path) -> None:
    loaded = modules_after(
        "import numpy, fomm_rt\n"
        f"with fomm_rt.Animator.load({str(small_model)!r}) as animator:\n"
        "    picture = numpy.zeros((64, 64, 3), numpy.uint8)\n"
        "    animator.set_source(picture); animator.animate(picture)"
    )
    assert "onnxruntime" in loaded
    assert not {"torch", "onnx"} & loaded


def test_imports_point_one_way() -> None:
    own = {"fomm_rt", "fomm_build", "fomm_export", "fomm_train", "fomm_bench", "fomm_kernels", "benchmarks", "tests"}
    for folder, allowed in ALLOWED.items():
        files = sorted((ROOT / folder).rglob("*.py"))
        assert files
        for file in files:
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                for name in names:
                    assert name.split(".")[0] not in own - allowed, f"{file} imports {name}"
                    if folder != "export/fomm_export":
                        assert name.split(".")[0] != "torch", f"{file} imports torch"
