"""Runs everything that needs a GPU, one step per command, each within ten minutes.

`docs/gpu-measurements.md` says in which order, and how.

    python benchmarks/gpu/run.py STEP -o FOLDER [-m MODEL ...] [--torch PYTHON] [--tensorrt PYTHON] [--dry-run]

check          GPU, driver, clocks and versions, and what each backend lacks
kernel-tests   tests/gpu without those of engines, with FOMM_REQUIRE_GPU=1
engine-tests   tests/gpu of engines
engines        engines of every kind: build time, size, parity; repeat it until no set is left
throughput     TensorRT's kernel path: latency, stages, batches
bench          against PyTorch eager and torch.compile, in processes of their own, in turns
kernels        bandwidth of the kernels, and the warp against PyTorch's grid_sample
memcheck, racecheck, initcheck      the kernels' tests under that tool of compute-sanitizer

PyTorch and TensorRT may be in two Pythons; neither needs an installed fomm-rt. The output of a step also goes to
FOLDER/STEP.log, with results beside it. A step that takes longer than --limit is killed with its children. The exit
code is 1 if a command of the step fails; the others still run.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from threading import Timer
from time import monotonic
from typing import TextIO

ROOT = Path(__file__).parents[2]
PACKAGES = tuple(str(ROOT / name) for name in ("runtime", "kernels", "export", "benchmarks"))
TESTS = ROOT / "tests" / "gpu"
ENGINE_TESTS = ("test_tensorrt_backend.py", "test_plugin_on_gpu.py")
"""The second one needs PyTorch in the same process."""
RUN_TESTS = ("-m", "pytest", "-p", "no:cacheprovider", "-W", "default", f"--confcutdir={TESTS}")
SANITIZE = ("--error-exitcode", "1", "--report-api-errors", "no", "--target-processes", "application-only")
"""As in the Makefile."""
BUNDLED = "bundled"
CONTESTANTS = (
    *("pytorch-cuda", "pytorch-cuda-tf32", "pytorch-compile-cuda"),
    *("fomm-rt:tensorrt", "fomm-rt:tensorrt:fp32", "tensorrt-whole"),
)
SMI_FIELDS = (
    "name,driver_version,memory.total,memory.used,clocks.sm,clocks.mem,clocks.max.sm,clocks.max.mem,power.draw,"
    "power.limit,temperature.gpu,persistence_mode,clocks_throttle_reasons.active"
)
WITHOUT = "torch,cupy"
"""Modules that a separate Python with TensorRT may lack."""


@dataclass(frozen=True)
class Command:
    """Program and arguments of a process, and environment variables beside those of this process."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        variables = [f"{name}={shlex.quote(value)}" for name, value in self.environment.items()]
        return " ".join([*variables, shlex.join(self.arguments)])


@dataclass(frozen=True)
class Python:
    """A Python, and a folder of packages that it lacks. It needs no installed fomm-rt."""

    path: str
    packages: str | None = None

    def run(self, *arguments: str, before: tuple[str, ...] = (), **environment: str) -> Command:
        """A command that finds this checkout's packages first; `before` may name a program that starts it."""
        folders = (*PACKAGES, self.packages, os.environ.get("PYTHONPATH"))
        paths = os.pathsep.join(folder for folder in folders if folder)
        return Command((*before, self.path, *arguments), {"PYTHONPATH": paths, **environment})

    def as_program(self, script: Path) -> str:
        """One path that stands for this Python and its packages; writes a script if it has some."""
        if self.packages is None:
            return self.path
        more = f'PYTHONPATH="$PYTHONPATH:"{shlex.quote(self.packages)}'
        script.write_text(f'#!/bin/sh\n{more} exec {shlex.quote(self.path)} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
        return str(script)


@dataclass(frozen=True)
class Setting:
    """The settings of a step.

    Attributes:
        torch, tensorrt: Pythons with PyTorch and with TensorRT; may be the same.
        models: Model folders, or "bundled".
        output: Folder of the results.
        limit_s: Time limit of the step.
        without: Modules that `tensorrt` lacks, see WITHOUT; empty if there is one Python.
        contestants: Contestants of `bench`.
    """

    torch: Python
    tensorrt: Python
    models: tuple[str, ...]
    output: Path
    limit_s: float
    without: str
    contestants: tuple[str, ...]

    def results(self, *names: str) -> str:
        """Path of a result."""
        return str(self.output / "-".join(Path(name).name for name in names))


def _check(setting: Setting) -> list[Command]:
    return [
        Command(("nvidia-smi", f"--query-gpu={SMI_FIELDS}", "--format=csv")),
        Command(("nvcc", "--version")),
        *(python.run(_script("check.py")) for python in dict.fromkeys((setting.torch, setting.tensorrt))),
    ]


def _kernel_tests(setting: Setting) -> list[Command]:
    tests = [str(path) for path in sorted(TESTS.glob("test_*.py")) if path.name not in ENGINE_TESTS]
    return [setting.torch.run(*RUN_TESTS, *tests, FOMM_REQUIRE_GPU="1")]


def _engine_tests(setting: Setting) -> list[Command]:
    tests = [str(TESTS / name) for name in ("test_cuda_device.py", *ENGINE_TESTS[: 1 if setting.without else 2])]
    kept, without = setting.results("engines-of-tests"), setting.without
    return [
        setting.tensorrt.run(*RUN_TESTS, *tests, FOMM_REQUIRE_GPU="1", FOMM_WITHOUT=without, FOMM_TEST_ENGINES=kept)
    ]


def _engines(setting: Setting) -> list[Command]:
    models = [argument for model in setting.models for argument in ("-m", model)]
    limit = ("--seconds", str(round(setting.limit_s / 2)))  # the last set may take as long as all before it
    return [setting.tensorrt.run(_script("engine_matrix.py"), *models, *limit, "-o", setting.results("engines.json"))]


def _throughput(setting: Setting) -> list[Command]:
    return [
        setting.tensorrt.run(
            _script("throughput.py"),
            *(() if model == BUNDLED else ("-m", model)),
            *("-o", setting.results("throughput", f"{model}.json")),
        )
        for model in setting.models
    ]


def _bench(setting: Setting) -> list[Command]:
    contestants = [argument for name in setting.contestants for argument in ("-c", name)]
    if setting.torch != setting.tensorrt:
        program = setting.tensorrt.as_program(setting.output / "python-tensorrt")
        of_tensorrt = [name for name in setting.contestants if not name.startswith("pytorch")]
        contestants += [argument for name in of_tensorrt for argument in ("--python", f"{name}={program}")]
    return [
        setting.torch.run(
            *("-m", "fomm_rt", "bench", *contestants, *(("--bundled",) if model == BUNDLED else ("-m", model))),
            *("--rounds", "20", "--frames", "60", "--batches", "1,8,32", "--timeout", "150"),
            *("-y", "-o", setting.results("bench", model)),
        )
        for model in setting.models
    ]


def _kernels(setting: Setting) -> list[Command]:
    script = str(ROOT / "benchmarks" / "studies" / "kernels.py")
    return [setting.torch.run(script, "--batch", "1", "8", "32", "-o", setting.results("kernels.json"))]


def _sanitize(tool: str, setting: Setting) -> list[Command]:
    program = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
    return [
        setting.torch.run(
            *RUN_TESTS,
            *("-x", str(TESTS / "test_kernels_on_gpu.py")),
            before=(program, *SANITIZE, "--tool", tool),
            FOMM_REQUIRE_GPU="1",
            FOMM_TEST_SANITIZED="1",
        )
    ]


STEPS: dict[str, Callable[[Setting], list[Command]]] = {
    "check": _check,
    "kernel-tests": _kernel_tests,
    "engine-tests": _engine_tests,
    "engines": _engines,
    "throughput": _throughput,
    "bench": _bench,
    "kernels": _kernels,
    **{tool: partial(_sanitize, tool) for tool in ("memcheck", "racecheck", "initcheck")},
}


def run(commands: list[Command], log: TextIO, limit_s: float) -> list[int | None]:
    """Runs commands one after another, with their output on the terminal and in a log.

    Returns:
        Exit codes, negative for signals; None for a command without time or without a program.
    """
    codes: list[int | None] = []
    end = monotonic() + limit_s
    for command in commands:
        _say(f"\n$ {command}\n", log)
        rest_s = end - monotonic()
        codes.append(_run(command, log, rest_s) if rest_s > 1 else None)
        _say(f"exit code {codes[-1]}, {limit_s - end + monotonic():.0f} s of {limit_s:.0f}\n", log)
    return codes


def _run(command: Command, log: TextIO, limit_s: float) -> int | None:
    try:
        process = subprocess.Popen(
            command.arguments,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **command.environment},
            start_new_session=True,
        )
    except OSError as error:
        _say(f"{command.arguments[0]}: {error.strerror}\n", log)
        return None

    def kill() -> None:
        _say(f"killed after {limit_s:.0f} s\n", log)
        os.killpg(process.pid, signal.SIGKILL)

    timer = Timer(limit_s, kill)
    timer.start()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            _say(line, log)
        return process.wait()
    finally:
        timer.cancel()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def _say(text: str, log: TextIO) -> None:
    for stream in (sys.stdout, log):
        stream.write(text)
        stream.flush()


def _script(name: str) -> str:
    return str(Path(__file__).parent / name)


def _python(program: str, packages: str | None) -> Python:
    # Links stay: the Python of a virtual environment is a link, and its place identifies the environment.
    path = Path(shutil.which(program) or program).absolute()
    return Python(str(path), None if packages is None else str(Path(packages).absolute()))


def main() -> None:
    """Runs a step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the results")
    parser.add_argument("-m", "--model", action="append", help="a model folder, or bundled (the default)")
    parser.add_argument("--torch", default=sys.executable, help="Python with PyTorch; this one by default")
    parser.add_argument("--torch-packages", help="folder of packages that it lacks")
    parser.add_argument("--tensorrt", help="Python with TensorRT; by default the one with PyTorch")
    parser.add_argument("--tensorrt-packages", help="folder of packages that it lacks")
    parser.add_argument("--without", default=WITHOUT, help=f"modules that --tensorrt lacks ({WITHOUT})")
    parser.add_argument("-c", "--contestant", action="append", help="of bench; by default PyTorch's and TensorRT's")
    parser.add_argument("--limit", type=float, default=570, help="time limit of the step in seconds (570)")
    parser.add_argument("--dry-run", action="store_true", help="only print the commands")
    options = parser.parse_args()
    output = options.output.absolute()
    output.mkdir(parents=True, exist_ok=True)
    torch = _python(options.torch, options.torch_packages)
    tensorrt = torch if options.tensorrt is None else _python(options.tensorrt, options.tensorrt_packages)
    models = tuple(name if name == BUNDLED else str(Path(name).absolute()) for name in options.model or [BUNDLED])
    without = options.without if torch != tensorrt else ""
    contestants = tuple(options.contestant or CONTESTANTS)
    commands = STEPS[options.step](Setting(torch, tensorrt, models, output, options.limit, without, contestants))
    if options.dry_run:
        print(*commands, sep="\n")
        return
    start = datetime.now(timezone.utc)
    with (output / f"{options.step}.log").open("w", encoding="utf-8") as log:
        codes = run(commands, log, options.limit)
    pairs = zip(commands, codes, strict=True)
    record = {
        "step": options.step,
        "date": start.isoformat(timespec="seconds"),
        "seconds": (datetime.now(timezone.utc) - start).total_seconds(),
        "commands": [{"command": str(command), "exit_code": code} for command, code in pairs],
    }
    (output / f"{options.step}.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    raise SystemExit(0 if all(code == 0 for code in codes) else 1)


if __name__ == "__main__":
    main()
