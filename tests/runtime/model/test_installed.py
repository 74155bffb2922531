"""Installed models: their description and removal."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fomm_rt.errors import ModelError
from fomm_rt.model.fetch_record import SUFFIX, FetchRecord, read_record, record_beside, write_record
from fomm_rt.model.installed import ModelPlace, describe_model, installed_models, place_of, remove_model

RECORD = FetchRecord("mine", "https://example.invalid/mine.pth.tar", "a" * 64, 5, "SHA-256")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_model: Path) -> ModelPlace:
    monkeypatch.setenv("FOMM_MODELS", str(tmp_path / "models"))
    shutil.copytree(small_model, tmp_path / "models" / "mine")
    return place_of("mine")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_record_survives_writing(place: ModelPlace) -> None:
    record = replace(RECORD, verified_by="trust", int8=True, calibrated_on=("b" * 64,))
    write_record(place.record, record)
    assert read_record(place.record) == record
    assert "accepted without a known hash" in record.describe()


@pytest.mark.parametrize("content", ["", "{}", '{"name": "mine"}', "[]"])
def test_a_damaged_record_says_how_to_start_again(place: ModelPlace, content: str) -> None:
    place.record.write_text(content)
    with pytest.raises(ModelError, match="fomm-rt models remove mine"):
        read_record(place.record)


def test_describes_models(place: ModelPlace) -> None:
    write_record(place.record, RECORD)
    place.checkpoint.mkdir()
    (place.checkpoint / "mine.pth.tar").write_bytes(b"12345")
    (found,) = installed_models()
    assert (found.name, found.folder, found.problem, found.record) == ("mine", place.folder, None, RECORD)
    assert found.manifest is not None
    assert found.size_bytes == sum(file.stat().st_size for file in place.folder.iterdir()) + 5


def test_a_model_that_cannot_be_read_is_described_too(place: ModelPlace) -> None:
    (place.folder / "model.json").write_text("{")
    found = describe_model("mine", place.folder)
    assert found.manifest is None
    assert "cannot be read as JSON" in str(found.problem)


def test_removes_everything_of_a_model_and_nothing_else(place: ModelPlace) -> None:
    write_record(place.record, RECORD)
    for folder in (place.checkpoint, place.download):
        folder.mkdir()
        (folder / "mine.pth.tar").write_bytes(b"12345")
    write_record(place.models / "other.fetched.json", RECORD)
    expected = place.size_bytes
    assert remove_model("mine") == expected
    assert names(place.models) == [".mine.lock", "other.fetched.json"]


def test_an_unfinished_download_alone_can_be_removed(place: ModelPlace) -> None:
    shutil.rmtree(place.folder)
    place.download.mkdir()
    remove_model("mine")
    assert not place.download.exists()


def test_removing_a_link_leaves_what_it_points_to(place: ModelPlace, small_model: Path) -> None:
    (place.models / "linked").symlink_to(small_model)
    remove_model("linked")
    assert names(place.models) == [".linked.lock", "mine"]
    assert small_model.is_dir()


def test_a_model_is_not_removed_while_it_is_fetched(place: ModelPlace) -> None:
    with place.locked(), pytest.raises(ModelError, match="another fomm-rt is fetching or removing it"):
        remove_model("mine")
    assert place.folder.is_dir()


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("name", ["../mine", "", ".", "..", ".mine.download", "a/b"])
def test_only_names_are_removed(name: str) -> None:
    with pytest.raises(ModelError, match="expected the name of a model"):
        remove_model(name)


@pytest.mark.usefixtures("place")
def test_removing_a_missing_model_says_how_to_get_it() -> None:
    with pytest.raises(ModelError, match="fomm-rt fetch vox-adv"):
        remove_model("vox-adv")


def test_a_record_beside_a_folder_elsewhere_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever made the folder may have made the record."""
    write_record(tmp_path / f"vox{SUFFIX}", RECORD)
    monkeypatch.setenv("FOMM_MODELS", str(tmp_path / "models"))
    assert record_beside(tmp_path / "vox") is None
    monkeypatch.setenv("FOMM_MODELS", str(tmp_path))
    assert record_beside(tmp_path / "vox") == RECORD
