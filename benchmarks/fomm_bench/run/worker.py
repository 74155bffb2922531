"""A contestant's process, see `worker_process.worker_command`: spoken to in messages over its standard streams.

Answers one message to each it gets, until "close" or the end of its input:

    request                                    answer
    {"ask": "open", "model": …}, source        {"device", "python", "versions", "open_ms", …}
    {"ask": "animate", "pictures": …}, frames  {"stage_ms": […]}, latency_ms, pictures where wanted
    {"ask": "animate_batch"}, frames           {}, latency_ms
    {"ask": "memory"}                          {"host_bytes", "device_bytes"}
    {"ask": "ceiling", "threads": …}           see `ceiling.measure_ceiling`
    {"ask": "close"}                           none

An answer with "error" says what went wrong; with "unavailable" that this contestant cannot run here.
"""

from __future__ import annotations

import os
import platform
import sys
import traceback
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from fomm_bench.contestants.protocol import (
    BatchContestant,
    BuildingContestant,
    Contestant,
    StagedContestant,
    UnavailableError,
)
from fomm_bench.contestants.registry import choose
from fomm_bench.machine.memory import device_bytes, peak_host_bytes
from fomm_bench.model.model_spec import ModelSpec
from fomm_bench.run import wire
from fomm_rt.errors import FommError
from fomm_rt.machine.packages import installed_versions

Answer = tuple[dict[str, Any], wire.Arrays]


class Worker:
    """Answers requests for one contestant.

    Args:
        name: Of the contestant.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._contestant: Contestant | None = None
        self._requests: dict[str, Callable[[wire.Message], Answer]] = {
            "open": self._open,
            "animate": self._animate,
            "animate_batch": self._animate_batch,
            "memory": lambda _message: ({"host_bytes": peak_host_bytes(), "device_bytes": device_bytes()}, {}),
            "ceiling": lambda message: (_ceiling(message.header["threads"]), {}),
        }

    def answer(self, message: wire.Message) -> Answer:
        """Does what is asked; what goes wrong is an answer, too."""
        try:
            return self._requests[message.header["ask"]](message)
        except UnavailableError as error:
            return {"unavailable": str(error)}, {}
        except FommError as error:
            return {"error": str(error)}, {}
        except Exception as error:  # a rival may fail in any way; the others are to go on
            traceback.print_exc()
            return {"error": f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"}, {}

    def close(self) -> None:
        """Closes the contestant."""
        if self._contestant is not None:
            self._contestant.close()

    def _open(self, message: wire.Message) -> Answer:
        start = perf_counter()
        model = ModelSpec.from_json(message.header["model"])
        (entry,) = choose([self._name])
        problem = entry.why_unavailable(model)
        if problem is not None:
            raise UnavailableError(problem)
        self._contestant = contestant = entry.open(model)
        open_s = perf_counter() - start
        build_s = contestant.build_s if isinstance(contestant, BuildingContestant) else None
        contestant.set_source(message.arrays["source"])
        return {
            "device": contestant.device,
            "batches": isinstance(contestant, BatchContestant),
            "python": platform.python_version(),
            "versions": installed_versions(entry.packages),
            "open_ms": (open_s - (build_s or 0.0)) * 1e3,
            "build_s": build_s,
        }, {}

    def _animate(self, message: wire.Message) -> Answer:
        contestant = self._opened()
        pictures, latencies, stages = [], [], []
        for frame in message.arrays["frames"]:
            start = perf_counter()
            picture = contestant.animate(frame)
            latencies.append((perf_counter() - start) * 1e3)
            if contestant.stage_ms:
                stages.append(contestant.stage_ms)
            if message.header["pictures"]:
                pictures.append(picture)
        if not stages and isinstance(contestant, StagedContestant):
            stages = [contestant.time_stages(message.arrays["frames"][-1])]
        arrays: wire.Arrays = {"latency_ms": np.array(latencies)}
        if pictures:
            arrays["pictures"] = np.stack(pictures)
        return {"stage_ms": stages}, arrays

    def _animate_batch(self, message: wire.Message) -> Answer:
        contestant = self._opened()
        if not isinstance(contestant, BatchContestant):
            raise UnavailableError(f"{self._name} takes one frame at a time")
        start = perf_counter()
        pictures = contestant.animate_batch(message.arrays["frames"])
        return {}, {"latency_ms": np.array([(perf_counter() - start) * 1e3]), "pictures": pictures}

    def _opened(self) -> Contestant:
        if self._contestant is None:
            raise UnavailableError("the contestant has not been opened")
        return self._contestant


def _ceiling(threads: int) -> dict[str, Any]:
    from fomm_bench.machine.ceiling import measure_ceiling

    return measure_ceiling(threads)


def main() -> None:
    """Serves until told to close or the benchmark is gone."""
    # Whatever a library prints must not get between the messages, and what it starts must not read them.
    with os.fdopen(os.dup(0), "rb") as requests, os.fdopen(os.dup(1), "wb") as answers:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)

        def write(text: bytes) -> None:
            answers.write(text)

        worker = Worker(sys.argv[1])
        try:
            while True:
                try:
                    message = wire.receive(requests.read)
                except wire.ClosedError:
                    return
                if message.header["ask"] == "close":
                    return
                header, arrays = worker.answer(message)
                wire.send(write, header, arrays)
                answers.flush()
        except BrokenPipeError:
            os._exit(1)  # the benchmark is gone; a flush at exit would complain once more
        finally:
            worker.close()


if __name__ == "__main__":
    main()
