"""Finds the tensors of detector and generator in a document, however it was saved again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fomm_export.checkpoints.pickled import NumpyArray
from fomm_rt.errors import CheckpointError

PARTS = ("kp_detector", "generator")

WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "weights")
"""Keys around the parts in documents of other training scripts."""

ADDED_NAMES = ("module", "_orig_mod")
"""Parts of a tensor's name that DataParallel and torch.compile add, at any depth."""

DEEPEST_WRAPPER = 4
NAMED_KEYS = 8

OTHER_MODELS = (
    (("inpainting_network",), "the Thin-Plate Spline Motion Model (TPSMM)"),
    (("region_predictor",), "articulated-animation"),
    (("he_estimator",), "face-vid2vid"),
    (("gen", "dis"), "LIA"),
    (("params_ema",), "a picture restorer such as GFPGAN or Real-ESRGAN"),
)
"""Keys of a document -> the model it belongs to."""

OTHER_NETWORKS = (
    ("generator", "pixelwise_flow_predictor", "articulated-animation"),
    ("generator", "appearance_encoder", "Monkey-Net"),
    ("kp_detector", "fg_encoder", "the Thin-Plate Spline Motion Model (TPSMM)"),
)
"""Part, start of a tensor's name -> the model it belongs to."""


def find_parts(path: Path, document: Any) -> dict[str, dict[str, Tensor]]:
    """Returns the tensors of each of PARTS under their published names.

    Args:
        path: The file, for messages.
        document: Parts as mappings, or tensors named `generator.…` and `kp_detector.…`, either of them in WRAPPERS.

    Raises:
        CheckpointError: A part is missing, or a tensor cannot be used.
    """
    if not isinstance(document, Mapping):
        raise CheckpointError(
            f"{path}: expected a dict with {' and '.join(PARTS)}; found a {type(document).__name__}. "
            "Save state_dict() of both networks"
        )
    document = _unwrapped(document)
    parts = {part: _unwrapped(document[part]) for part in PARTS if isinstance(document.get(part), Mapping)}
    flat = _flat_parts(document)
    parts = {part: parts.get(part) or flat.get(part) or {} for part in PARTS}
    _refuse_other_models(path, document, parts)
    return {part: _tensors(path, part, tensors) for part, tensors in parts.items()}


def _unwrapped(document: Mapping[Any, Any]) -> Mapping[Any, Any]:
    for _ in range(DEEPEST_WRAPPER):
        inner = next((document[key] for key in WRAPPERS if isinstance(document.get(key), Mapping)), None)
        if inner is None or any(part in document for part in PARTS):
            return document
        document = inner
    return document


def _flat_parts(document: Mapping[Any, Any]) -> dict[str, dict[str, Any]]:
    """Groups `generator.final.weight` and the like by part."""
    parts: dict[str, dict[str, Any]] = {}
    for key, value in document.items():
        if isinstance(key, str) and isinstance(value, (Tensor, NumpyArray)):
            names = key.split(".")
            while names[0] in (*ADDED_NAMES, *WRAPPERS) and len(names) > 1:
                del names[0]
            if names[0] in PARTS and len(names) > 1:
                parts.setdefault(names[0], {})[".".join(names[1:])] = value
    return parts


def _refuse_other_models(path: Path, document: Mapping[Any, Any], parts: Mapping[str, Mapping[str, Any]]) -> None:
    first = {key.partition(".")[0] for key in document if isinstance(key, str)}
    model = next((name for keys, name in OTHER_MODELS if first.issuperset(keys)), None) or next(
        (
            name
            for part, start, name in OTHER_NETWORKS
            if any(isinstance(tensor, str) and start in tensor.split(".")[:3] for tensor in parts[part])
        ),
        None,
    )
    expected = f"{path}: expected a First Order Motion Model checkpoint with {' and '.join(PARTS)}"
    if model is not None:
        raise CheckpointError(f"{expected}; it is one of {model}, another architecture, which cannot be exported")
    missing = [part for part in PARTS if not parts[part]]
    if missing:
        found = sorted(ascii(key)[1:-1][:40] for key in first)
        names = ", ".join(found[:NAMED_KEYS]) or "nothing"
        more = f" and {len(found) - NAMED_KEYS} more" if len(found) > NAMED_KEYS else ""
        raise CheckpointError(
            f"{expected}; {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing (found: {names}{more})"
            + (". It holds a single network; both are needed" if _is_one_network(first) else "")
        )


def _is_one_network(names: set[str]) -> bool:
    return names.issuperset(("first", "final")) or names.issuperset(("predictor", "kp"))


def _tensors(path: Path, part: str, tensors: Mapping[Any, Any]) -> dict[str, Tensor]:
    result: dict[str, Tensor] = {}
    for key, value in tensors.items():
        tensor = value.tensor() if isinstance(value, NumpyArray) else value
        if not isinstance(key, str) or not isinstance(tensor, Tensor):
            shown = key if isinstance(key, str) else type(key).__name__
            raise CheckpointError(f"{path}: {part}.{ascii(shown)[1:-1][:80]} is not a tensor; the file is damaged")
        name = ".".join(word for word in key.split(".") if word not in ADDED_NAMES)
        problem = _problem(name, tensor)
        if problem is not None:
            raise CheckpointError(
                f"{path}: {part}.{ascii(name)[1:-1][:80]} is {problem}; expected dense floating-point numbers. Save "
                "the checkpoint as it was trained"
            )
        if name in result:
            raise CheckpointError(f"{path}: holds {part}.{ascii(name)[1:-1][:80]} twice, under names of two kinds")
        result[name] = tensor.detach()
    return result


def _problem(name: str, tensor: Tensor) -> str | None:
    """Says why a tensor cannot be a weight; None if it can."""
    if tensor.is_nested:
        return "a nested tensor"
    if tensor.is_quantized:
        return f"quantized ({tensor.dtype})".replace("torch.", "")
    if tensor.layout is not torch.strided:
        return "a sparse tensor"
    if tensor.is_meta:
        return "without values (a meta tensor)"
    if not tensor.is_floating_point() and not name.endswith("num_batches_tracked"):
        return f"{tensor.dtype}".removeprefix("torch.")
    return None
