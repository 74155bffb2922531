"""Libraries that report to their makers, and the variables that keep them silent.

Every library here is imported through a module of its own, which calls `disable_telemetry` first; for ONNX Runtime that
is `fomm_rt.machine.onnx_runtime`. `tests/runtime/test_privacy.py` watches what the product opens.
"""

from __future__ import annotations

import os

SILENCED = {"ONNX Runtime": ("ORT_DISABLE_TELEMETRY", "1")}
"""Library -> the variable and its value, which must be set before the first import.

ONNX Runtime 1.29 and newer, on Linux: keeps a device id and a database in the user's cache and looks up an address.
Its own `disable_telemetry_events()` comes too late, because both happen during the import.
"""


def disable_telemetry() -> None:
    """Sets the variables that the user has not set, for this process and those it starts."""
    for name, value in SILENCED.values():
        os.environ.setdefault(name, value)


def telemetry() -> dict[str, str]:
    """Library -> "off", or the user's own setting."""
    found = {}
    for library, (name, value) in SILENCED.items():
        setting = os.environ.get(name, value)
        found[library] = "off" if setting == value else f"decided by you: {name}={setting}"
    return found
