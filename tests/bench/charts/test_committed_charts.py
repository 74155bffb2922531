"""The charts in benchmarks/results show what the results beside them say, and the documents show all of them."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from fomm_bench.charts.chart_files import charts_in
from fomm_bench.charts.draw_charts import draw_charts
from fomm_bench.results.results_file import read_results

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "benchmarks" / "results"
RUNS = {
    "bench-vox-256": ["bench-vox-256"],
    "bench-drawn-faces-256": ["bench-drawn-faces-256"],
    "scaling": ["bench-vox-256", "bench-vox-256-512"],
}
"""Folder of charts -> folders of the results that they show."""


def texts(path: Path) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]


def test_every_folder_of_charts_is_known() -> None:
    assert {path.name for path in RESULTS.iterdir() if charts_in(path)} == set(RUNS)


@pytest.mark.parametrize("name", RUNS)
def test_charts_are_not_stale(tmp_path: Path, name: str) -> None:
    draw_charts([read_results(RESULTS / run / "results.json") for run in RUNS[name]], tmp_path)
    documents = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *ROOT.glob("docs/*.md")))
    for chart in charts_in(RESULTS / name):
        if chart.suffix == ".svg":
            assert texts(chart) == texts(tmp_path / chart.name), f"{chart.name}: draw it again with bench report"
            assert f"{name}/{chart.stem}.png" in documents, f"{chart.name} is in no document"
        assert chart.with_suffix(".svg").is_file()
        assert chart.with_suffix(".png").is_file()
