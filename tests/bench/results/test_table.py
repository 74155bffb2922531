"""Tables: figures, reasons for missing ones, and several runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from fakes.bench_results import fake_run
from fomm_bench.results.contestant_result import ContestantResult
from fomm_bench.results.merged_runs import MergedRuns
from fomm_bench.results.results_file import write_results
from fomm_bench.results.run_result import RunResult
from fomm_bench.results.table import aligned, render
from fomm_rt.errors import BenchmarkError


def row(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(name + " "))


def test_latency(results: RunResult) -> None:
    text = render(results)
    assert row(text, "fomm-rt:onnxruntime-cpu").split() == [
        *("fomm-rt:onnxruntime-cpu", "4", "4.50", "5.00", "5.00", "5.00", "222.2", "2.38", "(2.00–2.75)"),
        *("1", "level,", "71.2", "dB"),
    ]
    assert row(text, "pytorch").split()[-2:] == ["1", "reference"]
    assert "tiny, 64×64 (a.png by b.mp4) on Some CPU, 2 cores" in text
    assert "fewer than 200 frames" in text


def test_start_ceiling_and_batches(results: RunResult) -> None:
    text = render(results)
    assert "                         load s  first frame s  host MB  of ceiling\n" in text
    assert "fomm-rt:onnxruntime-cpu    0.10           0.60      200         22%" in text
    assert "ceiling, cpu (NumPy 2): 1000.0 GMAC/s fp32, 3000.0 GMAC/s int8, copy 10.0 GB/s" in text
    assert "a frame is 1.00 GMAC of convolutions" in text
    assert "its weights, 10.0 MB, read once: 100 MAC a byte" in text
    assert "the ceilings in fp32 meet at 100 MAC a byte on cpu" in text
    assert row(text, "frames per second, batch").split() == ["frames", "per", "second,", "batch", "1", "2"]
    assert "pytorch                   94.4 (88.9–100.0)  112.5 (100.0–125.0)" in text


def test_a_column_appears_if_any_contestant_has_it(results: RunResult) -> None:
    results.contestants[1].build_s, results.contestants[0].device_bytes = 12.34, 3_000_000
    text = render(results)
    assert "                         load s  first frame s  build s  host MB  device MB  of ceiling\n" in text
    assert "fomm-rt:onnxruntime-cpu    0.10           0.60     12.3      200          –         22%" in text


def test_names_the_reference_of_each_device(results: RunResult) -> None:
    results.contestants[1].on_gpu = True
    results.references = {"cpu": "pytorch", "cuda": "fomm-rt:onnxruntime-cpu"}
    text = render(results)
    assert "reference: pytorch on cpu, fomm-rt:onnxruntime-cpu on cuda; 2 rounds" in text
    assert row(text, "fomm-rt:onnxruntime-cpu").split()[-2:] == ["1", "reference"]


def test_latencies_below_ten_milliseconds_have_two_digits(results: RunResult) -> None:
    results.contestants[1].rounds_ms = [[0.512, 0.512]]
    assert row(render(results), "fomm-rt:onnxruntime-cpu").split()[2:4] == ["0.51", "0.51"]


def test_lists_reasons_without_figures(results: RunResult) -> None:
    text = render(results)
    assert "openvino disagrees: does not agree (90 levels, 12.0 dB): no speed is reported" in text
    assert "cannot run here: pytorch-cuda (this machine has no NVIDIA driver)" in text.splitlines()
    assert sum(line.startswith("openvino") for line in text.splitlines()) == 1  # no row of figures


def test_all_that_cannot_run_are_one_line(results: RunResult) -> None:
    for name, reason in (("a-cuda", "this machine has no NVIDIA driver"), ("b", "b is not installed")):
        absent = ContestantResult(name, "rival", "fp32", name.endswith("cuda"))
        absent.give_up("skipped", reason)
        results.contestants.append(absent)
    lines = [line for line in render(results).splitlines() if "cannot run here" in line]
    assert lines == [
        "cannot run here: pytorch-cuda, a-cuda (this machine has no NVIDIA driver); b (b is not installed)"
    ]


def test_notes_that_the_machine_was_busy_during_batches(results: RunResult) -> None:
    results.batch_busy_cores = [1.0, 1.0]
    assert (
        "this machine was busy: other processes kept 1.00 (1.00–1.00) of 2 cores busy during the rounds of batches"
        in (render(results))
    )


@pytest.mark.parametrize(
    ("busy", "threads", "cores", "noted"),
    [
        ([0.0, 0.1], 2, 2, False),
        ([0.0, 0.6], 2, 2, True),
        ([10.0, 12.0], 2, 64, False),  # other cores are free
        ([63.0, 63.0], 2, 64, True),
        ([], 2, 2, False),
    ],
)
def test_notes_a_busy_machine(results: RunResult, busy: list[float], threads: int, cores: int, noted: bool) -> None:
    results.busy_cores = busy
    results.environment = replace(results.environment, threads=threads, cores_of_machine=cores)
    assert ("this machine was busy: other processes kept" in render(results)) is noted


def test_alignment() -> None:
    assert aligned([["a", "1"], ["bbb", "22"]]) == ["a     1", "bbb  22"]


def merged(tmp_path: Path, *runs: RunResult) -> MergedRuns:
    paths = [tmp_path / f"{number}.json" for number in range(len(runs))]
    for path, run in zip(paths, runs, strict=True):
        write_results(path, run)
    return MergedRuns.read(paths, fake_run().environment)


def test_runs_of_one_model_share_a_table_and_keep_their_ratios(tmp_path: Path) -> None:
    slow = fake_run()
    for contestant in slow.contestants:
        contestant.rounds_ms = [[10 * ms for ms in frames] for frames in contestant.rounds_ms]
    text = merged(tmp_path, fake_run(), slow).render()
    assert text.count("tiny, 64×64") == 1
    rows = [line for line in text.splitlines() if "fomm-rt:onnxruntime-cpu" in line]
    assert [line.split()[3] for line in rows] == ["4.50", "45.0"]
    assert all("2.38 (2.00–2.75)  pytorch" in line for line in rows)
    assert rows[0].startswith(str(tmp_path / "0.json"))


def test_other_sizes_and_machines_get_their_own_tables(tmp_path: Path) -> None:
    larger = fake_run(model=replace(fake_run().model, size=128))
    elsewhere = fake_run(environment=replace(fake_run().environment, cpu="Another CPU"))
    text = merged(tmp_path, fake_run(), larger, elsewhere).render()
    titles = [line for line in text.splitlines() if line.startswith("tiny")]
    assert titles == [
        "tiny, 64×64, on Some CPU, 2 cores",
        "tiny, 128×128, on Some CPU, 2 cores",
        "tiny, 64×64, on Another CPU, 2 cores (not this machine)",
    ]


def test_merged_document(tmp_path: Path) -> None:
    document = merged(tmp_path, fake_run()).as_json()
    assert document["runs"][0]["this_machine"] is True
    assert json.loads(json.dumps(document))["runs"][0]["contestants"][1]["speedup"]["high"] == 2.75


def test_folders_stand_for_their_results(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_results(tmp_path / name / "results.json", fake_run())
    (tmp_path / "empty").mkdir()
    one, two = tmp_path / "a" / "results.json", tmp_path / "b" / "results.json"
    here = fake_run().environment
    assert MergedRuns.read([tmp_path / "a"], here).files == [one]
    assert MergedRuns.read([tmp_path / "b", one], here).files == [two, one]
    assert MergedRuns.read([tmp_path], here).files == [one, two]
    with pytest.raises(BenchmarkError, match=r"empty: expected a folder with results\.json"):
        MergedRuns.read([tmp_path / "empty"], here)


def test_merged_runs_say_that_the_machine_was_busy(tmp_path: Path) -> None:
    text = merged(tmp_path, fake_run(busy_cores=[1.0]), fake_run()).render()
    (note,) = [line for line in text.splitlines() if "busy" in line]
    assert note == f"{tmp_path / '0.json'}: the machine was busy: other processes kept 1.00 (1.00–1.00) of 2 cores busy"


def test_one_foreign_file_rejects_all(tmp_path: Path) -> None:
    write_results(tmp_path / "good.json", fake_run())
    (tmp_path / "bad.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BenchmarkError, match=r"bad\.json"):
        MergedRuns.read([tmp_path / "good.json", tmp_path / "bad.json"], fake_run().environment)
