"""The choice of the model, and the weights of its PyTorch networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fomm_bench.model.bench_media import bench_media
from fomm_bench.model.model_spec import STAND_IN_SEED, ModelSpec
from fomm_rt.bundled import open_bundled_model, open_model
from fomm_rt.errors import BenchmarkError, ParityError
from fomm_rt.model.folder import ModelFolder, sha256_of
from fomm_rt.model.manifest import Manifest

DEFAULT_CONFIG = "vox-256"
SEED = 7

Say = Callable[[str], None]


@dataclass(frozen=True)
class ModelChoice:
    """The model options of the command line; at most one of the first three is set.

    Attributes:
        config: Name or YAML file of a configuration, for stand-in weights; vox-256 by default.
        folder: Path of a model folder, or the name of an installed model.
        checkpoint: The checkpoint that `folder` was exported from.
        size: Side of a frame; for stand-in weights only.
    """

    folder: str | Path | None = None
    config: str | None = None
    bundled: bool = False
    checkpoint: Path | None = None
    size: int | None = None

    def check(self) -> None:
        """Raises BenchmarkError if options contradict each other."""
        if (self.folder is not None) + (self.config is not None) + self.bundled > 1:
            raise BenchmarkError("--model, --config and --bundled each choose the model; give one of them")
        if self.size is not None and (self.folder is not None or self.bundled):
            raise BenchmarkError("--size is for stand-in weights; export the model at that size: fomm-rt export --size")
        if self.checkpoint is not None and self.folder is None:
            raise BenchmarkError("--checkpoint needs the model folder exported from it; give that with --model")


@dataclass(frozen=True)
class BenchModel:
    """An open model: its specification for contestants, and the manifest of its folder."""

    spec: ModelSpec
    manifest: Manifest

    @property
    def drawn(self) -> bool:
        """True if it was trained on drawn faces."""
        return self.manifest.weights.origin == "own"

    @property
    def label(self) -> str:
        """A short name, such as "vox-256" for stand-in weights of that configuration."""
        weights = self.manifest.weights
        if weights.origin == "stand-in":
            return weights.file.split(",")[0].removesuffix(".yaml")
        return self.manifest.name if weights.origin != "own" else weights.file

    def describe(self) -> dict[str, Any]:
        """Label, weights, identity and size, as JSON values."""
        weights = self.manifest.weights
        return {
            "label": self.label,
            "weights": weights.describe(),
            "identity": weights.identity,
            "size": self.manifest.size,
        }


@contextmanager
def open_bench_model(choice: ModelChoice, relative: bool, say: Say) -> Iterator[BenchModel]:
    """Opens a model; stand-in weights are exported to a temporary folder.

    Raises:
        BenchmarkError: Options contradict each other, a package is missing, or the checkpoint does not match.
        ModelError, CheckpointError: The folder or the configuration cannot be used.
    """
    choice.check()
    if choice.bundled:
        folder = open_bundled_model()
        yield BenchModel(_spec(folder, _bundled_checkpoint(folder.manifest), relative), folder.manifest)
    elif choice.folder is not None:
        folder = open_model(choice.folder)
        if choice.checkpoint is not None:
            _check_checkpoint(choice.checkpoint, folder)
        yield BenchModel(_spec(folder, choice.checkpoint, relative), folder.manifest)
    else:
        with TemporaryDirectory(prefix="fomm-rt-bench-model-") as temporary:
            folder = _export(Path(temporary) / "stand-in", choice, say)
            yield BenchModel(_spec(folder, None, relative), folder.manifest)


def _export(target: Path, choice: ModelChoice, say: Say) -> ModelFolder:
    try:
        from fomm_export.export_model import ExportOptions, export_stand_in
    except ImportError as error:
        raise BenchmarkError(
            f"stand-in weights need a package that is not installed ({error}); install it with: "
            'pip install "fomm-rt[export]", or give a model folder with --model'
        ) from error
    config = choice.config or DEFAULT_CONFIG
    say(f"exporting stand-in weights of {config}")
    try:
        clip = bench_media(drawn=False).clip
        options = ExportOptions(choice.size, int8=True, calibrate=[clip])
        return export_stand_in(target, config=config, seed=SEED, options=options)
    except ParityError as error:
        say(f"without int8: {error}")
        return export_stand_in(target, config=config, seed=SEED, options=ExportOptions(choice.size))


def _spec(folder: ModelFolder, checkpoint: Path | None, relative: bool) -> ModelSpec:
    weights = folder.manifest.weights
    seed = STAND_IN_SEED.search(weights.file) if weights.origin == "stand-in" else None
    return ModelSpec(
        str(folder.path.resolve()),
        None if checkpoint is None else str(checkpoint.resolve()),
        int(seed[1]) if seed else None,
        relative,
    )


def _bundled_checkpoint(manifest: Manifest) -> Path | None:
    """The checkpoint of the bundled model; None if the exporter, which ships it, is not installed."""
    try:
        from fomm_export.checkpoints.configuration_file import OWN_CHECKPOINTS
    except ImportError:
        return None
    path = OWN_CHECKPOINTS / f"{manifest.weights.file.removesuffix('.safetensors')}.safetensors"
    return path if path.is_file() and sha256_of(path) == manifest.weights.sha256 else None


def _check_checkpoint(checkpoint: Path, folder: ModelFolder) -> None:
    if not checkpoint.is_file():
        raise BenchmarkError(
            f"{checkpoint}: there is no such file; give the checkpoint that {folder.path} was exported from"
        )
    expected = folder.manifest.weights.sha256
    if expected is None:
        raise BenchmarkError(f"{folder.path}: holds stand-in weights, which have no checkpoint; leave out --checkpoint")
    found = sha256_of(checkpoint)
    if found != expected:
        raise BenchmarkError(
            f"{checkpoint}: expected the checkpoint that {folder.path} was exported from (SHA-256 {expected}); "
            f"got SHA-256 {found}"
        )
