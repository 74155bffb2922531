"""Results files: JSON with a format and a version, written whole or not at all.

Version 1 has one "reference" for all devices, and the calls of a batch in one list. Version 2 has "references" by
device, calls by round, and may have "busy_cores", "batch_busy_cores" and "build_s". Both are read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from fomm_bench.results.contestant_result import DEVICE_TYPES
from fomm_bench.results.run_result import RunResult
from fomm_rt.errors import BenchmarkError
from fomm_rt.files.staging import replacing

FORMAT = "fomm-rt benchmark"
FORMAT_VERSION = 2
READABLE_VERSIONS = (1, FORMAT_VERSION)
FILE_NAME = "results.json"
"""The name of a results file in the folder of a run."""
DERIVED = ("latency_ms", "speedup")
"""Fields of a contestant that are computed from its times, for readers without this code."""


def document_of(run: RunResult) -> dict[str, Any]:
    """The content of a results file."""
    document = {"format": FORMAT, "format_version": FORMAT_VERSION, **msgspec.to_builtins(run, str_keys=True)}
    for fields, contestant in zip(document["contestants"], run.contestants, strict=True):
        derived = (contestant.latency, run.speedup(contestant))
        fields.update(zip(DERIVED, msgspec.to_builtins(derived), strict=True))
    return document


def write_results(path: Path, run: RunResult) -> None:
    """Writes a results file; an existing one is replaced. Raises OutputError if it cannot be written."""
    write_document(path, document_of(run))


def write_document(path: Path, document: dict[str, Any]) -> None:
    """Writes JSON values; an existing file is replaced. Raises OutputError if it cannot be written."""
    with replacing(path) as staged:
        staged.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def results_in(path: Path) -> list[Path]:
    """The results files that a path stands for: itself; of a folder its results.json, else those of its subfolders.

    Raises:
        BenchmarkError: The folder holds no results.
    """
    if not path.is_dir():
        return [path]
    own = path / FILE_NAME
    found = [own] if own.is_file() else sorted(path.glob(f"*/{FILE_NAME}"))
    if not found:
        raise BenchmarkError(f"{path}: expected a folder with {FILE_NAME}, or with folders that have one; it has none")
    return found


def read_results(path: Path) -> RunResult:
    """Reads a results file.

    Raises:
        BenchmarkError: The file is missing, has another format or version, or a field is missing or wrong.
    """
    try:
        document = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise BenchmarkError(
            f"{path}: cannot be read ({error.strerror}); give a results.json of fomm-rt bench"
        ) from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BenchmarkError(f"{path}: expected results of fomm-rt bench; got invalid JSON ({error})") from error
    found = document.pop("format", None) if isinstance(document, dict) else None
    if found != FORMAT:
        raise BenchmarkError(f"{path}: expected results of fomm-rt bench ({FORMAT!r}); got format {found!r}")
    version = document.pop("format_version", None)
    if type(version) is not int or version not in READABLE_VERSIONS:
        raise BenchmarkError(
            f"{path}: expected results format {' or '.join(map(str, READABLE_VERSIONS))}; got {version!r}. "
            "Measure again, or use the fomm-rt that wrote it"
        )
    try:
        run = msgspec.convert(_fields(document, version), RunResult, str_keys=True)
        _check_consistency(run)
    except (msgspec.ValidationError, ValueError) as error:
        raise BenchmarkError(f"{path}: a field is missing or wrong ({error}); measure again") from error
    return run


def _fields(document: dict[str, Any], version: int) -> dict[str, Any]:
    """The fields of `RunResult`; values of a wrong type stay as they are and are rejected later."""
    document.pop("warnings", None)  # --json adds them
    contestants = document.get("contestants")
    for contestant in contestants if isinstance(contestants, list) else ():
        if isinstance(contestant, dict):
            for name in DERIVED:
                contestant.pop(name, None)
            if version == 1 and isinstance(batches := contestant.get("batches_ms"), dict):
                contestant["batches_ms"] = {size: [calls] for size, calls in batches.items()}
    if version == 1:
        reference = document.pop("reference", None)
        document["references"] = {} if reference is None else dict.fromkeys(DEVICE_TYPES, reference)
    return document


def _check_consistency(run: RunResult) -> None:
    """Raises ValueError if fields contradict each other."""
    names = [contestant.name for contestant in run.contestants]
    for index, contestant in enumerate(run.contestants):
        where = f"`$.contestants[{index}]`"
        if names.index(contestant.name) < index:
            raise ValueError(f"Expected every contestant once, got {contestant.name!r} again - at {where}")
        has_times = any(contestant.rounds_ms)
        if has_times != (contestant.state == "measured"):
            raise ValueError(f"Expected times if and only if the state is 'measured' - at {where}")
        for size, rounds in contestant.batches_ms.items():
            if not has_times or not rounds or not all(rounds):
                raise ValueError(f"Expected times of every round for batch {size} - at {where}")
    for name in run.references.values():
        if name not in names:  # a reference may have failed after the comparison
            raise ValueError(f"Expected a contestant, got {name!r} - at `$.references`")
