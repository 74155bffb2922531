"""The command line: exit codes, one-sentence errors, plain output and JSON."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clips import write_clip
from fomm_rt.backends.options import BACKENDS
from fomm_rt.bundled import open_bundled_model
from fomm_rt.framing import Framing, resample
from fomm_rt.media.read.picture import read_picture
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.write.picture import write_picture
from fomm_rt.model.folder import open_model_folder
from golden_files import Golden

GOLDEN = Golden("small_aligned")


def run(*arguments: object, cwd: Path | None = None, model: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fomm_rt", *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "200", "TERM": "dumb"}
    environment.pop("FOMM_RT_MODEL", None)
    if model is not None:
        environment["FOMM_RT_MODEL"] = model
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=120, check=False)


@pytest.fixture
def work(tmp_path: Path, small_model: Path) -> Path:
    """A folder with source.png, clip.mp4 and the model folder m."""
    write_picture(tmp_path / "source.png", GOLDEN.source)
    write_clip(tmp_path / "clip.mp4", frames=5, size=(64, 64), audio="aac", pixels=lambda i: GOLDEN.driving[i % 3])
    (tmp_path / "m").symlink_to(small_model)
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_animate(work: Path) -> None:
    result = run("animate", "source.png", "clip.mp4", "-m", "m", "-o", "r.mp4", cwd=work)
    assert result.returncode == 0
    assert result.stdout.startswith("r.mp4: 5 frames in ")
    assert "onnxruntime-cpu" in result.stderr
    assert "stand-in weights" in result.stderr
    assert "\x1b" not in result.stdout + result.stderr
    with VideoReader(work / "r.mp4") as reader:
        assert reader.timing.frame_count == 5


def test_json(work: Path) -> None:
    result = run("animate", "source.png", "clip.mp4", "-m", "m", "-o", "r.gif", "--json", cwd=work)
    document = json.loads(result.stdout)
    assert (document["output"], document["frames"], document["reference_frame"]) == ("r.gif", 5, 0)
    assert document["backend"]["name"] == "onnxruntime-cpu"
    assert any("stand-in" in warning for warning in document["warnings"])
    assert any("no sound" in warning for warning in document["warnings"])


def test_without_a_model_the_bundled_one_runs(work: Path) -> None:
    name = open_bundled_model().manifest.name
    result = run("animate", "source.png", "clip.mp4", "-o", "r.mp4", cwd=work)
    assert result.returncode == 0
    assert (
        f"no model given: using the bundled {name}, which was trained on drawn faces; for photographs " in result.stderr
    )
    with VideoReader(work / "r.mp4") as reader:
        assert (reader.width, reader.timing.frame_count) == (256, 5)
    result = run("animate", "source.png", "clip.mp4", "-o", "r.gif", "--json", cwd=work)
    assert json.loads(result.stdout)["model"] == name
    assert "no model given" not in result.stderr
    assert json.loads(run("info", "--json", cwd=work).stdout)["name"] == name


def test_model_by_environment_variable(work: Path) -> None:
    name = open_model_folder(work / "m").manifest.name
    result = run("animate", "source.png", "clip.mp4", "-o", "r.mp4", cwd=work, model="m")
    assert result.returncode == 0
    assert f"{name} on CPU" in result.stderr
    assert "no model given" not in result.stderr
    assert json.loads(run("info", "--json", cwd=work, model="m").stdout)["name"] == name
    assert json.loads(run("doctor", "--json", cwd=work, model="m").stdout)["model"]["model"] == name


def test_quiet(work: Path) -> None:
    result = run("animate", "source.png", "clip.mp4", "-m", "m", "-o", "r.mp4", "-q", cwd=work)
    assert result.returncode == 0
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "stand-in" in result.stderr


def test_options_reach_the_run(work: Path) -> None:
    result = run(
        "animate", "source.png", "clip.mp4", "-m", "m", "-o", "p-%02d.png", "--panel", "--absolute", "--no-adapt-scale",
        "--source-crop", "0,0,32,32", "--driving-fit", "--no-audio", "--save-motion", "m.npz", "--threads", "1",
        "--backend", "onnxruntime-cpu", "--json", cwd=work,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["reference_frame"] is None
    assert document["backend"]["reason"] == "asked for by name"
    assert {"p-01.png", "p-05.png", "m.npz"} <= set(names(work))


def test_crop_and_fit_of_both_sides(work: Path) -> None:
    for options in (["--crop", "16,8,32,32"], ["--fit", "--crop", "0,0,64,32"]):
        result = run(
            "animate", "source.png", "clip.mp4", "-m", "m", "-o", "p-%02d.png", "--panel", "--no-audio", "-y", *options,
            cwd=work,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        panel = read_picture(work / "p-01.png")
        region = Framing("fit", (0, 0, 64, 32)) if "--fit" in options else Framing(rectangle=(16, 8, 32, 32))
        assert np.array_equal(panel[:, :64], resample(GOLDEN.source, region.region(64, 64), 64))


def test_info(work: Path) -> None:
    result = run("info", "m", cwd=work)
    assert result.returncode == 0
    for word in ("stand-in weights", "64×64", "align_corners True", "generator.onnx", "source_features", "parity"):
        assert word in result.stdout
    document = json.loads(run("info", "m", "--json", cwd=work).stdout)
    assert document["size"] == 64
    assert document["networks"]["generator"]["outputs"][0]["name"] == "prediction"


def test_doctor(work: Path) -> None:
    result = run("doctor", "-m", "m", cwd=work)
    assert result.returncode == 0
    for word in (
        "onnxruntime-cpu",
        "libx264",
        "NVIDIA driver",
        "ms median",
        "numpy",
        "convolution",
        "vector instructions",
        "CUDA for Python",
        "tensorrt-rtx",
        "to build engines",
        "auto takes",
    ):
        assert word in result.stdout
    document = json.loads(run("doctor", "--json", cwd=work).stdout)
    assert document["model"]["model"] == open_bundled_model().manifest.name
    assert document["model"]["latency_ms"] > 0
    assert document["media"]["encode_fps"] > 0
    assert "opencv-python-headless" in document["opencv"]["packages"]
    backends = {b["name"]: b for b in document["backends"]}
    assert tuple(backends) == BACKENDS
    assert backends["onnxruntime-cpu"]["probe_ms"] > 0
    assert all(b["problem"] is None or b["probe_ms"] is None for b in backends.values())
    assert [flavour["name"] for flavour in document["gpu"]["flavours"]] == ["tensorrt", "tensorrt-rtx"]
    assert set(document["gpu"]) == {"driver", "cuda_problem", "flavours"}
    assert set(document["engine_store"]) == {"folder", "sets", "damaged"}
    assert all(codec["available"] for codec in document["codecs"])


def test_doctor_continues_after_a_failed_section(work: Path) -> None:
    result = run("doctor", "-m", "absent", cwd=work)
    assert result.returncode == 1
    for word in ("numpy", "onnxruntime-cpu", "libx264", "fps", "FAILED: absent: expected a model folder"):
        assert word in result.stdout
    assert result.stderr == ""


def test_help_and_version() -> None:
    for command in ([], ["demo"], ["animate"], ["info"], ["doctor"], ["export"]):
        result = run(*command, "--help")
        assert result.returncode == 0
        assert "Usage: fomm-rt" in result.stdout
        assert "--help" in result.stdout
    assert "talking.mp4" in run("animate", "--help").stdout
    assert run("--version").stdout.startswith("fomm-rt ")


def test_completion_script() -> None:
    environment = {**os.environ, "_FOMM_RT_COMPLETE": "source_bash"}
    result = subprocess.run(
        ["fomm-rt"], capture_output=True, text=True, env=environment, timeout=60, check=False,
        executable=str(Path(sys.executable).parent / "fomm-rt"),
    )  # fmt: skip
    assert "complete" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["animate"],
        ["animate", "source.png", "clip.mp4", "-m", "m"],
        ["animate", "source.png", "clip.mp4", "-m", "m", "-o", "r.mp4", "--panel", "--explain"],
        ["animate", "source.png", "clip.mp4", "-m", "m", "-o", "r.mp4", "--source-crop", "1,2,3"],
        ["animate", "source.png", "clip.mp4", "-m", "m", "-o", "r.mp4", "--driving-crop", "0,0,0,5"],
        ["animate", "source.png", "clip.mp4", "-m", "m", "-o", "r.mp4", "--best-frame", "last"],
        ["animate", "source.png", "clip.mp4", "-m", "m", "-o", "r.mp4", "--best-frame", "-1"],
        ["animate", "source.png", "clip.mp4", "-m", "m", "-o", "r.mp4", "--best-frame", "9" * 5000],
        ["animate", "source.png", "clip.mp4", "-m", "m", "-o", "r.mp4", "--threads", "1000000"],
        ["animate", "source.png", "clip.mp4", "-m", "m", "-o", "r.mp4", "--unknown"],
        ["animate", "source.png", "clip.mp4", "-m", "m", "-o", "r.mp4", "--backend", "tensorflow"],
        ["animate", "source.png", "clip.mp4", "-m", "m", "-o", "r.mp4", "--precision", "int4"],
        ["animate", "source.png", "clip.mp4", "-m", "m", "-o", "r.mp4", "-q", "-v"],
        ["demo", "--also", "source.png"],
        ["demo", "folder"],
        ["export"],
        ["export", "a.pth.tar", "--stand-in"],
        ["export", "--stand-in", "--calibrate", "clip.mp4"],
        ["dance"],
    ],
)
def test_wrong_usage(work: Path, arguments: list[str]) -> None:
    before = names(work)
    result = run(*arguments, cwd=work)
    assert result.returncode == 2
    assert "Usage: fomm-rt" in result.stderr or "requires 2 arguments" in result.stderr
    assert names(work) == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"source": "absent.png"}, ["absent.png"]),
        ({"source": "empty"}, ["empty"]),
        ({"source": "text"}, ["text"]),
        ({"source": "cut.png"}, ["cut.png"]),
        ({"source": "."}, ["folder"]),
        ({"driving": "absent.mp4"}, ["absent.mp4"]),
        ({"driving": "empty"}, ["empty"]),
        ({"driving": "text"}, ["text"]),
        ({"driving": "cut.mp4"}, ["cut.mp4"]),
        ({"driving": "sound.m4a"}, ["sound.m4a"]),
        ({"driving": "."}, ["folder"]),
        ({"driving": "text.npz"}, ["text.npz", "--save-motion"]),
        ({"model": "absent"}, ["absent", "fomm-rt export"]),
        ({"model": "."}, ["model.json"]),
        ({"model": "clip.mp4"}, ["expected a model folder"]),
        ({"model": "x" * 300}, ["expected a model folder"]),
        ({"output": "r.xyz"}, ["r.xyz", ".mp4"]),
        ({"output": "r"}, ["r"]),
        ({"output": "folder.mp4"}, ["folder"]),
        ({"output": "clip.mp4"}, ["input"]),
        ({"output": "frames.png"}, ["frames-%05d.png"]),
        ({"output": "text/r.mp4"}, ["text"]),
        ({"extra": ["--source-crop", "60,0,20,20"]}, ["60,0,20,20", "64×64"]),
        ({"extra": ["--best-frame", "5"]}, ["5 frames"]),
        ({"extra": ["--precision", "int8"]}, ["has no int8 graphs", "--int8"]),
        ({"extra": ["--save-motion", "motion"]}, [".npz"]),
        ({"driving": "take:b:1.mp4"}, ["take:b:1.mp4"]),  # ":b:" is no emoji
    ],
)
def test_errors_are_one_sentence(work: Path, changes: dict[str, Any], words: list[str]) -> None:
    (work / "empty").touch()
    (work / "text").write_text("<html>this is no picture and no video</html>" * 50)
    (work / "text.npz").write_text("this is no motion file")
    (work / "folder.mp4").mkdir()
    (work / "cut.png").write_bytes((work / "source.png").read_bytes()[:2000])
    (work / "cut.mp4").write_bytes((work / "clip.mp4").read_bytes()[:2000])
    shutil.copy(write_clip(work / "tmp.mp4", frames=1, audio="aac"), work / "sound.m4a")
    _keep_only_sound(work / "tmp.mp4", work / "sound.m4a")
    before = names(work)
    arguments: dict[str, object] = {"source": "source.png", "driving": "clip.mp4", "model": "m", "output": "r.mp4"}
    extra = changes.get("extra", [])
    arguments |= {name: value for name, value in changes.items() if name != "extra"}
    result = run(
        "animate", arguments["source"], arguments["driving"], "-m", arguments["model"], "-o", arguments["output"],
        *extra, cwd=work,
    )  # fmt: skip
    assert result.returncode == 1, result.stderr
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "Traceback" not in result.stderr
    assert "defect" not in result.stderr
    for word in words:
        assert word in errors[0]
    assert names(work) == before


def _keep_only_sound(source: Path, target: Path) -> None:
    import av

    with av.open(str(source)) as container, av.open(str(target), "w", format="ipod") as output:
        stream = output.add_stream_from_template(container.streams.audio[0])
        for packet in container.demux(container.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)


def test_error_as_json(work: Path) -> None:
    result = run("animate", "absent.png", "clip.mp4", "-m", "m", "-o", "r.mp4", "--json", cwd=work)
    assert result.returncode == 1
    assert "absent.png" in json.loads(result.stdout)["error"]


def _start(work: Path, *arguments: str, before: Sequence[str] = ()) -> subprocess.Popen[str]:
    """Starts a long run and waits until it writes."""
    write_clip(work / "long.mp4", frames=3000, size=(64, 64), pixels=lambda i: GOLDEN.driving[i % 3])
    (work / "r.mp4").write_text("old")
    process = subprocess.Popen(
        [
            *(*before, sys.executable, "-m", "fomm_rt"),
            *("animate", "source.png", "long.mp4", "-m", "m", "-o", "r.mp4", "-y", *arguments),
        ],
        cwd=work, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not any(path.name.startswith(".fomm-rt") for path in work.iterdir()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


@pytest.mark.parametrize(("signal_", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_stopped(work: Path, signal_: signal.Signals, code: int) -> None:
    process = _start(work)
    process.send_signal(signal_)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in errors
    assert (work / "r.mp4").read_text() == "old"
    assert not any(name.startswith(".") for name in names(work))


def test_an_ignored_sighup_stays_ignored(work: Path) -> None:
    process = _start(work, before=("nohup",))
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143


def test_two_processes_write_the_same_file(work: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "fomm_rt",
        "animate",
        "source.png",
        "clip.mp4",
        "-m",
        "m",
        "-o",
        "r.mp4",
        "-q",
        "-y",
    ]
    processes = [subprocess.Popen(command, cwd=work, stderr=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    with VideoReader(work / "r.mp4") as reader:
        assert sum(1 for _ in reader) == 5
    assert not any(name.startswith(".") for name in names(work))


def test_disk_full(work: Path) -> None:
    """A limit on file size makes writes fail as on a full disk, after a few thousand bytes."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    (work / "r.mp4").write_text("old")
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    write_picture(work / "source.png", noise)
    result = subprocess.run(
        [sys.executable, "-m", "fomm_rt", "animate", "source.png", "clip.mp4", "-m", "m", "-o", "r.mp4", "-y"],
        cwd=work, capture_output=True, text=True, preexec_fn=limit, timeout=60, check=False,
    )  # fmt: skip
    assert result.returncode == 1, result.stderr
    assert "error: r.mp4" in result.stderr
    assert "Traceback" not in result.stderr
    assert (work / "r.mp4").read_text() == "old"
    assert not any(name.startswith(".") for name in names(work))


@pytest.mark.parametrize("extra", [[], ["--json"]])
def test_standard_output_full(work: Path, extra: list[str]) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        result = subprocess.run(
            [sys.executable, "-m", "fomm_rt", "info", "m", *extra],
            cwd=work, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert result.returncode == 1
    assert "standard output cannot be written" in result.stderr
    assert "Traceback" not in result.stderr


def test_ascii_terminal(work: Path) -> None:
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    result = subprocess.run(
        [sys.executable, "-m", "fomm_rt", "info", "m"],
        cwd=work, capture_output=True, text=True, env=environment, timeout=60, check=False,
    )  # fmt: skip
    assert result.returncode == 0
    assert "64?64" in result.stdout


def test_interrupt_during_the_imports(tmp_path: Path) -> None:
    """Ctrl-C during the slow imports ends the process without a traceback."""
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt")
    result = subprocess.run(
        [sys.executable, "-c", "import sys; sys.path.insert(0, '.'); from fomm_rt.__main__ import main; main()"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert result.returncode == 130
    assert result.stderr == ""
