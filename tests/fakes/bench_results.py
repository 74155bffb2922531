"""A fake run of the benchmark, with known figures."""

from __future__ import annotations

from fomm_bench.results.agreement import EXACT, Agreement
from fomm_bench.results.contestant_result import ContestantResult
from fomm_bench.results.environment import Environment
from fomm_bench.results.run_result import Ceiling, DeviceCeiling, FramesPerRound, MeasuredModel, RunResult, Settings


def fake_run(**fields: object) -> RunResult:
    """A run: "pytorch" at 10 ms, "fomm-rt:onnxruntime-cpu" at 5 and 4 ms, one that disagrees, one skipped."""
    exact = Agreement(6, 0, None, EXACT, True)
    near = Agreement(6, 1, 71.25, EXACT, True)
    far = Agreement(6, 90, 12.0, EXACT, False)
    reference = ContestantResult("pytorch", "reference", "fp32", False, agreement=exact, host_bytes=400_000_000)
    reference.rounds_ms, reference.open_ms, reference.first_frame_ms = [[10.0, 10.0], [10.0, 12.0]], 2000.0, 3000.0
    reference.stages_ms = [{"detector": 4.0, "encoder": 2.0, "generator": 4.0}] * 4
    reference.batches_ms = {1: [[10.0, 10.0], [10.0, 12.5]], 2: [[16.0, 16.0], [20.0]]}
    own = ContestantResult("fomm-rt:onnxruntime-cpu", "fomm-rt", "fp32", False, agreement=near, host_bytes=200_000_000)
    own.rounds_ms, own.open_ms, own.first_frame_ms = [[5.0, 5.0], [4.0, 4.0]], 100.0, 600.0
    own.stages_ms = [{"upload": 0.5, "detector": 2.0, "generator": 2.0}] * 4
    wrong = ContestantResult("openvino", "rival", "fp32", False, agreement=far)
    wrong.give_up("disagrees", "does not agree (90 levels, 12.0 dB): no speed is reported")
    absent = ContestantResult("pytorch-cuda", "rival", "fp32", True)
    absent.give_up("skipped", "this machine has no NVIDIA driver")
    run = RunResult(
        command=["fomm-rt", "bench"],
        date="2026-01-02T03:04:05+00:00",
        environment=Environment(
            cpu="Some CPU",
            cores=2,
            cores_of_machine=2,
            memory_gb=8,
            gpus=[],
            system="Linux x86_64",
            python="3.11.7",
            threads=2,
        ),
        model=MeasuredModel("tiny", "stand-in", "tiny, seed 3", 64, mac_per_frame=10**9, weight_bytes=10**7),
        media="a.png by b.mp4",
        settings=Settings(2, FramesPerRound(cpu=2, gpu=2), [1, 2], 6),
        references={"cpu": "pytorch"},
        contestants=[reference, own, wrong, absent],
        busy_cores=[0.0, 0.05],
        ceiling=Ceiling("NumPy 2", cpu=DeviceCeiling({"fp32": 1000.0, "int8": 3000.0}, 10.0)),
    )
    for name, value in fields.items():
        setattr(run, name, value)
    return run
