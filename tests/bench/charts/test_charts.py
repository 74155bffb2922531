"""Charts: valid SVG and PNG that name the contestants, and labels that do not overlap."""

from __future__ import annotations

import itertools
from pathlib import Path
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from fakes.bench_results import fake_run
from fomm_bench.charts.chart_files import charts_in, remove_stale_charts
from fomm_bench.charts.draw_charts import draw_charts, scaling_runs
from fomm_bench.charts.line_charts import spaced
from fomm_bench.charts.style import colour_of
from fomm_bench.results.run_result import RunResult
from fomm_rt.errors import OutputError
from fomm_rt.media.read.picture import read_picture

SVG_TEXT = "{http://www.w3.org/2000/svg}text"


def texts(path: Path) -> list[str]:
    return ["".join(element.itertext()) for element in ElementTree.parse(path).iter(SVG_TEXT)]


def test_every_chart_is_svg_and_png(tmp_path: Path, results: RunResult) -> None:
    paths = draw_charts([results], tmp_path / "new")
    names = {f"{name}.{ending}" for name in ("latency", "ratio", "stages", "throughput") for ending in ("svg", "png")}
    assert {path.name for path in paths} == {path.name for path in (tmp_path / "new").iterdir()} == names
    for path in paths:
        if path.suffix == ".png":
            assert read_picture(path).shape[1] > 1000
            continue
        found = " ".join(texts(path))
        assert "pytorch" in found
        assert "fomm-rt:onnxruntime-cpu" in found
        assert "Some CPU, 2 cores" in found
        assert "openvino" not in found  # it did not agree
    assert "2.38" in texts(tmp_path / "new" / "ratio.svg")
    assert "detector" in texts(tmp_path / "new" / "stages.svg")


BUSY = "The machine was busy: other processes kept 1.00 (1.00–1.00) of 2 cores busy."


def test_charts_say_that_the_machine_was_busy(tmp_path: Path, results: RunResult) -> None:
    draw_charts([results], tmp_path)
    assert not any("busy" in text for path in tmp_path.glob("*.svg") for text in texts(path))
    results.busy_cores = [1.0, 1.0]
    draw_charts([results], tmp_path)
    for name in ("latency", "ratio", "stages"):
        assert BUSY in texts(tmp_path / f"{name}.svg")
    assert BUSY not in texts(tmp_path / "throughput.svg")
    results.batch_busy_cores = [1.0]
    draw_charts([results, fake_run(model=replace(results.model, size=128))], tmp_path)
    assert BUSY in texts(tmp_path / "throughput-1.svg")
    assert BUSY not in texts(tmp_path / "throughput-2.svg")
    scaling = "The machine was busy: cores that other processes kept busy: 1.00 of 2 at 64."
    assert scaling in texts(tmp_path / "scaling.svg")
    assert scaling in texts(tmp_path / "scaling-ratio.svg")


def test_charts_of_earlier_results_are_removed(tmp_path: Path, results: RunResult) -> None:
    (tmp_path / "photo.png").write_text("mine")
    (tmp_path / "stages-old.svg").write_text("mine")
    draw_charts([results, fake_run()], tmp_path)
    drawn = draw_charts([results], tmp_path)
    removed = remove_stale_charts(tmp_path, drawn)
    assert {path.name for path in removed} >= {"latency-1.svg", "latency-2.png", "stages-1.svg"}
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {path.name for path in drawn} | {"photo.png", "stages-old.svg"}
    assert charts_in(tmp_path) == sorted(drawn)
    assert charts_in(tmp_path / "absent") == []


def test_the_same_results_give_the_same_svg(tmp_path: Path, results: RunResult) -> None:
    draw_charts([results], tmp_path / "a")
    draw_charts([results], tmp_path / "b")
    for path in (tmp_path / "a").glob("*.svg"):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_several_runs_get_scaling_charts(tmp_path: Path, results: RunResult) -> None:
    larger = fake_run(model=replace(results.model, size=128))
    names = {path.name for path in draw_charts([larger, results], tmp_path)}
    assert {"latency-1.svg", "latency-2.svg", "scaling.svg", "scaling-ratio.svg", "scaling-ratio.png"} <= names
    for name in ("scaling", "scaling-ratio"):
        found = texts(tmp_path / f"{name}.svg")
        assert {"64×64", "128×128"} <= set(found)
    assert "fomm-rt:onnxruntime-cpu  2.38" in found
    assert "pytorch  1.00" in found


def test_a_contestant_of_one_size_gets_one_point(tmp_path: Path, results: RunResult) -> None:
    larger = fake_run(model=replace(results.model, size=128))
    larger.contestants = larger.contestants[:1]
    results.contestants[1].name = "fomm-rt:later"  # has no colour of its own
    draw_charts([results, larger], tmp_path)
    assert "fomm-rt:later  2.38" in texts(tmp_path / "scaling-ratio.svg")


def test_without_a_reference_there_is_no_ratio(tmp_path: Path, results: RunResult) -> None:
    results.references = {}
    larger = fake_run(model=replace(results.model, size=128), references={})
    names = {path.name for path in draw_charts([results, larger], tmp_path)}
    assert "scaling.svg" in names
    assert "scaling-ratio.svg" not in names


def test_each_reference_is_one_and_grey(tmp_path: Path, results: RunResult) -> None:
    results.contestants[3] = gpu = fake_run().contestants[0]
    gpu.name, gpu.on_gpu, gpu.description = "pytorch-cuda", True, "another"
    results.references["cuda"] = "pytorch-cuda"
    draw_charts([results], tmp_path)
    found = texts(tmp_path / "ratio.svg")
    assert "Times as fast as the reference of the same device" in found
    assert found.count("1") >= 2
    assert colour_of(gpu, results) == colour_of(results.contestants[0], results)


def test_names_with_dollars_are_not_formulas(tmp_path: Path, results: RunResult) -> None:
    results.contestants[1].name = r"a $\frac$ b"
    draw_charts([results], tmp_path)
    assert r"a $\frac$ b" in texts(tmp_path / "latency.svg")


def test_scaling_uses_one_machine(results: RunResult) -> None:
    elsewhere = fake_run(
        model=replace(results.model, size=128), environment=replace(results.environment, cpu="Another CPU")
    )
    assert scaling_runs([results, elsewhere]) == [results]


def test_a_run_without_figures_has_no_charts(tmp_path: Path, results: RunResult) -> None:
    results.contestants = results.contestants[2:]
    assert draw_charts([results], tmp_path) == []


def test_a_wide_range_gets_a_logarithmic_axis(tmp_path: Path, results: RunResult) -> None:
    results.contestants[0].rounds_ms = [[1000.0], [4000.0]]
    draw_charts([results], tmp_path)
    assert "5000" not in texts(tmp_path / "latency.svg")
    assert "1000" in texts(tmp_path / "latency.svg")


def test_rejects_a_folder_that_cannot_be_written(tmp_path: Path, results: RunResult) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError):
        draw_charts([results], tmp_path / "file")


def test_a_contestant_has_one_colour(results: RunResult) -> None:
    colours = [colour_of(contestant, results) for contestant in results.contestants]
    assert colours == [colour_of(contestant, fake_run()) for contestant in results.contestants]
    assert len(set(colours)) == len(colours)


@pytest.mark.parametrize("places", [[0.5, 0.5, 0.5], [0.99, 1.0, 0.98], [0.1, 0.9], [0.3], []])
def test_labels_keep_distance_and_order(places: list[float]) -> None:
    moved = spaced(places, 0.07)
    for (a, b), (at_a, at_b) in zip(itertools.combinations(places, 2), itertools.combinations(moved, 2), strict=True):
        assert abs(at_a - at_b) >= 0.07 - 1e-9
        assert (a < b) <= (at_a < at_b)
    assert all(place <= 1.0 + 1e-9 for place in moved)
