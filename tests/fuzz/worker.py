"""Runs cases one after another, each in a process of its own that is forked from this one.

    python -m fuzz.worker SAMPLES SCRATCH < cases > outcomes

Everything is imported once and before the forks, which makes a run start within milliseconds. Each line of the input is
a case, FORMAT:SEED; each line of the output a JSON document, see `fuzz.runner`.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from pathlib import Path
from random import Random

# Threads of libraries that are started before a fork do not exist after it.
os.environ.update({"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})

from fomm_rt.bundled import bundled_avatars, bundled_performance
from fuzz.case import OUT, Case, prepare
from fuzz.format import Format, command
from fuzz.judge import CPU_S, MEMORY_BYTES, WALL_S, Ended, judge

_POLL_S = 0.01
_FILE_BYTES = 1 << 30


def main() -> None:
    """Runs the cases of standard input."""
    import_everything()
    from fuzz.formats import FORMATS

    samples, scratch = Path(sys.argv[1]), Path(sys.argv[2])
    for line in sys.stdin:
        name, _, seed = line.strip().rpartition(":")
        case = Case(name, seed)
        folder = scratch / f"{name.replace('/', '-')}-{seed.replace('/', '-')}"
        started = time.monotonic()
        described = FORMATS[name]
        random = prepare(case, described, samples, folder)
        ended = run_forked(described, random, folder)
        fault = judge(ended, folder / OUT, described.may_stay)
        outcome = {
            "case": str(case),
            "fault": fault and fault[0],
            "detail": fault and fault[1],
            "status": ended.status,
            "peak_bytes": ended.peak_bytes,
            "seconds": time.monotonic() - started,
            "text": ended.text[-4000:] if fault else "",
        }
        print(json.dumps(outcome), flush=True)
        shutil.rmtree(folder)


def import_everything() -> None:
    """Imports what runs import, so that no run pays for it."""
    import cv2
    import torch

    import fomm_build.timing_cache
    import fomm_export.command
    import fomm_export.export_model
    import fomm_fetch.command
    import fomm_fetch.display
    import fomm_fetch.fetch
    import fomm_rt.cli.app
    import fomm_train.loop.state
    from fomm_rt.machine.onnx_runtime import onnxruntime

    del cv2, onnxruntime, torch, fomm_build, fomm_export, fomm_fetch, fomm_rt, fomm_train
    for name in _modules_of_a_run():
        with suppress(ImportError):
            importlib.import_module(name)


def _modules_of_a_run() -> list[str]:
    """Modules that only an animation imports. It starts threads, so another process does it."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        before = set(sys.modules)
        nothing = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nothing, stream)
        with tempfile.TemporaryDirectory() as folder:
            result = f"{folder}/r.mp4"
            code = command("animate", bundled_avatars()[0], bundled_performance(), "-o", result, "--duration", 0.1)
        os.write(writer, json.dumps([name for name in sys.modules if name not in before]).encode())
        os._exit(code)
    os.close(writer)
    with open(reader, encoding="utf-8") as said:  # noqa: PTH123
        names: list[str] = json.loads(said.read() or "[]")
    if os.waitpid(process, 0)[1] != 0:
        raise SystemExit("fomm-rt cannot animate the bundled avatar, so nothing can be said about damaged inputs")
    return names


def run_forked(described: Format, random: Random, folder: Path) -> Ended:
    """Runs a case in a child process and watches its time and memory."""
    text = folder.with_name(f"{folder.name}.log")
    process = os.fork()
    if process == 0:
        _become_the_run(described, random, folder, text)
    started, over_time, over_memory = time.monotonic(), False, False
    while True:
        done, status, usage = os.wait4(process, os.WNOHANG)
        if done:
            break
        over_time |= time.monotonic() - started > WALL_S
        over_memory |= _resident_bytes(process) > MEMORY_BYTES
        if over_time or over_memory:
            os.kill(process, signal.SIGKILL)
        time.sleep(_POLL_S)
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    printed = text.read_text(encoding="utf-8", errors="replace")
    text.unlink()
    return Ended(os.waitstatus_to_exitcode(status), printed, peak, over_time, over_memory)


def _become_the_run(described: Format, random: Random, folder: Path, text: Path) -> None:
    code = 1
    try:
        written = os.open(text, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_APPEND)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for stream, target in ((0, nothing), (1, written), (2, written)):
            os.dup2(target, stream)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", closefd=False, encoding="utf-8")  # noqa: SIM115
        sys.stderr = open(2, "w", closefd=False, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
        os.chdir(folder)
        os.environ.update(
            {"FOMM_MODELS": str(folder / "models"), "XDG_CACHE_HOME": str(folder / "cache"), "HOME": str(folder)}
        )
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 5))
        resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        code = described.run(random)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _resident_bytes(process: int) -> int:
    try:
        pages = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * resource.getpagesize()


if __name__ == "__main__":
    main()
