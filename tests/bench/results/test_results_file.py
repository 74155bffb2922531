"""Results files: what is written is read again, and what is none is refused by name and place."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from fakes.bench_results import made_up
from fomm_bench.results.merged_runs import Merged
from fomm_bench.results.results_file import document_of, read_results, write_results
from fomm_bench.results.run_result import Results
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


def test_round_trip(tmp_path: Path, results: Results) -> None:
    path = tmp_path / "new" / "results.json"
    write_results(path, results)
    assert read_results(path) == results
    assert [file.name for file in path.parent.iterdir()] == ["results.json"]


def test_derived_figures_are_in_the_file(results: Results) -> None:
    document = document_of(results)
    own = document["contestants"][1]
    assert own["speedup"] == {"median": pytest.approx(2.375), "low": 2.0, "high": 2.75}
    assert own["latency_ms"]["p50"] == 4.5
    assert own["rounds_ms"] == [[5.0, 5.0], [4.0, 4.0]]


def test_a_reference_that_failed_later_takes_nobodys_times(tmp_path: Path, results: Results) -> None:
    results.contestants[0].give_up("failed", "pytorch gave no answer")
    write_results(tmp_path / "results.json", results)
    read = read_results(tmp_path / "results.json")
    assert read.contestants[1].latency == results.contestants[1].latency
    assert read.speedup(read.contestants[1]) is None
    assert "pytorch gave no answer" in render(read)


def test_without_agreement_no_timing_is_in_the_file(results: Results) -> None:
    wrong = document_of(results)["contestants"][2]
    assert wrong["state"] == "disagrees"
    assert wrong["agreement"]["levels"] == 90
    for timing in ("latency_ms", "speedup", "open_ms", "first_frame_ms"):
        assert wrong[timing] is None
    assert wrong["rounds_ms"] == wrong["stages_ms"] == []
    assert wrong["batches_ms"] == {}


def test_utilisation_is_of_the_ceiling_of_its_precision(results: Results) -> None:
    own = results.contestants[1]
    assert results.utilisation(own) == pytest.approx(1e9 / 4.5e-3 / 1000e9)
    own.precision = "int8"
    assert results.utilisation(own) == pytest.approx(1e9 / 4.5e-3 / 3000e9)
    own.precision = "fp16"
    assert results.utilisation(own) is None  # that was not measured
    results.ceiling = None
    assert results.utilisation(results.contestants[0]) is None
    assert results.balance("cpu") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[1]", "its format is None"),
        ('{"benchmark": "latency"}', "its format is None"),
        ('{"format": "fomm-rt quality"}', "its format is 'fomm-rt quality'"),
        ('{"format": "fomm-rt benchmark", "format_version": 3}', "has results format 3; this fomm-rt reads 1 and 2"),
        ('{"format": "fomm-rt benchmark", "format_version": true}', "has results format True"),
        ('{"format": "fomm-rt benchmark", "format_version": [2]}', "has results format"),
        ('{"format": "fomm-rt benchmark", "format_version": 2}', "missing or wrong .the document: expected a field"),
        ('{"format": "fomm-rt benchmark", "date": NaN}', "NaN is no number"),
        ('{"format": "fomm-rt benchmark", "date": -Infinity}', "-Infinity is no number"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BenchmarkError, match=message) as caught:
        read_results(path)
    assert str(caught.value).startswith(f"{path}: ")


MALFORMED: list[tuple[Place, Any, str]] = [
    (("contestants",), [{}], r"contestants\[0\]: expected a field 'name'"),
    (("contestants",), {"pytorch": 1}, "contestants: expected a list"),
    (("ceiling",), 7, "ceiling: expected an object"),
    (("ceiling", "cpu", "copy_gb_per_s"), 0, "ceiling.cpu.copy_gb_per_s: expected a number"),
    (("more",), 1, "expected no field of another name; got 'more'"),
    (("model", "size"), "64", "model.size: expected a whole number"),
    (("model", "label"), "", "model.label: expected a line"),
    (("environment", "cores"), 0, "environment.cores: expected a whole number"),
    (("environment", "gpus"), "H200", "environment.gpus: expected a list"),
    (("settings", "batches"), [0], r"settings.batches\[0\]: expected a whole number"),
    (("references",), {"tpu": "pytorch"}, "a name in references: expected one of cpu, cuda"),
    (("references", "cpu"), "onnxruntime", "references: expected contestants; got 'onnxruntime'"),
    (("busy_cores",), [None], r"busy_cores\[0\]"),
    (("contestants", 0, "rounds_ms", 0, 1), "10", r"contestants\[0\].rounds_ms\[0\]\[1\]: expected a number"),
    (("contestants", 0, "rounds_ms", 0, 1), 0, "expected a number from 1e-06"),
    (("contestants", 0, "rounds_ms", 0, 1), float("inf"), "Infinity is no number"),
    (("contestants", 0, "rounds_ms"), [[], []], "expected times of whoever was measured, and of nobody else"),
    (("contestants", 2, "rounds_ms"), [[1.0]], "expected times of whoever was measured, and of nobody else"),
    (("contestants", 0, "batches_ms", "1"), [], "batches_ms.1"),
    (("contestants", 0, "batches_ms", "1"), [[]], "batches_ms.1"),
    (("contestants", 0, "batches_ms", "x"), [[1.0]], "expected one of 1, 2"),
    (("contestants", 0, "stages_ms", 0, "detector"), -1, "expected a number from 0"),
    (("contestants", 1, "name"), "pytorch", "expected every contestant once; got 'pytorch'"),
    (("contestants", 1, "state"), "fast", "expected one of measured, disagrees, skipped, failed"),
    (("contestants", 1, "agreement"), {"levels": 1}, "agreement: expected a field 'frames'"),
    (("contestants", 1, "description"), "two\nlines", "expected a line of printable text"),
]


@pytest.mark.parametrize(("place", "value", "message"), MALFORMED)
def test_what_is_malformed_is_named(tmp_path: Path, results: Results, place: Place, value: Any, message: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(replaced(document_of(results), place, value)), encoding="utf-8")
    with pytest.raises(BenchmarkError, match=message) as caught:
        read_results(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("field", ["label", "weights", "identity", "size"])
def test_what_merging_needs_is_required(tmp_path: Path, results: Results, field: str) -> None:
    del results.model[field]
    write_results(tmp_path / "results.json", results)
    with pytest.raises(BenchmarkError, match=f"model: expected a field '{field}'"):
        read_results(tmp_path / "results.json")


def test_whatever_a_field_holds_it_is_refused_or_shown(tmp_path: Path) -> None:
    """Every field of a document in turn as something else: an error by name, or a table all the same."""
    document, path = json.loads(json.dumps(document_of(made_up()))), tmp_path / "results.json"
    refused = 0
    for place in places(document):
        for value in WRONG:
            path.write_text(json.dumps(replaced(document, place, value)), encoding="utf-8")
            try:
                run = read_results(path)
            except BenchmarkError:
                refused += 1
                continue
            assert render(run).encode(), place
            assert Merged([path, path], [run, made_up()], made_up().environment).render().encode(), place
    assert refused > 1000


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


def test_version_1_is_read(tmp_path: Path, results: Results) -> None:
    """One reference for all devices, and the calls of a batch in one list."""
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


def rewritten(path: Path, results: Results) -> Path:
    write_results(path, results)
    return path


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.parent.name)
def test_committed_results_can_be_shown(path: Path) -> None:
    assert len(COMMITTED) == 3
    assert "fomm-rt:onnxruntime-cpu" in render(read_results(path))


def test_what_json_prints_is_a_results_file(tmp_path: Path, results: Results) -> None:
    path = tmp_path / "printed.json"
    path.write_text(json.dumps({**document_of(results), "warnings": ["no pictures"]}), encoding="utf-8")
    assert read_results(path) == results


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"nothing.json: cannot be read"):
        read_results(tmp_path / "nothing.json")


def test_a_file_in_the_way(tmp_path: Path, results: Results) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError):
        write_results(tmp_path / "file" / "results.json", results)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"
