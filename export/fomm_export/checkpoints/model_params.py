"""The keys of a published configuration, and three of this project's own. Other keys are refused."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

SECTIONS = {
    "": ("model_params", "dataset_params"),
    "dataset_params": ("frame_shape", "face_margin"),
    "model_params": ("common_params", "kp_detector_params", "generator_params"),
    "model_params.common_params": ("num_kp", "num_channels", "estimate_jacobian"),
    "model_params.kp_detector_params": (
        *("temperature", "block_expansion", "max_features", "scale_factor", "num_blocks"),
        *("single_jacobian_map", "pad"),
    ),
    "model_params.generator_params": (
        *("block_expansion", "max_features", "num_down_blocks", "num_bottleneck_blocks"),
        *("estimate_occlusion_map", "dense_motion_params"),
        *("estimate_blend_mask", "resize_align_corners"),
    ),
    "model_params.generator_params.dense_motion_params": (
        *("block_expansion", "max_features", "num_blocks", "scale_factor", "kp_variance"),
    ),
}
"""Section -> the keys that shape a model. Section "" is the document. `face_margin`, `estimate_blend_mask`
and `resize_align_corners` are this project's own."""

TRAINING_ONLY = {
    "": ("train_params", "reconstruction_params", "animate_params", "visualizer_params", "augmentation_params"),
    "dataset_params": (
        *("root_dir", "id_sampling", "pairs_list", "augmentation_params", "is_train", "random_seed", "name"),
    ),
    "model_params": ("discriminator_params",),
}
"""Section -> published keys that do not concern the networks of an animation. They are ignored, whatever they hold."""

NAMED_KEYS = 6
"""Number of keys that an error names."""
LONGEST_NAME = 60
"""Characters of a key that an error shows."""


def check_keys(document: Mapping[Any, Any], root: str = "") -> None:
    """Checks every key of a published configuration.

    Args:
        document: The whole document, or one of its sections.
        root: The section's path, a key of SECTIONS.

    Raises:
        ValueError: A section is not a mapping, or keys are not understood; the message names them.
    """
    unknown = list(_unknown_keys(document, root))
    if unknown:
        more = len(unknown) - NAMED_KEYS
        names = ", ".join(unknown[:NAMED_KEYS]) + (f" and {more} more" if more > 0 else "")
        raise ValueError(
            f"{names} {'is' if len(unknown) == 1 else 'are'} not understood. Correct the spelling; remove a key only "
            "if the checkpoint was trained without it. A model of another architecture cannot be exported"
        )


def section(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Returns a section of a checked mapping.

    Raises:
        ValueError: It is missing.
    """
    if name not in document:
        raise ValueError(f"{name} is missing")
    found: Mapping[str, Any] = document[name]
    return found


def _unknown_keys(document: Any, path: str) -> list[str]:
    if not isinstance(document, Mapping):
        raise ValueError(f"expected {path or 'the document'} to hold keys and values; it is {_kind(document)}")
    found = []
    for key, value in document.items():
        name = ascii(key)[1:-1] if isinstance(key, str) else repr(key)  # escapes control characters
        place = f"{path}.{name[:LONGEST_NAME]}" if path else name[:LONGEST_NAME]
        if place in SECTIONS:
            found += _unknown_keys(value, place)
        elif key not in (*SECTIONS[path], *TRAINING_ONLY.get(path, ())):
            found.append(place + _hint(str(key), path))
    return found


def _hint(key: str, path: str) -> str:
    """A key of this section that is spelt alike, or another section that has this key."""
    close = get_close_matches(key, (*SECTIONS[path], *TRAINING_ONLY.get(path, ())), n=1, cutoff=0.75)
    if close:
        return f" (did you mean {close[0]}?)"
    elsewhere = [name or "the document itself" for name, keys in SECTIONS.items() if key in keys]
    return f" (it belongs in {elsewhere[0]})" if elsewhere else ""


def _kind(value: Any) -> str:
    return "empty" if value is None else f"a {type(value).__name__}"
