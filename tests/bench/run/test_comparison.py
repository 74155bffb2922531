"""The comparison with fake contestants: order, agreement, and failures of one contestant only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise, permutations

import numpy as np
import pytest

from fomm_bench.contestants.protocol import Entry, UnavailableError
from fomm_bench.contestants.registry import choose, entries, first_references, reference_candidates
from fomm_bench.machine.load import OtherLoad
from fomm_bench.model.model_spec import ModelSpec
from fomm_bench.results.agreement import EXACT, INT8
from fomm_bench.results.contestant_result import DeviceType
from fomm_bench.run.batches import BATCH_CALLS
from fomm_bench.run.comparison import Comparison
from fomm_bench.run.messages import Animated, Memory, Opened
from fomm_bench.run.plan import Pictures, Plan, turn_order
from fomm_bench.run.session import Session
from fomm_rt.errors import BenchmarkError
from fomm_rt.image import Image

SPEC = ModelSpec("folder", None, 1)
PLAN = Plan(3, 2, 5, (1, 2))


def entry(name: str, on_gpu: bool = False) -> Entry:
    def never(_model: ModelSpec) -> None:
        raise AssertionError("a session is opened instead")

    required = INT8 if "rough" in name else EXACT
    return Entry(name, name, "fp32", on_gpu, required, (), lambda _model: None, never)  # type: ignore[arg-type]


class FakeSession(Session):
    """A contestant that adds an error to every prediction and may fail at a call."""

    def __init__(
        self,
        name: str,
        log: list[str],
        error: int = 0,
        fails_at: str = "",
        batch_error: int | None = None,
        call_ms: float = 2.0,
    ):
        self.name, self.log, self.error, self.fails_at = name, log, error, fails_at
        self.batch_error = error if batch_error is None else batch_error
        self.call_ms = call_ms
        self.closed = False

    def _call(self, call: str) -> None:
        assert not self.closed
        self.log.append(f"{self.name}.{call}")
        if call == self.fails_at:
            raise BenchmarkError(f"{self.name} died")
        if self.fails_at == f"{call} unavailable":
            raise UnavailableError("no such library")

    def open(self, model: ModelSpec, source: Image) -> Opened:
        assert (model, source.shape) == (SPEC, (64, 64, 3))
        self._call("open")
        return Opened("a device", True, "3.11", {"numpy": "2"}, 5.0, 7.0 if self.name == "gpu-built" else None)

    def first_frame(self, frame: Image) -> float:  # noqa: ARG002
        self._call("first_frame")
        return 9.0

    def animate(self, frames: Image, pictures: bool) -> Animated:
        self._call("check" if pictures else f"turn of {len(frames)}")
        shown = np.clip(frames.astype(int) + self.error, 0, 255).astype(np.uint8) if pictures else None
        return Animated(shown, [1.0] * len(frames), [{"detector": 0.5}] * len(frames))

    def animate_batch(self, frames: Image) -> Animated:
        self._call(f"batch of {len(frames)}")
        return Animated(np.clip(frames.astype(int) + self.batch_error, 0, 255).astype(np.uint8), [self.call_ms], [])

    def memory(self) -> Memory:
        self._call("memory")
        return Memory(100, None)

    def close(self) -> None:
        self.closed = True


class FakeLoad(OtherLoad):
    """Others keep two cores busy in the first round, one in the second, half a core in the first of batches."""

    def __init__(self) -> None:
        self.found = [2.0, 1.0, None, 0.5]

    def start(self) -> None:
        pass

    def stop(self) -> float | None:
        return self.found.pop(0) if self.found else None


class Run:
    """A comparison of fakes: "ref…" may be the reference, "gpu-ref…" that of a GPU; by default all take part."""

    def __init__(
        self,
        pictures: Pictures,
        make: dict[str, Callable[[list[str]], FakeSession]],
        plan: Plan = PLAN,
        chosen: Sequence[str] = (),
    ) -> None:
        self.log: list[str] = []
        self.fakes: dict[str, FakeSession] = {}
        known = {name: entry(name, on_gpu=name.startswith("gpu")) for name in make}

        def open_session(e: Entry) -> FakeSession:
            self.fakes[e.name] = make[e.name](self.log)
            return self.fakes[e.name]

        def why_unavailable(e: Entry) -> str | None:
            return "not here" if e.name == "absent" else None

        taking_part = [known[name] for name in chosen or known]
        self.comparison = Comparison(
            entries=taking_part,
            model=SPEC,
            pictures=pictures,
            plan=plan,
            open_session=open_session,
            why_unavailable=why_unavailable,
            other_load=FakeLoad(),
        )
        of_cpu = [e for name, e in known.items() if name.startswith("ref")]
        of_gpu = [e for name, e in known.items() if name.startswith("gpu-ref")]
        devices = {e.device_type for e in taking_part}
        self.candidates: dict[DeviceType, list[Entry]] = {"cpu": of_cpu} if "cpu" in devices else {}
        self.candidates |= {"cuda": [*of_gpu, *of_cpu]} if "cuda" in devices else {}
        self.run()

    def run(self) -> None:
        self.comparison.run(self.candidates)

    def state(self, name: str) -> tuple[str, str | None]:
        result = self.comparison.results[name]
        return result.state, result.reason

    def turns(self) -> list[str]:
        return [line.split(".")[0] for line in self.log if line.endswith("turn of 2")]


def ok(name: str, **options: object) -> dict[str, Callable[[list[str]], FakeSession]]:
    return {name: lambda log: FakeSession(name, log, **options)}  # type: ignore[arg-type]


def test_contestants_take_turns(pictures: Pictures) -> None:
    run = Run(pictures, {**ok("ref"), **ok("a"), **ok("b")})
    warm_up, rounds = run.turns()[:3], run.turns()[3:]
    assert warm_up == ["ref", "a", "b"]
    names = ["ref", "a", "b"]
    assert rounds == [name for number in range(3) for name in turn_order(names, number)]
    for name in ("ref", "a", "b"):
        result = run.comparison.results[name]
        assert (result.state, [len(frames) for frames in result.rounds_ms]) == ("measured", [2, 2, 2])
        assert len(result.stages_ms) == 6
        calls = [[2.0] * BATCH_CALLS] * 3
        assert result.batches_ms == {1: calls, 2: calls}
        assert (result.open_ms, result.first_frame_ms, result.host_bytes) == (5.0, 9.0, 100)
        assert run.fakes[name].closed
    assert run.comparison.references == {"cpu": "ref"}
    assert run.comparison.busy_cores == [2.0, 1.0]
    assert run.comparison.batch_busy_cores == [0.5]


def test_opens_every_contestant_before_the_rounds(pictures: Pictures) -> None:
    run = Run(pictures, {**ok("ref"), **ok("a")})
    assert run.log[:8] == [
        f"{name}.{call}" for name in ("ref", "a") for call in ("open", "first_frame", "check", "turn of 2")
    ]


def test_turns_on_a_gpu_have_their_own_length(pictures: Pictures) -> None:
    run = Run(pictures, {**ok("ref"), **ok("gpu-rival")})
    assert [len(frames) for frames in run.comparison.results["gpu-rival"].rounds_ms] == [5, 5, 5]


def test_each_device_has_a_reference_of_its_own(pictures: Pictures) -> None:
    """The GPU's reference is one level off; contestants are compared with the reference of their device."""
    made = {**ok("gpu-rough", error=2), **ok("ref"), **ok("gpu-ref-rough", error=1), **ok("rough", error=1)}
    run = Run(pictures, made)
    assert run.comparison.references == {"cpu": "ref", "cuda": "gpu-ref-rough"}
    levels = {name: found.agreement.levels for name, found in run.comparison.results.items() if found.agreement}
    assert levels == {"ref": 0, "gpu-ref-rough": 1, "gpu-rough": 1, "rough": 1}
    assert {name for name, found in run.comparison.results.items() if found.state == "measured"} == set(made)
    assert all(found.batches_ms for found in run.comparison.results.values())


@pytest.mark.parametrize("wrong", [{"error": 9}, {"fails_at": "open unavailable"}])
def test_without_a_gpu_reference_the_cpu_reference_serves(pictures: Pictures, wrong: dict[str, object]) -> None:
    """A candidate is no reference if it cannot run, or if it disagrees with the reference of the other device."""
    run = Run(pictures, {**ok("ref"), **ok("gpu-ref", **wrong), **ok("gpu-rough", error=1)})
    assert run.comparison.references == {"cpu": "ref", "cuda": "ref"}
    assert run.state("gpu-rough") == ("measured", None)
    assert run.state("gpu-ref")[0] in ("disagrees", "skipped")


def test_a_cpu_reference_of_a_gpu_takes_batches(pictures: Pictures) -> None:
    run = Run(pictures, {**ok("ref"), **ok("gpu-rough", error=1)}, chosen=["gpu-rough"])
    assert run.comparison.references == {"cuda": "ref"}
    assert set(run.comparison.results["ref"].batches_ms) == {1, 2}


def test_a_gpu_alone_needs_no_cpu_reference(pictures: Pictures) -> None:
    run = Run(pictures, {**ok("gpu-ref"), **ok("gpu-built")})
    assert run.comparison.references == {"cuda": "gpu-ref"}
    assert run.comparison.results["gpu-built"].build_s == 7.0
    assert run.comparison.results["gpu-ref"].build_s is None


def test_slow_batches_get_fewer_calls(pictures: Pictures) -> None:
    run = Run(pictures, {**ok("ref"), **ok("slow", call_ms=510.0), **ok("slower", call_ms=5000.0)})
    calls = {name: [len(c) for c in result.batches_ms[2]] for name, result in run.comparison.results.items()}
    assert calls == {"ref": [2] * 3, "slow": [1] * 3, "slower": [1] * 3}


def test_without_agreement_there_is_no_speed(pictures: Pictures) -> None:
    run = Run(pictures, {**ok("ref"), **ok("wrong", error=9), **ok("a")})
    state, reason = run.state("wrong")
    assert state == "disagrees"
    assert reason is not None
    assert reason.startswith("does not agree (9 levels, 29.")
    assert reason.endswith("at most 1 level and PSNR of at least 50 dB required): no speed is reported")
    result = run.comparison.results["wrong"]
    assert result.latency is None
    assert result.rounds_ms == []
    assert result.open_ms is None
    assert result.agreement is not None
    assert result.agreement.levels == 9
    assert run.fakes["wrong"].closed
    assert run.state("a") == ("measured", None)


def test_requirements_differ_by_contestant(pictures: Pictures) -> None:
    run = Run(pictures, {**ok("ref"), **ok("rough", error=3)})
    assert run.state("rough") == ("measured", None)


@pytest.mark.parametrize("call", ["open", "first_frame", "check", "turn of 1", "turn of 2"])
def test_a_failure_stops_no_other(pictures: Pictures, call: str) -> None:
    run = Run(pictures, {**ok("ref"), **ok("frail", fails_at=call), **ok("a")})
    state, reason = run.state("frail")
    assert state == "failed"
    assert reason is not None
    assert reason.endswith("frail died")
    assert run.comparison.results["frail"].rounds_ms == []
    assert run.fakes["frail"].closed
    assert run.state("a") == ("measured", None)
    assert len(run.comparison.results["a"].rounds_ms) == 3


@pytest.mark.parametrize("call", ["batch of 2", "memory"])
def test_a_failure_after_the_rounds_keeps_the_latency(pictures: Pictures, call: str) -> None:
    run = Run(pictures, {**ok("ref", fails_at=call), **ok("a")})
    result = run.comparison.results["ref"]
    assert result.state == "measured"
    assert [len(frames) for frames in result.rounds_ms] == [2, 2, 2]
    if call == "memory":
        assert result.host_bytes is None
    else:
        assert result.batches_ms == {}
        assert result.batch_problem == "batches of 2: ref died"


def test_skips_unavailable_contestants(pictures: Pictures) -> None:
    run = Run(pictures, {**ok("ref"), **ok("absent"), **ok("a", fails_at="open unavailable")})
    assert run.state("absent") == ("skipped", "not here")
    assert "absent" not in run.fakes
    assert run.state("a") == ("skipped", "no such library")


def test_without_agreement_there_is_no_throughput(pictures: Pictures) -> None:
    run = Run(pictures, {**ok("ref"), **ok("a", batch_error=9)})
    result = run.comparison.results["a"]
    assert (result.state, result.batches_ms) == ("measured", {})
    assert result.batch_problem is not None
    assert result.batch_problem.startswith("batches of 1 do not agree")
    assert run.log.count("a.batch of 1") == 1


def test_the_next_candidate_becomes_the_reference(pictures: Pictures) -> None:
    run = Run(pictures, {**ok("ref", fails_at="open"), **ok("ref-2"), **ok("a")})
    assert run.comparison.references == {"cpu": "ref-2"}
    assert run.state("ref")[0] == "failed"


def test_ends_without_a_reference(pictures: Pictures) -> None:
    with pytest.raises(BenchmarkError, match="no reference to compare with: ref: ref died"):
        Run(pictures, {**ok("ref", fails_at="check"), **ok("a")})


def test_an_interrupt_closes_all_sessions(pictures: Pictures) -> None:
    started: list[FakeSession] = []

    class Interrupted(FakeSession):
        def animate(self, frames: Image, pictures: bool) -> Animated:  # noqa: ARG002
            raise KeyboardInterrupt

    def make(kind: type[FakeSession], name: str) -> dict[str, Callable[[list[str]], FakeSession]]:
        def start(log: list[str]) -> FakeSession:
            started.append(kind(name, log))
            return started[-1]

        return {name: start}

    with pytest.raises(KeyboardInterrupt):
        Run(pictures, {**make(FakeSession, "ref"), **make(Interrupted, "a")})
    assert [fake.closed for fake in started] == [True, True]


def test_turn_order_is_random_but_reproducible() -> None:
    names = ["a", "b", "c", "d"]
    orders = [turn_order(names, number) for number in range(60)]
    assert orders == [turn_order(names, number) for number in range(60)]
    assert all(sorted(order) == names for order in orders)
    assert {order[0] for order in orders} == set(names)
    # Each follows each of the others at some time.
    pairs = {pair for order in orders for pair in pairwise(order)}
    assert pairs == set(permutations(names, 2))
    assert turn_order([], 1) == []


def test_frames_wrap_around(pictures: Pictures) -> None:
    assert len(pictures.checked) == 6
    np.testing.assert_array_equal(pictures.checked[0], pictures.frames[0])
    np.testing.assert_array_equal(pictures.checked[-1], pictures.frames[-1])
    np.testing.assert_array_equal(pictures.turn(1, 5), pictures.frames[[5, 6, 7, 0, 1]])


def test_candidates_by_device() -> None:
    known = entries()
    on_cpu = [e for e in known if not e.on_gpu]
    of_cpu = ["pytorch", "onnxruntime", "fomm-rt:onnxruntime-cpu"]

    def names(chosen: list[Entry]) -> dict[DeviceType, list[str]]:
        return {device: [e.name for e in found] for device, found in reference_candidates(chosen).items()}

    assert names(on_cpu) == {"cpu": of_cpu}
    assert names(list(known)) == {"cpu": of_cpu, "cuda": ["pytorch-cuda", "onnxruntime-cuda", *of_cpu]}
    assert list(names(choose(["onnxruntime-cuda"]))) == ["cuda"]
    assert first_references(list(known)) == ["pytorch", "pytorch-cuda"]
