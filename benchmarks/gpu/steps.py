"""The steps of `run.py`: which commands each one runs, and the plans that run several."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = tuple(str(ROOT / name) for name in ("runtime", "kernels", "export", "benchmarks"))
TESTS = ROOT / "tests" / "gpu"
ENGINE_TESTS = ("test_tensorrt_backend.py", "test_plugin_on_gpu.py")
"""The second one needs PyTorch in the same process."""
KERNEL_TESTS = ("test_kernels_on_gpu.py", "test_cuda_device.py")
RUN_TESTS = ("-m", "pytest", "-p", "no:cacheprovider", "-W", "default", f"--confcutdir={TESTS}")
SANITIZE = ("--error-exitcode", "1", "--report-api-errors", "no", "--target-processes", "application-only")
"""As in the Makefile."""
BUNDLED = "bundled"
RIVALS = ("pytorch-cuda", "kernel-path-pytorch", "pytorch-compile-cuda", "pytorch-cuda-tf32")
"""Contestants of `rivals`, the reference first and the most telling ones next."""
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

    @property
    def exported(self) -> tuple[str, ...]:
        """The models that are folders; PyTorch's networks can be built for stand-in weights."""
        return tuple(model for model in self.models if model != BUNDLED)

    def results(self, *names: str) -> str:
        """Path of a result."""
        return str(self.output / "-".join(Path(name).name for name in names))


def _check(setting: Setting) -> list[Command]:
    return [
        Command(("nvidia-smi", f"--query-gpu={SMI_FIELDS}", "--format=csv")),
        Command(("nvcc", "--version")),
        *(python.run(_script("check.py")) for python in dict.fromkeys((setting.torch, setting.tensorrt))),
    ]


def modules_checks(plan: Plan, setting: Setting) -> list[Command]:
    """Commands that fail if a Python lacks modules which a plan's steps import there."""
    steps: dict[Python, list[str]] = {}
    for step in plan.steps:
        if STEPS[step](setting):
            steps.setdefault(setting.tensorrt if step in OF_TENSORRT else setting.torch, []).append(step)
    return [python.run(_script("check.py"), *names) for python, names in steps.items()]


def _model(setting: Setting) -> list[Command]:
    return [
        setting.torch.run("-m", "fomm_rt", "export", "--stand-in", "--quiet", "-y", "-o", model)
        for model in setting.exported
        if not Path(model).exists()
    ]


def _frames(setting: Setting) -> list[Command]:
    return [
        setting.torch.run(
            _script("throughput.py"),
            *(() if model == BUNDLED else ("-m", model)),
            *("--trunks", "pytorch", "--frames", "1000", "--batch", "1", "32"),
            *("-o", setting.results("frames", f"{model}.json")),
        )
        for model in setting.models
    ]


def _rivals(setting: Setting) -> list[Command]:
    return [
        setting.torch.run(_script("rivals.py"), name, "-m", model, "-o", setting.results("rivals", model))
        for model in setting.exported
        for name in RIVALS
    ]


def _detector(setting: Setting) -> list[Command]:
    return [
        setting.torch.run(
            _script("detector.py"),
            *(() if model == BUNDLED else ("-m", model)),
            *("-o", setting.results("detector", f"{model}.json")),
        )
        for model in setting.models
    ]


def _array_tests(setting: Setting) -> list[Command]:
    tests = (str(TESTS / "test_frameworks.py"), str(TESTS / "test_torch_trunks.py"))
    return [setting.torch.run(*RUN_TESTS, *tests, FOMM_REQUIRE_GPU="1")]


def _kernel_tests(setting: Setting) -> list[Command]:
    tests = [str(TESTS / name) for name in KERNEL_TESTS]
    return [setting.torch.run(*RUN_TESTS, *tests, FOMM_REQUIRE_GPU="1")]


def _engine_tests(setting: Setting) -> list[Command]:
    tests = [str(TESTS / name) for name in ("test_cuda_device.py", *ENGINE_TESTS[: 1 if setting.without else 2])]
    kept, without = setting.results("engines-of-tests"), setting.without
    return [
        setting.tensorrt.run(*RUN_TESTS, *tests, FOMM_REQUIRE_GPU="1", FOMM_WITHOUT=without, FOMM_TEST_ENGINES=kept)
    ]


def _engines(setting: Setting, *kinds: str) -> list[Command]:
    models = [argument for model in setting.models for argument in ("-m", model)]
    limit = ("--seconds", str(round(setting.limit_s / 2)))  # the last set may take as long as all before it
    output = ("-o", setting.results("engines.json"))
    return [setting.tensorrt.run(_script("engine_matrix.py"), *models, *kinds, *limit, *output)]


def _engines_fp16(setting: Setting) -> list[Command]:
    return _engines(setting, "--precision", "fp16", "--layout", "split", "--batch", "1", "32")


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
    "model": _model,
    "frames": _frames,
    "rivals": _rivals,
    "detector": _detector,
    "array-tests": _array_tests,
    "engine-tests": _engine_tests,
    "engines": _engines,
    "engines-fp16": _engines_fp16,
    "throughput": _throughput,
    "bench": _bench,
    "kernels": _kernels,
    **{tool: partial(_sanitize, tool) for tool in ("memcheck", "racecheck", "initcheck")},
}

OF_TENSORRT = ("engine-tests", "engines", "engines-fp16", "throughput")
"""Steps that run in the Python with TensorRT."""


@dataclass(frozen=True)
class Plan:
    """Steps to run in order of importance.

    Attributes:
        limit_s: Time limit of all steps together.
        steps: Step -> its own time limit in seconds, or less if less is left.
    """

    limit_s: float
    steps: Mapping[str, float]


PLANS = {
    "first": Plan(
        480,
        {
            "check": 30,
            "kernel-tests": 90,
            "model": 90,
            "frames": 90,
            "rivals": 130,
            "detector": 45,
            "kernels": 60,
            "array-tests": 60,
            "memcheck": 120,
        },
    ),
    "second": Plan(480, {"check": 30, "model": 60, "engines-fp16": 210, "throughput": 90, "engine-tests": 120}),
}
"""What one visit to a machine can do: without TensorRT, and with it."""


def _script(name: str) -> str:
    return str(Path(__file__).parent / name)
