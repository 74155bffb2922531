"""Models by name: the models folder, and which folder an argument means."""

from __future__ import annotations

from pathlib import Path

import pytest

from fomm_rt.animator import Animator
from fomm_rt.bundled import open_model
from fomm_rt.errors import ModelError
from fomm_rt.model.names import PUBLISHED, find_model, installed_names, models_folder


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_model: Path) -> Path:
    """A models folder with one model, "mine"; the current folder is another one, and empty."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "mine").symlink_to(small_model)
    monkeypatch.setenv("FOMM_MODELS", str(folder))
    (tmp_path / "current").mkdir()
    monkeypatch.chdir(tmp_path / "current")
    return folder


def test_the_folder_is_in_the_users_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FOMM_MODELS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert models_folder() == tmp_path / "fomm-rt" / "models"


def test_a_variable_moves_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FOMM_MODELS", "~/weights")
    assert models_folder() == tmp_path / "weights"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOMM_MODELS", "weights")
    assert models_folder() == tmp_path / "weights"


def test_lists_folders_with_a_manifest_only(models: Path, small_model: Path) -> None:
    (models / "empty").mkdir()
    (models / "file").write_text("")
    (models / ".hidden").symlink_to(small_model)
    assert installed_names() == ["mine"]


def test_no_models_folder_means_no_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOMM_MODELS", str(tmp_path / "none"))
    assert installed_names() == []


@pytest.mark.parametrize("model", ["mine", Path("mine")])
def test_a_name_means_the_installed_model(models: Path, model: str | Path) -> None:
    assert find_model(model) == models / "mine"


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("model", [None, "bundled"])
def test_the_bundled_model_has_a_name(model: str | None) -> None:
    assert find_model(model) is None


@pytest.mark.usefixtures("models")
def test_a_model_in_the_current_folder_wins(small_model: Path) -> None:
    for name in ("mine", "bundled"):
        Path(name).symlink_to(small_model)
        assert find_model(name) == Path(name)


def test_another_folder_of_the_name_does_not_hide_an_installed_model(models: Path) -> None:
    Path("mine").mkdir()
    assert find_model("mine") == models / "mine"


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("path", ["./mine", "models/vox-adv", "/nowhere/mine"])
def test_a_separator_makes_a_path(path: str) -> None:
    assert find_model(path) == Path(path)


@pytest.mark.usefixtures("models")
def test_an_existing_folder_that_is_no_model_is_named_as_such() -> None:
    Path("results").mkdir()
    with pytest.raises(ModelError, match=r"results: expected a model folder; it has no model\.json"):
        open_model("results")


@pytest.mark.usefixtures("models")
def test_a_known_name_is_offered_for_download() -> None:
    with pytest.raises(ModelError, match=r"Installed: bundled, mine\. Download it with: fomm-rt fetch vox-adv$"):
        find_model("vox-adv")


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("vox-avd", r"Did you mean vox-adv \(fomm-rt fetch vox-adv\)\?"),
        ("mime", r"Did you mean mine\?$"),
        ("bundle", r"Did you mean bundled\?$"),
        ("something", "fomm-rt fetch --list"),
        ("", "found neither"),
        ("x" * 300, "found neither"),
        ("a\0b", "found neither"),
    ],
)
def test_other_names_are_refused_with_advice(name: str, advice: str) -> None:
    with pytest.raises(ModelError, match=advice):
        find_model(name)


@pytest.mark.usefixtures("models")
def test_without_a_home_paths_and_the_bundled_model_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(*_args: object, **_settings: object) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("FOMM_MODELS")
    monkeypatch.setattr("platformdirs.user_data_path", homeless)
    assert find_model("bundled") is None
    assert find_model("./mine") == Path("mine")
    with pytest.raises(ModelError, match="FOMM_MODELS"):
        models_folder()
    with pytest.raises(ModelError, match="fomm-rt fetch vox"):
        find_model("vox")


@pytest.mark.usefixtures("models")
def test_an_animator_is_loaded_by_name() -> None:
    with Animator.load("mine", "onnxruntime-cpu") as animator:
        assert animator.size == 64


def test_published_names_are_possible_file_names() -> None:
    assert len(set(PUBLISHED)) == 9
    assert all(Path(name).name == name for name in PUBLISHED)
