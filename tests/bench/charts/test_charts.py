"""The pictures: valid SVG and PNG that name the contestants, and labels that do not lie on one another."""

from __future__ import annotations

import itertools
from pathlib import Path
from xml.etree import ElementTree

import pytest

from fakes.bench_results import made_up
from fomm_bench.charts.draw_charts import draw_charts, scaling_runs
from fomm_bench.charts.line_charts import spaced
from fomm_bench.charts.style import colour_of
from fomm_bench.results.run_result import Results
from fomm_rt.errors import OutputError
from fomm_rt.media.read.picture import read_picture

SVG_TEXT = "{http://www.w3.org/2000/svg}text"


def texts(path: Path) -> list[str]:
    return ["".join(element.itertext()) for element in ElementTree.parse(path).iter(SVG_TEXT)]


def test_every_picture_as_svg_and_png(tmp_path: Path, results: Results) -> None:
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


def test_the_same_results_give_the_same_svg(tmp_path: Path, results: Results) -> None:
    draw_charts([results], tmp_path / "a")
    draw_charts([results], tmp_path / "b")
    for path in (tmp_path / "a").glob("*.svg"):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_several_runs_and_how_they_scale(tmp_path: Path, results: Results) -> None:
    larger = made_up(model={**results.model, "size": 128})
    names = {path.name for path in draw_charts([larger, results], tmp_path)}
    assert {"latency-1.svg", "latency-2.svg", "scaling.svg", "scaling-ratio.svg", "scaling-ratio.png"} <= names
    for name in ("scaling", "scaling-ratio"):
        found = texts(tmp_path / f"{name}.svg")
        assert {"64×64", "128×128"} <= set(found)
    assert "fomm-rt:onnxruntime-cpu  2.38" in found
    assert "pytorch  1.00" in found


def test_a_contestant_of_one_size_alone_is_drawn_there(tmp_path: Path, results: Results) -> None:
    larger = made_up(model={**results.model, "size": 128})
    larger.contestants = larger.contestants[:1]
    results.contestants[1].name = "fomm-rt:later"  # has no colour of its own
    draw_charts([results, larger], tmp_path)
    assert "fomm-rt:later  2.38" in texts(tmp_path / "scaling-ratio.svg")


def test_without_a_reference_nothing_is_a_ratio(tmp_path: Path, results: Results) -> None:
    results.references = {}
    larger = made_up(model={**results.model, "size": 128}, references={})
    names = {path.name for path in draw_charts([results, larger], tmp_path)}
    assert "scaling.svg" in names
    assert "scaling-ratio.svg" not in names


def test_two_references(tmp_path: Path, results: Results) -> None:
    """Each device's is 1, and grey."""
    results.contestants[3] = gpu = made_up().contestants[0]
    gpu.name, gpu.on_gpu, gpu.description = "pytorch-cuda", True, "another"
    results.references["cuda"] = "pytorch-cuda"
    draw_charts([results], tmp_path)
    found = texts(tmp_path / "ratio.svg")
    assert "Times as fast as the reference of the same device" in found
    assert found.count("1") >= 2
    assert colour_of(gpu, results) == colour_of(results.contestants[0], results)


def test_names_are_drawn_as_they_are(tmp_path: Path, results: Results) -> None:
    results.contestants[1].name = r"a $\frac$ b"
    draw_charts([results], tmp_path)
    assert r"a $\frac$ b" in texts(tmp_path / "latency.svg")


def test_only_runs_of_one_machine_are_scaled(results: Results) -> None:
    elsewhere = made_up(model={**results.model, "size": 128}, environment={**results.environment, "cpu": "Another CPU"})
    assert scaling_runs([results, elsewhere]) == [results]


def test_a_run_without_figures_has_no_pictures(tmp_path: Path, results: Results) -> None:
    results.contestants = results.contestants[2:]
    assert draw_charts([results], tmp_path) == []


def test_a_wide_range_is_drawn_too(tmp_path: Path, results: Results) -> None:
    results.contestants[0].rounds_ms = [[1000.0], [4000.0]]
    draw_charts([results], tmp_path)
    assert "5000" not in texts(tmp_path / "latency.svg")
    assert "1000" in texts(tmp_path / "latency.svg")


def test_a_folder_that_cannot_be_written(tmp_path: Path, results: Results) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError):
        draw_charts([results], tmp_path / "file")


def test_a_contestant_has_one_colour(results: Results) -> None:
    colours = [colour_of(contestant, results) for contestant in results.contestants]
    assert colours == [colour_of(contestant, made_up()) for contestant in results.contestants]
    assert len(set(colours)) == len(colours)


@pytest.mark.parametrize("places", [[0.5, 0.5, 0.5], [0.99, 1.0, 0.98], [0.1, 0.9], [0.3], []])
def test_labels_keep_their_distance_and_order(places: list[float]) -> None:
    moved = spaced(places, 0.07)
    for (a, b), (at_a, at_b) in zip(itertools.combinations(places, 2), itertools.combinations(moved, 2), strict=True):
        assert abs(at_a - at_b) >= 0.07 - 1e-9
        assert (a < b) <= (at_a < at_b)
    assert all(place <= 1.0 + 1e-9 for place in moved)
