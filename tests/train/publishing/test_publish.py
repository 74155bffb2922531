"""Publishing a tiny run writes everything that the packages contain."""

from __future__ import annotations

from pathlib import Path

import pytest

from fomm_export import export_model
from fomm_export.checkpoints import own
from fomm_export.checkpoints.configuration import Configuration
from fomm_rt import bundled
from fomm_rt.bundled import bundled_avatars, bundled_performance, open_bundled_model
from fomm_rt.errors import TrainingError
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.model.folder import sha256_of
from fomm_train.loop.run import TrainingRun
from fomm_train.measures import held_out_pairs as measures
from fomm_train.publishing import publish
from tiny_training import CONFIGURATION, FakeReporter, lower_requirements, tiny_recipe

RECIPE = tiny_recipe()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        lower_requirements(patch)
        with TrainingRun(folder, CONFIGURATION, RECIPE, workers=1) as run:
            FakeReporter().follow(run)
    return folder


@pytest.fixture
def checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for weights and card, beside the bundled files; little is drawn and measured."""

    def load(_name: str) -> Configuration:
        return CONFIGURATION

    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "bundled").mkdir()
    monkeypatch.setattr(publish, "OWN_CHECKPOINTS", tmp_path / "checkpoints")
    monkeypatch.setattr(bundled, "FOLDER", tmp_path / "bundled")
    monkeypatch.setattr(publish, "PERFORMANCE_FRAMES", 3)
    monkeypatch.setattr(publish, "AVATAR_SEEDS", {"one": (1 << 33) + 16})
    monkeypatch.setattr(measures, "STILL_FACES", 1)
    for module in (publish, export_model):
        monkeypatch.setattr(module, "load_configuration", load)
    monkeypatch.setattr(own, "OWN_NAMES", (RECIPE.name,))
    return tmp_path / "checkpoints"


def test_every_file_is_written(trained: Path, checkpoints: Path) -> None:
    weights = trained / f"{RECIPE.name}.safetensors"
    notes = checkpoints / f"{RECIPE.name}.notes.md"
    notes.write_text("<!-- of other weights -->\n\n## How it came about\n", encoding="utf-8")
    publish.publish(trained, RECIPE, pairs=1)
    card = checkpoints / f"{RECIPE.name}.md"
    assert (checkpoints / weights.name).read_bytes() == weights.read_bytes()
    assert open_bundled_model().manifest.weights.sha256 == sha256_of(weights)
    assert [path.name for path in bundled_avatars()] == ["one.png"]
    with VideoReader(bundled_performance()) as reader:
        assert sum(1 for _ in reader) == 3
    assert "same identity" in card.read_text(encoding="utf-8")
    assert "How it came about" not in card.read_text(encoding="utf-8")

    notes.write_text(f"<!-- of {sha256_of(weights)} -->\n\n## How it came about\n", encoding="utf-8")
    publish.publish(trained, RECIPE, pairs=1)
    assert card.read_text(encoding="utf-8").endswith("## How it came about\n")


def test_rejects_a_folder_without_a_run_and_another_recipe(trained: Path, checkpoints: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="holds no training run"):
        publish.publish(tmp_path, RECIPE)
    with pytest.raises(TrainingError, match="followed another recipe"):
        publish.publish(trained, tiny_recipe(5))
    assert not any(checkpoints.iterdir())
