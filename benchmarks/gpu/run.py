"""Runs everything that needs a GPU: one step per command, or a plan of steps.

`docs/gpu-measurements.md` says in which order, and how.

    python benchmarks/gpu/run.py STEP -o FOLDER [-m MODEL ...] [--torch PYTHON] [--tensorrt PYTHON] [--dry-run]
    python benchmarks/gpu/run.py first -o FOLDER      eight minutes without TensorRT
    python benchmarks/gpu/run.py second -o FOLDER     eight minutes with TensorRT

check          GPU, driver, clocks and versions, and what each step and backend lacks
kernel-tests   tests/gpu of kernels and device, with FOMM_REQUIRE_GPU=1
model          vox-256 with stand-in weights, if it is missing
frames         whole frames with convolutions by PyTorch: parity, latency, stages, batches
rivals         PyTorch eager in float32 and TF32, torch.compile, and the kernel path with PyTorch
detector       the detector's trunk alone: float32, 3×TF32, TF32, half
kernels        bandwidth of the kernels against a copy, and the warp against PyTorch's grid_sample
array-tests    arrays of PyTorch, CuPy and DLPack, in and out
memcheck, racecheck, initcheck      the kernels' tests under that tool of compute-sanitizer
engine-tests   tests/gpu of engines
engines        engines of every kind: build time, size, parity; repeat it until no set is left
engines-fp16   those of them that are split, in half precision, for batches of 1 and 32
throughput     TensorRT's kernel path: latency, stages, batches
bench          fomm-rt bench against PyTorch eager and torch.compile, in processes of their own, in turns

PyTorch and TensorRT may be in two Pythons; neither needs an installed fomm-rt. The output of a step also goes to
FOLDER/STEP.log, with results beside it; a plan writes FOLDER/PLAN.json after every step. It starts no step if modules
that they import are missing. A step that takes longer than its limit is killed with its children. The exit code is 1 if
a command fails; the others still run.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from time import monotonic

from running import Record, has_passed, run, run_step, write_record
from steps import BUNDLED, CONTESTANTS, PLANS, ROOT, STEPS, WITHOUT, Python, Setting, modules_checks

VOX_256 = "models/vox-256"
"""Of the checkout; what `model` exports."""


def run_plan(name: str, setting: Setting) -> list[Record]:
    """Runs the steps of a plan, as far as its time goes."""
    plan, start, records = PLANS[name], monotonic(), list[Record]()
    for step, most_s in plan.steps.items():
        limit_s = min(most_s, plan.limit_s - (monotonic() - start))
        commands = STEPS[step](replace(setting, limit_s=limit_s))
        records.append(run_step(step, commands, setting.output, limit_s))
        write_record(setting.output / f"{name}.json", records)
    for record in records:
        print(f"{record['step']:<14} {record['seconds']:>6.1f} s  {'passed' if has_passed(record) else 'FAILED'}")
    return records


def missing_modules(name: str, setting: Setting) -> bool:
    """True if a Python lacks modules that a plan's steps import there; prints which."""
    return any(code != 0 for code in run(modules_checks(PLANS[name], setting), io.StringIO(), 60))


def _python(program: str, packages: str | None) -> Python:
    # Links stay: the Python of a virtual environment is a link, and its place identifies the environment.
    path = Path(shutil.which(program) or program).absolute()
    return Python(str(path), None if packages is None else str(Path(packages).absolute()))


def main() -> None:
    """Runs a step or a plan."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=(*STEPS, *PLANS))
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the results")
    parser.add_argument(
        "-m", "--model", action="append", help=f"a model folder, or bundled; {VOX_256} and bundled by default"
    )
    parser.add_argument("--torch", default=sys.executable, help="Python with PyTorch; this one by default")
    parser.add_argument("--torch-packages", help="folder of packages that it lacks")
    parser.add_argument("--tensorrt", help="Python with TensorRT; by default the one with PyTorch")
    parser.add_argument("--tensorrt-packages", help="folder of packages that it lacks")
    parser.add_argument("--without", default=WITHOUT, help=f"modules that --tensorrt lacks ({WITHOUT})")
    parser.add_argument("-c", "--contestant", action="append", help="of bench; by default PyTorch's and TensorRT's")
    parser.add_argument("--limit", type=float, default=570, help="time limit of a single step in seconds (570)")
    parser.add_argument("--anyway", action="store_true", help="start a plan although modules are missing")
    parser.add_argument("--dry-run", action="store_true", help="only print the commands")
    options = parser.parse_args()
    output = options.output.absolute()
    output.mkdir(parents=True, exist_ok=True)
    torch = _python(options.torch, options.torch_packages)
    tensorrt = torch if options.tensorrt is None else _python(options.tensorrt, options.tensorrt_packages)
    given = options.model or [str(ROOT / VOX_256), BUNDLED]
    models = tuple(name if name == BUNDLED else str(Path(name).absolute()) for name in given)
    without = options.without if torch != tensorrt else ""
    contestants = tuple(options.contestant or CONTESTANTS)
    setting = Setting(torch, tensorrt, models, output, options.limit, without, contestants)
    steps = PLANS[options.step].steps if options.step in PLANS else [options.step]
    if options.dry_run:
        print(*(command for step in steps for command in STEPS[step](setting)), sep="\n")
        return
    if options.step in PLANS and missing_modules(options.step, setting) and not options.anyway:
        raise SystemExit("nothing was started: install these packages, or unpack them (packages.sh); or --anyway")
    if options.step in PLANS:
        records = run_plan(options.step, setting)
    else:
        records = [run_step(options.step, STEPS[options.step](setting), output, options.limit)]
    raise SystemExit(0 if all(map(has_passed, records)) else 1)


if __name__ == "__main__":
    main()
