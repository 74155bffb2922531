"""Results files: round trips, and errors that name the file, the place and the expectation."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from fakes.bench_results import fake_run
from fomm_bench.results.merged_runs import MergedRuns
from fomm_bench.results.results_file import document_of, read_results, write_document, write_results
from fomm_bench.results.run_result import RunResult
from fomm_bench.results.table import render
from fomm_rt.errors import BenchmarkError, OutputError

COMMITTED = sorted((Path(__file__).parents[3] / "benchmarks" / "results").glob("bench-*/results.json"))
WRONG: tuple[Any, ...] = (
    None,
    True,
    "x",
    "\ud800",
    "a\x1bb",
    -1,
    0,
    1.5,
    10**400,
    float("inf"),
    [],
    [None],
    {},
    {"x": "x"},
)
Place = tuple[str | int, ...]


def test_round_trip(tmp_path: Path, results: RunResult) -> None:
    path = tmp_path / "new" / "results.json"
    write_results(path, results)
    assert read_results(path) == results
    assert [file.name for file in path.parent.iterdir()] == ["results.json"]


def test_the_file_has_derived_figures(results: RunResult) -> None:
    document = document_of(results)
    own = document["contestants"][1]
    assert own["speedup"] == {"median": pytest.approx(2.375), "low": 2.0, "high": 2.75}
    assert own["latency_ms"]["p50"] == 4.5
    assert own["rounds_ms"] == [[5.0, 5.0], [4.0, 4.0]]


def test_a_reference_that_failed_later_leaves_other_times(tmp_path: Path, results: RunResult) -> None:
    results.contestants[0].give_up("failed", "pytorch gave no answer")
    write_results(tmp_path / "results.json", results)
    read = read_results(tmp_path / "results.json")
    assert read.contestants[1].latency == results.contestants[1].latency
    assert read.speedup(read.contestants[1]) is None
    assert "pytorch gave no answer" in render(read)


def test_without_agreement_the_file_has_no_times(results: RunResult) -> None:
    wrong = document_of(results)["contestants"][2]
    assert wrong["state"] == "disagrees"
    assert wrong["agreement"]["levels"] == 90
    for timing in ("latency_ms", "speedup", "open_ms", "first_frame_ms"):
        assert wrong[timing] is None
    assert wrong["rounds_ms"] == wrong["stages_ms"] == []
    assert wrong["batches_ms"] == {}


def test_utilisation_uses_the_ceiling_of_the_precision(results: RunResult) -> None:
    own = results.contestants[1]
    assert results.utilisation(own) == pytest.approx(1e9 / 4.5e-3 / 1000e9)
    own.precision = "int8"
    assert results.utilisation(own) == pytest.approx(1e9 / 4.5e-3 / 3000e9)
    own.precision = "fp16"
    assert results.utilisation(own) is None  # not measured
    results.ceiling = None
    assert results.utilisation(results.contestants[0]) is None
    assert results.balance("cpu") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "got invalid JSON"),
        ("[1]", "got format None"),
        ('{"benchmark": "latency"}', "got format None"),
        ('{"format": "fomm-rt quality"}', "got format 'fomm-rt quality'"),
        ('{"format": "fomm-rt benchmark", "format_version": 3}', "expected results format 1 or 2; got 3"),
        ('{"format": "fomm-rt benchmark", "format_version": true}', "got True"),
        ('{"format": "fomm-rt benchmark", "format_version": [2]}', r"got \[2\]"),
        ('{"format": "fomm-rt benchmark", "format_version": 2}', "missing or wrong .Object missing required field"),
        ('{"format": "fomm-rt benchmark", "date": NaN}', "got invalid JSON"),
        ('{"format": "fomm-rt benchmark", "date": -Infinity}', "got invalid JSON"),
        ("[" * 100_000, "got invalid JSON"),
    ],
)
def test_rejects_other_files_by_name(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BenchmarkError, match=message) as caught:
        read_results(path)
    assert str(caught.value).startswith(f"{path}: ")


MALFORMED: list[tuple[Place, Any, str]] = [
    (("contestants",), [{}], r"missing required field `name` - at `\$.contestants\[0\]`"),
    (("contestants",), {"pytorch": 1}, r"Expected `array`, got `object` - at `\$.contestants`"),
    (("contestants",), 7, r"Expected `array`, got `int` - at `\$.contestants`"),
    (("ceiling",), 7, r"Expected `object \| null`, got `int` - at `\$.ceiling`"),
    (("ceiling", "cpu", "copy_gb_per_s"), 0, r"Expected `float` >= 1e-06 - at `\$.ceiling.cpu.copy_gb_per_s`"),
    (("more",), 1, "unknown field `more`"),
    (("contestants", 0, "more"), 1, r"unknown field `more` - at `\$.contestants\[0\]`"),
    (("model", "size"), "64", r"Expected `int`, got `str` - at `\$.model.size`"),
    (("model", "label"), "", r"Expected `str` matching regex .* - at `\$.model.label`"),
    (("environment", "cores"), 0, r"Expected `int` >= 1 - at `\$.environment.cores`"),
    (("environment", "gpus"), "H200", r"Expected `array`, got `str` - at `\$.environment.gpus`"),
    (("settings", "batches"), [0], r"Expected `int` >= 1 - at `\$.settings.batches\[0\]`"),
    (("references",), {"tpu": "pytorch"}, r"Invalid enum value 'tpu' - at `key` in `\$.references`"),
    (("references", "cpu"), "onnxruntime", r"Expected a contestant, got 'onnxruntime' - at `\$.references`"),
    (("busy_cores",), [None], r"Expected `float`, got `null` - at `\$.busy_cores\[0\]`"),
    (("contestants", 0, "rounds_ms", 0, 1), "10", r"got `str` - at `\$.contestants\[0\].rounds_ms\[0\]\[1\]`"),
    (("contestants", 0, "rounds_ms", 0, 1), 0, "Expected `float` >= 1e-06"),
    (("contestants", 0, "rounds_ms", 0, 1), float("inf"), "got invalid JSON"),
    (("contestants", 0, "rounds_ms"), [[], []], r"Expected times if and only if .* - at `\$.contestants\[0\]`"),
    (("contestants", 2, "rounds_ms"), [[1.0]], r"Expected times if and only if .* - at `\$.contestants\[2\]`"),
    (("contestants", 0, "batches_ms", "1"), [], "Expected times of every round for batch 1"),
    (("contestants", 0, "batches_ms", "1"), [[]], "Expected times of every round for batch 1"),
    (("contestants", 0, "batches_ms", "x"), [[1.0]], r"Expected `int`, got `str` - at `key` in .*batches_ms`"),
    (("contestants", 0, "stages_ms", 0, "detector"), -1, r"Expected `float` >= 0.0 - at .*stages_ms\[0\]\[...\]`"),
    (("contestants", 1, "name"), "pytorch", "Expected every contestant once, got 'pytorch' again"),
    (("contestants", 1, "state"), "fast", r"Invalid enum value 'fast' - at `\$.contestants\[1\].state`"),
    (("contestants", 1, "agreement"), {"levels": 1}, r"missing required field `frames` - at .*agreement`"),
    (("contestants", 1, "description"), "two\nlines", r"Expected `str` matching regex .* - at .*description`"),
]


@pytest.mark.parametrize(("place", "value", "message"), MALFORMED)
def test_names_a_malformed_field(tmp_path: Path, results: RunResult, place: Place, value: Any, message: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(replaced(document_of(results), place, value)), encoding="utf-8")
    with pytest.raises(BenchmarkError, match=message) as caught:
        read_results(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("field", ["label", "weights", "identity", "size"])
def test_requires_what_merging_needs(tmp_path: Path, results: RunResult, field: str) -> None:
    document = document_of(results)
    del document["model"][field]
    write_document(tmp_path / "results.json", document)
    with pytest.raises(BenchmarkError, match=rf"missing required field `{field}` - at `\$.model`"):
        read_results(tmp_path / "results.json")


def test_any_value_of_any_field_is_rejected_or_shown(tmp_path: Path) -> None:
    """Replaces every field in turn: reading raises BenchmarkError, or the tables still render."""
    document, path = json.loads(json.dumps(document_of(fake_run()))), tmp_path / "results.json"
    rejected = 0
    for place in places(document):
        for value in WRONG:
            path.write_text(json.dumps(replaced(document, place, value)), encoding="utf-8")
            try:
                run = read_results(path)
            except BenchmarkError:
                rejected += 1
                continue
            assert render(run).encode(), place
            assert MergedRuns([path, path], [run, fake_run()], fake_run().environment).render().encode(), place
    assert rejected > 1000


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*place, key)
        yield from places(item, (*place, key))


def replaced(document: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    changed: Any = copy.deepcopy(document)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return changed  # type: ignore[no-any-return]


def test_reads_version_1(tmp_path: Path, results: RunResult) -> None:
    """Version 1 has one reference for all devices, and the calls of a batch in one list."""
    document = json.loads(json.dumps(document_of(results)))
    document |= {"format_version": 1, "reference": document.pop("references")["cpu"]}
    del document["busy_cores"], document["model"]["weight_bytes"]
    for contestant in document["contestants"]:
        del contestant["build_s"]
        contestant["batches_ms"] = {size: [*chain(*calls)] for size, calls in contestant["batches_ms"].items()}
    path = tmp_path / "results.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    read = read_results(path)
    assert read.references == {"cpu": "pytorch", "cuda": "pytorch"}
    assert read.contestants[0].batches_ms == {1: [[10.0, 10.0, 10.0, 12.5]], 2: [[16.0, 16.0, 20.0]]}
    assert read.speedup(read.contestants[1]) == results.speedup(results.contestants[1])
    assert read_results(rewritten(tmp_path / "new.json", read)) == read


def rewritten(path: Path, results: RunResult) -> Path:
    write_results(path, results)
    return path


def test_committed_results_can_be_shown() -> None:
    assert len(COMMITTED) == 3
    for path in COMMITTED:
        assert "fomm-rt:onnxruntime-cpu" in render(read_results(path))


def test_json_output_is_a_results_file(tmp_path: Path, results: RunResult) -> None:
    path = tmp_path / "printed.json"
    path.write_text(json.dumps({**document_of(results), "warnings": ["no pictures"]}), encoding="utf-8")
    assert read_results(path) == results


def test_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"nothing.json: cannot be read"):
        read_results(tmp_path / "nothing.json")


def test_keeps_a_file_that_is_in_the_way(tmp_path: Path, results: RunResult) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError):
        write_results(tmp_path / "file" / "results.json", results)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"
