"""Configurations by name or from a YAML file in the published form."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import yaml
from msgspec import Meta
from typing_extensions import override

from fomm_export.checkpoints.configuration import Configuration
from fomm_export.checkpoints.model_params import check_keys
from fomm_export.checkpoints.own_names import OWN_NAMES
from fomm_export.checkpoints.published import CONFIGURATIONS
from fomm_rt.errors import CheckpointError
from fomm_rt.files.typed_json import typed
from fomm_rt.model.manifest import LARGEST_SIDE

OWN_CHECKPOINTS = Path(__file__).parent
"""Folder of NAME.yaml for each of OWN_NAMES, and of NAME.safetensors and NAME.md for each that is published."""

LARGEST_FILE = 1 << 20
"""Bytes; published files have about 3000."""

Side = Annotated[int, Meta(ge=1, le=LARGEST_SIDE)]


@dataclass(frozen=True)
class _DatasetParams:
    frame_shape: Annotated[tuple[Side, ...], Meta(min_length=2)] = (256, 256, 3)
    face_margin: float | None = None


@dataclass(frozen=True)
class _Document:
    model_params: dict[str, Any]
    dataset_params: _DatasetParams = field(default_factory=_DatasetParams)


def load_configuration(name_or_path: str) -> Configuration:
    """Returns a published configuration or one of the project's own by name, or reads a YAML file.

    Raises:
        CheckpointError: Neither a known name nor a readable configuration file.
    """
    if name_or_path in CONFIGURATIONS:
        return CONFIGURATIONS[name_or_path]
    path = OWN_CHECKPOINTS / f"{name_or_path}.yaml" if name_or_path in OWN_NAMES else Path(name_or_path)
    try:
        is_file = path.is_file()
    except OSError:
        is_file = False
    if not is_file:
        raise CheckpointError(
            f"{name_or_path}: expected one of {', '.join([*CONFIGURATIONS, *OWN_NAMES])}, or the path of a YAML "
            "configuration; found neither"
        )
    content = _read_yaml(path)
    try:
        check_keys(content)
        document = typed(content, _Document)
        height, width, *_ = document.dataset_params.frame_shape
        if height != width:
            raise ValueError(f"frame_shape is {height}×{width}; expected a square such as [256, 256, 3]")
        return Configuration.from_model_params(document.model_params, height, document.dataset_params.face_margin)
    except ValueError as error:
        raise CheckpointError(
            f"{path}: expected a published configuration (model_params with common_params, kp_detector_params and "
            f"generator_params); {error}"
        ) from error


class _Loader(yaml.SafeLoader):
    """Refuses a key that appears twice, of which YAML would keep the last."""

    @override
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.MarkedYAMLError(problem=f"the key {twice} appears twice", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


def _read_yaml(path: Path) -> Any:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise CheckpointError(
                f"{path}: expected a YAML configuration of a few kilobytes; it has {path.stat().st_size} bytes. "
                "--config takes the configuration, not the checkpoint"
            )
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (yaml.YAMLError, ValueError, OSError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{path}: expected a YAML configuration; it cannot be read ({reason})") from error
