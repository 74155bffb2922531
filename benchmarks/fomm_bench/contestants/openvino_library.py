"""OpenVINO without its telemetry; this is the only place that imports it.

Importing OpenVINO starts its package `openvino_telemetry`, which keeps an id in the home folder and sends an event
unless the user has refused. No variable prevents it, but OpenVINO runs without the package if it cannot be imported.
"""

import sys

from fomm_rt.machine.telemetry import openvino_may_report

if not openvino_may_report():
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # only after its package is hidden

__all__ = ["openvino"]
