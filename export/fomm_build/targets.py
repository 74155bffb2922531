"""Compute capabilities to build engines for, named as CUDA's compilers do: sm_89."""

from __future__ import annotations

import re
from typing import Any

from fomm_rt.backends.tensorrt.library import TensorRT
from fomm_rt.errors import BackendError

_GIVEN = re.compile(r"(?:sm_?)?(\d{1,2})\.?(\d)", re.IGNORECASE)


def parse_targets(text: str) -> tuple[str, ...]:
    """Reads compute capabilities: "8.9,12.0" or "sm_89,sm_120" -> ("sm_89", "sm_120").

    Other words stay as they are, for `check_targets` to refuse.

    Raises:
        ValueError: A name is empty.
    """
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise ValueError(f"expected compute capabilities such as 8.9,12.0; got {text!r}")
    return tuple(f"sm_{''.join(match.groups())}" if (match := _GIVEN.fullmatch(name)) else name for name in names)


def check_targets(library: TensorRT, targets: tuple[str, ...]) -> None:
    """Makes sure that a flavour builds for all targets.

    Raises:
        BackendError: It does not know one of them, or builds only for the GPU of this machine.
    """
    known = library.capabilities
    if targets and not known:
        raise BackendError(
            f"{library.describe()} builds engines on the GPU that runs them, not for named ones "
            f"({', '.join(targets)}). Leave out --target, or use --backend tensorrt-rtx"
        )
    if unknown := [target for target in targets if target not in known]:
        raise BackendError(
            f"{library.describe()} builds no engines for {', '.join(unknown)}; expected some of {', '.join(known)}. "
            "For other GPUs (such as sm_87, sm_90, sm_100) build on the GPU itself with --backend tensorrt"
        )


def set_targets(library: TensorRT, config: Any, targets: tuple[str, ...]) -> None:
    """Sets the targets of a builder configuration; without any it builds for the GPU of this machine."""
    if targets:
        capabilities = library.module.ComputeCapability
        config.num_compute_capabilities = len(targets)
        for index, target in enumerate(targets):
            config.set_compute_capability(getattr(capabilities, target.upper().replace("_", "")), index)
