"""The process of a contestant, started by `worker_process.worker_command`.

It answers requests over its standard streams until Close or the end of its input.
"""

from __future__ import annotations

import os
import platform
import sys
import traceback
from multiprocessing.connection import Connection
from time import perf_counter

import numpy as np

from fomm_bench.contestants.protocol import Contestant, UnavailableError
from fomm_bench.contestants.registry import choose
from fomm_bench.machine.ceiling import measure_ceiling
from fomm_bench.machine.memory import device_bytes, peak_host_bytes
from fomm_bench.run import messages
from fomm_rt.errors import FommError
from fomm_rt.machine.packages import installed_versions


class Worker:
    """Answers requests for one contestant, given by name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._contestant: Contestant | None = None

    def answer(self, request: messages.Request) -> messages.Answer:
        """Handles a request; errors become answers."""
        try:
            return self._answer(request)
        except FommError as error:
            return messages.Failed(str(error), unavailable=isinstance(error, UnavailableError))
        except Exception as error:  # a rival may raise anything, and the comparison goes on without it
            traceback.print_exc()
            first_line = str(error).strip().partition("\n")[0]
            return messages.Failed(f"{type(error).__name__}: {first_line}")

    def close(self) -> None:
        """Closes the contestant."""
        if self._contestant is not None:
            self._contestant.close()

    def _answer(self, request: messages.Request) -> messages.Answer:
        match request:
            case messages.Open():
                return self._open(request)
            case messages.Animate():
                return self._animate(request)
            case messages.ReadMemory():
                return messages.Memory(peak_host_bytes(), device_bytes())
            case messages.MeasureCeiling():
                return messages.CeilingMeasured(measure_ceiling(request.threads))
            case messages.Close():
                raise AssertionError("Close has no answer")

    def _open(self, request: messages.Open) -> messages.Opened:
        start = perf_counter()
        (entry,) = choose([self._name])
        problem = entry.why_unavailable(request.model)
        if problem is not None:
            raise UnavailableError(problem)
        self._contestant = contestant = entry.open(request.model)
        open_s = perf_counter() - start - (contestant.build_s or 0.0)
        contestant.set_source(request.source)
        return messages.Opened(
            contestant.device,
            contestant.takes_batches,
            platform.python_version(),
            installed_versions(entry.packages),
            open_s * 1e3,
            contestant.build_s,
        )

    def _animate(self, request: messages.Animate) -> messages.Animated:
        contestant = self._contestant
        if contestant is None:
            raise UnavailableError("the contestant has not been opened")
        if request.at_once:
            if not contestant.takes_batches:
                raise UnavailableError(f"{self._name} takes one frame at a time")
            start = perf_counter()
            predictions = contestant.animate_batch(request.frames)
            return messages.Animated(predictions, [(perf_counter() - start) * 1e3], [])
        pictures, latencies, stages = [], [], []
        for frame in request.frames:
            start = perf_counter()
            picture = contestant.animate(frame)
            latencies.append((perf_counter() - start) * 1e3)
            stages.append(contestant.stage_ms)
            if request.pictures:
                pictures.append(picture)
        if not any(stages):
            stages = [contestant.time_stages(request.frames[-1])]
        stages = [stage_ms for stage_ms in stages if stage_ms]
        return messages.Animated(np.stack(pictures) if pictures else None, latencies, stages)


def main() -> None:
    """Serves requests until Close or the end of the benchmark."""
    # Libraries must not print between the messages, and what they start must not read them.
    with Connection(os.dup(0), writable=False) as requests, Connection(os.dup(1), readable=False) as answers:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        worker = Worker(sys.argv[1])
        try:
            while True:
                request = messages.decode_request(requests.recv_bytes(messages.MOST_BYTES))
                if isinstance(request, messages.Close):
                    return
                answers.send_bytes(messages.encode(worker.answer(request)))
        except (EOFError, BrokenPipeError):
            return  # the benchmark is gone
        finally:
            worker.close()


if __name__ == "__main__":
    main()
