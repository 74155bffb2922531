"""The command line of `fomm-rt bench`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from clips import write_clip
from fakes.bench_results import fake_run
from fomm_bench.clip.benchmark import ClipSpeed, render_clip
from fomm_bench.clip.cpu_time import PARTS, CpuRun
from fomm_bench.demo_media import demo_picture
from fomm_bench.results.results_file import read_results, write_results
from fomm_bench.run.plan import Pictures

OWN = "fomm-rt:onnxruntime-cpu"


def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "fomm_rt", "bench", *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "200", "TERM": "dumb"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **options
    )


def run(*arguments: object, expected: int = 0) -> subprocess.CompletedProcess[str]:
    process = start(*arguments)
    out, err = process.communicate(timeout=300)
    assert process.returncode == expected, err
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def test_help() -> None:
    text = run("--help").stdout
    for word in ("--contestant", "--checkpoint", "--batches", "report", "quality", "clip"):
        assert word in text


def test_compares_contestants(tmp_path: Path, tiny_folder: Path) -> None:
    output = tmp_path / "bench"
    options = ("--rounds", 2, "--frames", 2, "--batches", "1,2", "--measures", "latency,batches")
    chosen = ("-c", "onnxruntime", "-c", OWN, "-c", "fomm-rt:onnxruntime-cuda")
    result = run("-m", tiny_folder, *options, *chosen, "-o", output)
    lines = result.stdout.splitlines()
    assert lines[0].startswith("tiny, 64×64 (astronaut.png by carphone_pristine.mp4) on ")
    assert any(line.startswith(OWN) for line in lines)
    assert "\x1b" not in result.stdout + result.stderr
    assert "measuring 2 rounds" in result.stderr
    assert {"results.json", "latency.svg", "latency.png", "ratio.svg", "throughput.png"} <= {
        path.name for path in output.iterdir()
    }
    results = read_results(output / "results.json")
    assert results.command[:4] == ["fomm-rt", "bench", "-m", tiny_folder.name]  # without the folders of this machine
    states = {contestant.name: contestant.state for contestant in results.contestants}
    assert states.pop("fomm-rt:onnxruntime-cuda") == "skipped"
    assert states[results.references["cpu"]] == states["onnxruntime"] == states[OWN] == "measured"
    assert results.ceiling is None
    assert results.environment.threads == results.environment.cores
    assert len(results.busy_cores) in (0, 2)
    assert len(results.batch_busy_cores) == len(results.busy_cores)
    (note,) = [line for line in lines if line.startswith("cannot run here: ")]
    assert "fomm-rt:onnxruntime-cuda (" in note
    batches = next(each.batches_ms for each in results.contestants if each.name == "onnxruntime")
    assert {size: len(rounds) for size, rounds in batches.items()} == {1: 2, 2: 2}
    merged = run("report", output)
    assert OWN in merged.stdout
    refused = run("report", output, "-o", output, expected=1)
    assert "latency.png and " in refused.stderr
    (output / "stages-2.png").touch()
    assert "removed, because it shows earlier results: " in run("report", output, "-o", output, "-y").stderr
    assert not (output / "stages-2.png").exists()


def test_another_python_takes_part(other_folder: Path) -> None:
    """The same Python by its path finds the packages through links."""
    options = ("--rounds", 1, "--frames", 1, "--measures", "latency", "-c", OWN, "--json")
    document = json.loads(run("-m", other_folder, *options, "--python", f"{OWN}={sys.executable}").stdout)
    (own,) = [found for found in document["contestants"] if found["name"] == OWN]
    assert own["state"] == "measured"


def test_a_python_without_packages_fails_alone(tmp_path: Path, other_folder: Path) -> None:
    wrong = tmp_path / "python"
    wrong.write_text("#!/bin/sh\necho 'no NumPy here' >&2\nexit 1\n", encoding="utf-8")
    wrong.chmod(0o755)
    options = ("--rounds", 1, "--frames", 1, "--measures", "latency", "-c", OWN, "--python", f"{OWN}={wrong}")
    result = run("-m", other_folder, *options, expected=1)
    assert f"{OWN} failed: {OWN} ended with exit code 1; its last output: no NumPy here" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["-c", "tensorflow"], 1, "expected a contestant among pytorch,"),
        (["--bundled", "--size", "512"], 1, "--size is for stand-in weights"),
        (["--python", "openvino"], 1, "expected CONTESTANT=PATH"),
        (["--python", "openvino=/nowhere"], 1, "/nowhere is not an executable file"),
        (["-m", "/nowhere"], 1, "/nowhere: there is no such model folder"),
        (["--batches", "0"], 2, "expected sizes from 1 to 256"),
        (["--batches", "a"], 2, "expected sizes from 1 to 256"),
        (["--batches", "1,2", "--measures", "latency"], 2, "batches are not among the --measures"),
        (["--measures", "colour"], 2, "expected some of latency, batches, ceiling"),
        (["-c", "onnxruntime", "--python", f"openvino={sys.executable}"], 1, "openvino takes no part; add it with -c"),
        (["quality", "--python", f"openvino={sys.executable}"], 1, "openvino takes no part; add it with -c"),
        (["--bundled", "--frames", "6000"], 1, "--frames: expected at most 5461 frames of 256×256 at a time; got 6000"),
        (["--rounds", "0"], 2, "Invalid value for '--rounds'"),
        (["report"], 2, "Missing argument"),
        (["report", "/nowhere.json"], 1, "/nowhere.json: cannot be read"),
        (["quality", "-c", "tensorflow"], 1, "expected a contestant among"),
        (["--bundled", "-o", "/dev/null/bench"], 1, "/dev/null"),
        (["--bundled", "quality"], 2, "belongs after quality; move it there"),
    ],
)
def test_rejects_wrong_usage(arguments: list[str], code: int, message: str) -> None:
    assert message in run(*arguments, expected=code).stderr


def test_labels_results_of_another_machine(tmp_path: Path) -> None:
    write_results(tmp_path / "r.json", fake_run())
    result = run("report", tmp_path / "r.json", "-o", tmp_path / "pictures")
    assert "on Some CPU, 2 cores (not this machine)" in result.stdout
    assert (tmp_path / "pictures" / "ratio.svg").is_file()


def test_prints_the_table_without_matplotlib(tmp_path: Path) -> None:
    write_results(tmp_path / "r.json", fake_run())
    script = (
        "import fomm_bench.command as command; command.find_spec = lambda name: None;"
        "from fomm_rt.cli.app import build_app;"
        f"build_app()(['bench', 'report', {str(tmp_path / 'r.json')!r}, '-o', {str(tmp_path / 'pictures')!r}])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert OWN in result.stdout
    assert 'no charts: matplotlib is not installed; install it with: pip install "fomm-rt[bench]"' in " ".join(
        result.stderr.split()
    )


@pytest.fixture
def clip(tmp_path: Path, pictures: Pictures) -> Path:
    return write_clip(tmp_path / "clip.mp4", frames=6, size=(64, 64), pixels=lambda i: pictures.frames[i])


def test_quality(tmp_path: Path, other_folder: Path, clip: Path) -> None:
    output = tmp_path / "q.json"
    result = run("quality", "-m", other_folder, "--clip", clip, "--frames", 4, "-c", "onnxruntime", "-o", output)
    assert "4 frames of clip.mp4 from the first" in result.stdout
    document = json.loads(output.read_text(encoding="utf-8"))
    assert (document["format"], document["frames"]) == ("fomm-rt quality", 4)
    exact, rival = document["contestants"]
    assert (exact["name"], rival["name"]) == (OWN, "onnxruntime")
    assert rival["exact_psnr_db"] is None or rival["exact_psnr_db"] > 50
    assert exact["faces"] == {"true": 0, "found": 0}
    assert all(frame["landmark_px"] is frame["face_missing"] is None for frame in exact["frames"])
    assert exact["means"]["landmark_px"] is None
    assert "landmarks px" in result.stdout


def test_clip(other_folder: Path, clip: Path) -> None:
    document = json.loads(run("clip", "-m", other_folder, "--clip", clip, "--runs", 2, "--json").stdout)
    assert (document["frames"], len(document["runs"])) == (6, 2)
    assert document["fps"]["low"] <= document["fps"]["median"] <= document["fps"]["high"]
    assert {"decode", "networks", "encode", "waiting"} <= set(document["shares"])
    cpu = document["cpu"]
    assert [found["frames"] for found in cpu["runs"]] == [6, 6]
    assert list(cpu["ms_per_frame"]) == list(cpu["shares"]) == list(PARTS)
    assert all(cpu["ms_per_frame"][part]["median"] > 0 for part in PARTS)
    assert sum(spread["median"] for spread in cpu["shares"].values()) == pytest.approx(1, abs=0.2)
    assert 0 < cpu["outside_networks_without_codecs"]["median"] < 1
    assert 0 < cpu["outside_networks_with_codecs"]["median"] < 1


def test_clip_by_a_motion_file(tmp_path: Path, other_folder: Path, clip: Path) -> None:
    motion = ("--save-motion", tmp_path / "m.npz", "-o", tmp_path / "r.mp4")
    arguments = ["animate", demo_picture(), clip, "-m", other_folder, *motion]
    command = [sys.executable, "-m", "fomm_rt", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    document = json.loads(run("clip", "-m", other_folder, "--clip", tmp_path / "m.npz", "--runs", 1, "--json").stdout)
    assert document["cpu"]["ms_per_frame"]["to RGB"]["median"] == 0


CPU_SECONDS = dict(zip(PARTS, (1.0, 2.0, 1.0, 3.0, 54.0, 0.0, 39.0), strict=True))


def test_renders_a_clip() -> None:
    stages = [{"networks": 6.0, "encode": 1.0}, {"networks": 9.0, "encode": 1.0}]
    runs = [{"seconds": s, "fps": 60 / s, "stage_s": stage} for s, stage in zip((10.0, 12.0), stages, strict=True)]
    slower = {part: 2 * seconds for part, seconds in CPU_SECONDS.items()}
    lines = render_clip(ClipSpeed.of(60, runs, [CpuRun(1000, CPU_SECONDS), CpuRun(1000, slower)]))
    assert lines[0] == "60 frames, 2 runs: 5.5 fps (median; 5.0 to 6.0)"
    assert lines[2].split() == ["networks", "68%", "of", "the", "time", "(60%", "to", "75%)"]
    assert lines[6].split() == ["to", "RGB", "3.00", "ms", "(2.00", "to", "4.00)", "2.0%"]
    # 6 s of conversions, 54 s of networks, 100 s in all.
    assert "resizing and copies are 10.0% (10.0% to 10.0%) of the CPU time without the codecs" in lines[-2]
    assert lines[-1] == "with decoding and encoding: 46.0% (46.0% to 46.0%) of all CPU time"


def workers(parent: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text(encoding="utf-8")
        except OSError:
            continue
        if f"\nPPid:\t{parent}\n" in text:
            found.append(int(status.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_no_process(tmp_path: Path, other_folder: Path, number: int, code: int) -> None:
    options = ("--rounds", 100_000, "--frames", 1, "--measures", "latency", "-c", OWN, "-o", tmp_path / "o")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    os.environ["TMPDIR"] = str(temporary)
    try:
        process = start("-m", other_folder, *options)
    finally:
        del os.environ["TMPDIR"]
    children: list[int] = []
    for _ in range(1200):
        children = workers(process.pid)
        if len(children) >= 2 or process.poll() is not None:
            break
        time.sleep(0.05)
    assert len(children) >= 2
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    # A worker that was just starting ends by itself when its input ends.
    for _ in range(600):
        if not [child for child in children if Path(f"/proc/{child}").exists()]:
            break
        time.sleep(0.05)
    else:
        pytest.fail("a worker still runs")
    # ONNX Runtime leaves .ses behind when it is first imported.
    assert [path.name for path in temporary.iterdir() if path.name != ".ses"] == []
    assert not (tmp_path / "o").exists()
