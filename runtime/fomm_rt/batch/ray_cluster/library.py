"""Ray, imported with its usage reports switched off."""

from __future__ import annotations

from fomm_rt.machine.telemetry import disable_telemetry

disable_telemetry()

import ray  # noqa: E402
from ray.exceptions import (  # noqa: E402
    GetTimeoutError,
    ObjectLostError,
    ObjectStoreFullError,
    OutOfDiskError,
    RayError,
)
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: E402

__all__ = [
    "GetTimeoutError",
    "NodeAffinitySchedulingStrategy",
    "ObjectLostError",
    "ObjectStoreFullError",
    "OutOfDiskError",
    "RayError",
    "ray",
]
