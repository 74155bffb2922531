"""What a results file has to hold, field by field, so that whatever is shown of it can be made."""

from __future__ import annotations

from typing import Any

from fomm_bench.results.json_shape import (
    Check,
    ShapeError,
    anything,
    array,
    flag,
    label,
    mapping,
    nullable,
    number,
    one_of,
    record,
    text,
    whole,
)
from fomm_bench.results.run_result import DERIVED, DEVICE_TYPES, STATES

MOST_CONTESTANTS = 100
"""A row each: pictures have to stay of a size that can be drawn."""

MILLISECONDS = number(1e-6, 1e12)
SHARE_OF_FRAME = number(0, 1e12)
"""A stage may take no time at all."""
BYTES = whole(0, 1 << 50)
RATE = number(1e-6, 1e12)
BATCHES = tuple(str(size) for size in range(1, 257))

AGREEMENT = record(
    {
        "frames": whole(0, 1 << 20),
        "levels": whole(0, 255),
        "psnr_db": nullable(number(-1000, 1000)),
        "required": record({"levels": nullable(whole(0, 255)), "psnr_db": number(-1000, 1000)}),
        "agrees": flag,
    }
)
CEILING = record({"gmac_per_s": mapping(label, RATE), "copy_gb_per_s": RATE})
ENVIRONMENT = record(
    {
        "cpu": label,
        "cores": whole(1, 1 << 16),
        "gpus": array(label, 64),
        "system": label,
        "memory_gb": number(0, 1 << 30),
        "python": label,
    },
    {
        "threads": whole(1, 1 << 16),
        "cores_of_machine": nullable(whole(1, 1 << 16)),
        "load": number(0, 1 << 20),
        "cuda": nullable(label),
        "kernel": text,
        "packages": mapping(label, text),
    },
)
MODEL = record(
    {"label": label, "weights": text, "identity": text, "size": whole(1, 1 << 14)},
    {
        "mac_per_frame": nullable(whole(1, 1 << 60)),
        "weight_bytes": nullable(whole(1, 1 << 50)),
        "tools": mapping(label, nullable(text)),
    },
)
SETTINGS = record(
    {
        "rounds": whole(1, 1 << 30),
        "frames_per_round": record({"cpu": whole(1, 1 << 30), "gpu": whole(1, 1 << 30)}),
        "batches": array(whole(1, 256), 256),
        "agreement_frames": whole(1, 1 << 20),
    }
)


def check_results(document: Any, version: int) -> None:
    """Makes sure that a results document of a version is complete, of the right types, finite and consistent.

    Args:
        document: Without "format" and "format_version".
        version: 1 or 2, see `results_file`.

    Raises:
        ShapeError: It is not.
    """
    _document(version)(document, "")
    _check_contestants(document["contestants"])
    names = {entry["name"] for entry in document["contestants"]}
    references = document["references"].values() if version > 1 else [document.get("reference")]
    for name in references:
        if name is not None and name not in names:  # one that failed later on was compared with all the same
            raise ShapeError("references", "contestants", name)


def _document(version: int) -> Check:
    required: dict[str, Check] = {
        "command": array(text, 1000),
        "date": label,
        "environment": ENVIRONMENT,
        "model": MODEL,
        "media": label,
        "settings": SETTINGS,
        "contestants": array(_contestant(version), MOST_CONTESTANTS),
    }
    optional: dict[str, Check] = {
        "ceiling": nullable(record({"library": label}, {"cpu": CEILING, "cuda": CEILING})),
        "warnings": array(text),  # what --json adds
    }
    if version == 1:
        return record(required, {**optional, "reference": nullable(label)})
    required["references"] = mapping(one_of(*DEVICE_TYPES), label)
    return record(required, {**optional, "busy_cores": array(number(0, 1 << 16))})


def _contestant(version: int) -> Check:
    times = array(MILLISECONDS)
    optional: dict[str, Check] = {
        "device": nullable(text),
        "python": nullable(text),
        "versions": mapping(label, text),
        "agreement": nullable(AGREEMENT),
        "open_ms": nullable(MILLISECONDS),
        "first_frame_ms": nullable(MILLISECONDS),
        "stages_ms": array(mapping(label, SHARE_OF_FRAME, 100)),
        "batches_ms": mapping(one_of(*BATCHES), times if version == 1 else array(times)),
        "batch_problem": nullable(text),
        "host_bytes": nullable(BYTES),
        "device_bytes": nullable(BYTES),
        **dict.fromkeys(DERIVED, anything),  # for whoever reads the file without this code
    }
    if version > 1:
        optional["build_s"] = nullable(SHARE_OF_FRAME)
    return record(
        {
            "name": label,
            "description": label,
            "precision": label,
            "on_gpu": flag,
            "state": one_of(*STATES),
            "reason": nullable(text),
            "rounds_ms": array(times),
        },
        optional,
    )


def _check_contestants(contestants: list[dict[str, Any]]) -> None:
    seen = set()
    for index, entry in enumerate(contestants):
        where = f"contestants[{index}]"
        if entry["name"] in seen:
            raise ShapeError(f"{where}.name", "every contestant once", entry["name"])
        seen.add(entry["name"])
        has_frames = any(entry["rounds_ms"])
        if has_frames != (entry["state"] == "measured"):
            raise ShapeError(
                f"{where}.rounds_ms", "times of whoever was measured, and of nobody else", f"state {entry['state']}"
            )
        for size, calls in entry.get("batches_ms", {}).items():
            if not has_frames or not calls or not all(isinstance(time, float | int) or time for time in calls):
                raise ShapeError(f"{where}.batches_ms.{size}", "times of calls of whoever was measured", calls)
