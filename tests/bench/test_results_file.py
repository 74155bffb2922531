"""Results files: what is written is read again, and what is none is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fomm_bench.results import Results
from fomm_bench.results_file import document_of, read_results, write_results
from fomm_rt.errors import BenchmarkError, OutputError


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


def test_without_agreement_no_timing_is_in_the_file(results: Results) -> None:
    wrong = document_of(results)["contestants"][2]
    assert wrong["state"] == "disagrees"
    assert wrong["agreement"]["levels"] == 90
    for timing in ("latency_ms", "speedup", "open_ms", "first_frame_ms"):
        assert wrong[timing] is None
    assert wrong["rounds_ms"] == wrong["stages_ms"] == []
    assert wrong["batches_ms"] == {}


def test_utilisation(results: Results) -> None:
    own = results.contestants[1]
    assert results.utilisation(own) == pytest.approx(1e9 / 4.5e-3 / 1000e9)
    results.ceiling = None
    assert results.utilisation(own) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[1]", "its format is None"),
        ('{"benchmark": "latency"}', "its format is None"),
        ('{"format": "fomm-rt quality"}', "its format is 'fomm-rt quality'"),
        ('{"format": "fomm-rt benchmark", "format_version": 2}', "has results format 2; this fomm-rt reads 1"),
        ('{"format": "fomm-rt benchmark", "format_version": 1}', "a field is missing or wrong"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BenchmarkError, match=message) as caught:
        read_results(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("contestants", [{}]),
        ("contestants", {"pytorch": 1}),
        ("ceiling", 7),
        ("more", 1),
    ],
)
def test_wrong_fields_are_refused(tmp_path: Path, results: Results, field: str, value: Any) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps({**document_of(results), field: value}), encoding="utf-8")
    with pytest.raises(BenchmarkError, match="missing or wrong"):
        read_results(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"nothing.json: cannot be read"):
        read_results(tmp_path / "nothing.json")


def test_a_file_in_the_way(tmp_path: Path, results: Results) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError):
        write_results(tmp_path / "file" / "results.json", results)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"
