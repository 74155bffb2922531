"""Results as a file: JSON that says its format and version, written whole or not at all.

Versions: 1 had one "reference" for all devices and calls of batches in one list; it is read as well. 2 has a reference
for each device, calls by round, and may have "busy_cores" and "build_s".
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fomm_bench.results.json_shape import ShapeError
from fomm_bench.results.run_result import Results, device_type
from fomm_bench.results.schema import check_results
from fomm_rt.errors import BenchmarkError
from fomm_rt.files.staging import replacing

FORMAT = "fomm-rt benchmark"
FORMAT_VERSION = 2
READ_VERSIONS = (1, FORMAT_VERSION)


def document_of(results: Results) -> dict[str, Any]:
    """The content of a results file."""
    return {"format": FORMAT, "format_version": FORMAT_VERSION, **results.as_json()}


def write_results(path: Path, results: Results) -> None:
    """Writes results, replacing an earlier file at once.

    Raises:
        OutputError: The file cannot be written.
    """
    write_document(path, document_of(results))


def write_document(path: Path, document: dict[str, Any]) -> None:
    """Writes plain JSON values, replacing an earlier file at once.

    Raises:
        OutputError: The file cannot be written.
    """
    with replacing(path) as staged:
        staged.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def read_results(path: Path) -> Results:
    """Reads results; whatever is shown of them can be made of what this returns.

    Raises:
        BenchmarkError: Not a file of results, one of another version, or a field is missing or wrong.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except OSError as error:
        raise BenchmarkError(
            f"{path}: cannot be read ({error.strerror}); give a results.json of fomm-rt bench"
        ) from error
    except (ValueError, RecursionError) as error:
        raise BenchmarkError(f"{path}: expected results of fomm-rt bench; it is no JSON ({error})") from error
    found = document.pop("format", None) if isinstance(document, dict) else None
    if found != FORMAT:
        raise BenchmarkError(f"{path}: expected results of fomm-rt bench; its format is {found!r}, not {FORMAT!r}")
    version = document.pop("format_version", None)
    if type(version) is not int or version not in READ_VERSIONS:
        raise BenchmarkError(
            f"{path}: has results format {version!r}; this fomm-rt reads {' and '.join(map(str, READ_VERSIONS))}. "
            "Measure again, or use the version that wrote it"
        )
    try:
        check_results(document, version)
    except ShapeError as error:
        raise BenchmarkError(f"{path}: a field is missing or wrong ({error}); measure again") from error
    document.pop("warnings", None)
    return Results.from_json(document if version == FORMAT_VERSION else _upgraded(document))


def _upgraded(document: dict[str, Any]) -> dict[str, Any]:
    """A checked document of version 1 -> 2."""
    reference = document.pop("reference", None)
    devices = {device_type(contestant["on_gpu"]) for contestant in document["contestants"]}
    document["references"] = {} if reference is None else dict.fromkeys(sorted(devices), reference)
    for contestant in document["contestants"]:
        contestant["batches_ms"] = {size: [calls] for size, calls in contestant.get("batches_ms", {}).items()}
    return document


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")
