"""The product reports to nobody: it opens no connection, looks up no name and leaves only its own files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from clips import ClipMaker
from fomm_rt.bundled import bundled_avatars, bundled_model
from fomm_rt.machine import telemetry
from watched_process import Watched, parse, watch

ROOT = Path(__file__).parents[2]
SILENCING = [name for name, _ in telemetry.SILENCED.values()]

# Opens and runs each contestant that uses a library which could report.
CONTESTANTS = """
import sys, numpy as np
from fomm_bench.contestants.registry import choose
from fomm_bench.model.model_spec import ModelSpec
for name in ("onnxruntime", "openvino", "fomm-rt:onnxruntime-cpu"):
    (entry,) = choose([name])
    contestant = entry.open(ModelSpec(sys.argv[1], None, 1))
    contestant.set_source(np.zeros((256, 256, 3), np.uint8))
    contestant.animate(np.zeros((256, 256, 3), np.uint8))
"""


def environment(home: Path, **more: str) -> dict[str, str]:
    """This environment without what hides telemetry, with a home of its own."""
    hidden = {"CI", *SILENCING, *(name for name in os.environ if name.startswith("XDG_"))}
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    paths = os.pathsep.join(path for path in sys.path if path)
    own = {"HOME": str(home), "TMPDIR": str(home / "tmp"), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": paths}
    (home / "tmp").mkdir(parents=True)
    return {**kept, **own, **more}


def animate(make_clip: ClipMaker, tmp_path: Path, **more: str) -> Watched:
    """Animates three frames under strace; `out` is the folder of the result."""
    clip = make_clip(frames=3, audio="aac")
    (tmp_path / "out").mkdir()
    command = ["-m", "fomm_rt", "animate", str(bundled_avatars()[0]), str(clip), "-o", "out/result.mp4"]
    return watch([sys.executable, *command], environment(tmp_path / "home", **more), tmp_path)


def product_folders(tmp_path: Path) -> list[Path]:
    return [tmp_path / "out", tmp_path / "home/.cache/fomm-rt", tmp_path / "home/.local/share/fomm-rt"]


def test_animate_sends_no_telemetry(make_clip: ClipMaker, tmp_path: Path) -> None:
    seen = animate(make_clip, tmp_path)
    assert (tmp_path / "out/result.mp4").exists()
    assert seen.created
    assert seen.created_outside(*product_folders(tmp_path), tmp_path / "home/tmp") == []
    assert list((tmp_path / "home/tmp").iterdir()) == []
    assert seen.lookups == []
    assert seen.addresses == []


def test_contestants_send_no_telemetry(tmp_path: Path) -> None:
    seen = watch([sys.executable, "-c", CONTESTANTS, str(bundled_model())], environment(tmp_path / "home"), tmp_path)
    assert seen.created_outside(*product_folders(tmp_path)) == []
    assert seen.lookups == []
    assert seen.addresses == []


def test_a_setting_of_the_user_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in SILENCING:
        monkeypatch.delenv(name, raising=False)
    telemetry.disable_telemetry()
    assert all(os.environ[name] == value for name, value in telemetry.SILENCED.values())
    assert set(telemetry.telemetry().values()) == {"off"}
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    telemetry.disable_telemetry()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "0"
    assert telemetry.telemetry()["ONNX Runtime"] == "decided by you: ORT_DISABLE_TELEMETRY=0"


@pytest.mark.parametrize(
    ("decision", "expected"), [(None, "off"), ("0", "off"), ("1\n", "decided by you: 1 in {}"), ("\xff", "off")]
)
def test_openvino_is_listed_if_installed(
    decision: str | None, expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    consent = tmp_path / telemetry.OPENVINO_CONSENT
    if decision is not None:
        consent.parent.mkdir()
        consent.write_text(decision, encoding="latin-1")
    monkeypatch.setattr(telemetry, "find_spec", lambda _name: object())
    assert telemetry.telemetry()["OpenVINO"] == expected.format(consent)
    monkeypatch.setattr(telemetry, "find_spec", lambda name: None if name in {"openvino", "ray"} else object())
    assert list(telemetry.telemetry()) == ["ONNX Runtime"]


def importing(module: str, gateway: str, through: str) -> list[str]:
    """Lines that import a module elsewhere than in its gateway.

    Scripts that other processes run are strings in these files, so the text is searched, not the syntax tree.
    """
    pattern = re.compile(rf"^[^#\n]*\b(?:import|from) {module}\b.*|import_module\(.{module}.*", re.MULTILINE)
    folders = ("runtime", "kernels", "export", "benchmarks", "examples", "tests")
    files = [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]
    return [
        f"{file.relative_to(ROOT)}: {match[0].strip()}"
        for file in files
        if file not in (ROOT / gateway, Path(__file__))
        for match in pattern.finditer(file.read_text(encoding="utf-8").replace(through, ""))
    ]


@pytest.mark.parametrize(
    ("module", "gateway", "through"),
    [
        (
            "onnxruntime",
            "runtime/fomm_rt/machine/onnx_runtime.py",
            "from fomm_rt.machine.onnx_runtime import onnxruntime",
        ),
        (
            "openvino",
            "benchmarks/fomm_bench/contestants/openvino_library.py",
            "from fomm_bench.contestants.openvino_library import openvino",
        ),
    ],
)
def test_libraries_that_report_are_imported_in_one_place(module: str, gateway: str, through: str) -> None:
    assert importing(module, gateway, through) == [], f"use: {through}"
    assert importing(module, "nowhere", through) != []


@pytest.mark.parametrize("decision", ["1", "0", None])
def test_a_decision_about_openvino_wins(decision: str | None, tmp_path: Path) -> None:
    if decision is not None:
        (tmp_path / "intel").mkdir()
        (tmp_path / "intel/openvino_telemetry").write_text(decision, encoding="utf-8")
    script = """
import sys, types
sys.modules["openvino"] = types.ModuleType("openvino")
import fomm_bench.contestants.openvino_library
print("openvino_telemetry" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", script], env=environment(tmp_path), capture_output=True, check=True)
    assert run.stdout.split() == [b"False" if decision == "1" else b"True"]


def test_strace_notices_forbidden_calls(tmp_path: Path) -> None:
    script = """
import os, socket
os.mkdir("made"); open("made/file", "w").close(); os.rename("made/file", "made/renamed")
try: open("made/missing/file", "w")
except OSError: pass
try: open("/etc/resolv.conf")
except OSError: pass
for address in ("192.0.2.1", "127.0.0.1"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end: end.connect((address, 53))  # sends nothing
"""
    seen = watch([sys.executable, "-c", script], environment(tmp_path / "home"), tmp_path)
    made = [path.name for path in seen.created_outside(tmp_path / "home")]
    assert made == ["made", "file", "renamed"]
    assert seen.lookups == ["/etc/resolv.conf"]
    assert seen.addresses == ["192.0.2.1"]


def test_the_log_of_calls_that_others_interrupt_is_understood() -> None:
    log = """\
7 mkdir("made", 0777) = 0
7 openat(AT_FDCWD</work>, "a.db", O_RDWR|O_CREAT, 0600 <unfinished ...>
8 openat(6</home/me/.cache>, "id", O_WRONLY|O_CREAT|O_EXCL, 0600) = 7</home/me/.cache/id>
8 openat(AT_FDCWD</work>, "no", O_WRONLY|O_CREAT, 0600) = -1 EACCES (Permission denied)
7 <... openat resumed>) = 5</work/a.db>
8 connect(3<socket:[1]>, {sa_family=AF_INET6, sin6_port=htons(443), inet_pton(AF_INET6, "2001:db8::1", &sin6_addr)}, 28) = -1 EINPROGRESS (Operation now in progress)
8 connect(3<socket:[1]>, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = 0
"""  # noqa: E501
    seen = parse(log, Path("/work"))
    assert seen.created == [Path("/work/made"), Path("/work/a.db"), Path("/home/me/.cache/id")]
    assert seen.addresses == ["2001:db8::1"]
