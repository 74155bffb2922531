"""Ray, imported with its usage reports switched off."""

from __future__ import annotations

from fomm_rt.machine.telemetry import disable_telemetry

disable_telemetry()

import ray  # noqa: E402
from ray.exceptions import GetTimeoutError, RayActorError, RayError  # noqa: E402
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: E402

__all__ = ["GetTimeoutError", "NodeAffinitySchedulingStrategy", "RayActorError", "RayError", "ray"]
