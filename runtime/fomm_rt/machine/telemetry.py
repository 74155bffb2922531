"""Turns off the telemetry of libraries.

Each library is imported in one module, which turns its telemetry off first: ONNX Runtime in
`fomm_rt.machine.onnx_runtime`, Ray in `fomm_rt.batch.ray_cluster.library`, OpenVINO in
`fomm_bench.contestants.openvino_library`. `tests/runtime/test_privacy.py` checks which files and connections fomm-rt
opens.
"""

from __future__ import annotations

import os
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

SILENCED = {"ONNX Runtime": ("ORT_DISABLE_TELEMETRY", "1"), "Ray": ("RAY_USAGE_STATS_ENABLED", "0")}
"""Library -> the variable and its value, which must be set before the first import.

ONNX Runtime 1.29 and newer, on Linux: keeps a device id and a database in the user's cache and looks up an address.
Its own `disable_telemetry_events()` comes too late, because both happen during the import.

Ray: the head of a cluster reports its size, versions and libraries every hour, unless this is 0 where it starts.
"""

_PACKAGES = {"Ray": "ray"}
"""Libraries that are listed only if they are installed."""

OPENVINO_CONSENT = Path("intel", "openvino_telemetry")
"""The user's own decision about OpenVINO, below the home folder, as `opt_in_out` writes it: 1 or 0."""


def disable_telemetry() -> None:
    """Sets the variables that the user has not set, for this process and those it starts."""
    for name, value in SILENCED.values():
        os.environ.setdefault(name, value)


def telemetry() -> dict[str, str]:
    """Library -> "off", or the user's own setting. OpenVINO is listed if it is installed; only `bench` uses it."""
    found = {}
    for library, (name, value) in SILENCED.items():
        if find_spec(_PACKAGES.get(library, "os")) is None:
            continue
        setting = os.environ.get(name, value)
        found[library] = "off" if setting == value else f"decided by you: {name}={setting}"
    if find_spec("openvino") is not None:
        found["OpenVINO"] = f"decided by you: 1 in {Path.home() / OPENVINO_CONSENT}" if openvino_may_report() else "off"
    return found


def openvino_may_report() -> bool:
    """True if the user has agreed to OpenVINO's telemetry; otherwise `fomm_bench`, which alone imports it, hides it."""
    with suppress(OSError, RuntimeError):  # no such file, no home folder
        return (Path.home() / OPENVINO_CONSENT).read_text(encoding="utf-8", errors="replace").strip() == "1"
    return False
