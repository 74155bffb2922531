"""The choice of the model: its weights, and contradicting options."""

from __future__ import annotations

from pathlib import Path

import pytest

from fomm_bench.model.bench_model import ModelChoice, open_bench_model
from fomm_rt.bundled import open_bundled_model
from fomm_rt.errors import BenchmarkError, CheckpointError, ModelError


def test_stand_in_weights_are_removed_afterwards(tiny_config: Path) -> None:
    said: list[str] = []
    with open_bench_model(ModelChoice(config=str(tiny_config), size=128), False, said.append) as model:
        folder = Path(model.spec.folder)
        assert folder.is_dir()
        assert (model.manifest.size, model.label, model.spec.stand_in_seed) == (128, "tiny", 7)
        assert not model.spec.relative
        assert not model.drawn
    assert not folder.parent.exists()
    assert said == [f"exporting stand-in weights of {tiny_config}"]


def test_reads_the_seed_of_stand_in_weights(tiny_folder: Path) -> None:
    with open_bench_model(ModelChoice(tiny_folder), True, print) as model:
        assert model.spec.stand_in_seed == 3
        assert model.spec.has_networks


def test_takes_installed_models_by_name(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").symlink_to(tiny_folder)
    monkeypatch.setenv("FOMM_MODELS", str(tmp_path))
    with open_bench_model(ModelChoice("mine"), True, print) as model:
        assert Path(model.spec.folder) == tiny_folder.resolve()


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (ModelChoice(Path("m"), "vox-256"), "give one of them"),
        (ModelChoice(config="vox-256", bundled=True), "give one of them"),
        (ModelChoice(Path("m"), size=512), "fomm-rt export --size"),
        (ModelChoice(checkpoint=Path("c")), "give that with --model"),
    ],
)
def test_rejects_contradicting_options(choice: ModelChoice, message: str) -> None:
    with pytest.raises(BenchmarkError, match=message), open_bench_model(choice, True, print):
        pass


def test_rejects_what_does_not_exist(tiny_folder: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(ModelError, match="no such model folder"),
        open_bench_model(ModelChoice(tmp_path / "m"), True, print),
    ):
        pass
    with pytest.raises(CheckpointError), open_bench_model(ModelChoice(config="vox-257"), True, print):
        pass
    choice = ModelChoice(tiny_folder, checkpoint=tmp_path / "c.pth")
    with pytest.raises(BenchmarkError, match=r"c\.pth: there is no such file"), open_bench_model(choice, True, print):
        pass
    (tmp_path / "c.pth").write_bytes(b"other weights")
    with (
        pytest.raises(BenchmarkError, match=r"holds stand-in weights, .* leave out --checkpoint"),
        open_bench_model(choice, True, print),
    ):
        pass


def test_rejects_the_checkpoint_of_another_model(tmp_path: Path) -> None:
    (tmp_path / "c.pth").write_bytes(b"other weights")
    choice = ModelChoice(open_bundled_model().path, checkpoint=tmp_path / "c.pth")
    with pytest.raises(BenchmarkError, match="got SHA-256"), open_bench_model(choice, True, print):
        pass
