"""Results as a file: JSON that says its format and version, written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fomm_bench.results import Results
from fomm_bench.table import render
from fomm_rt.errors import BenchmarkError
from fomm_rt.media.staging import StagedOutput, reporting_failures

FORMAT = "fomm-rt benchmark"
FORMAT_VERSION = 1


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
    with StagedOutput(path) as staged:
        with reporting_failures(path):
            staged.path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        staged.commit()


def read_results(path: Path) -> Results:
    """Reads results.

    Raises:
        BenchmarkError: Not a file of results, or one of another version.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BenchmarkError(
            f"{path}: cannot be read ({error.strerror}); give a results.json of fomm-rt bench"
        ) from error
    except (ValueError, RecursionError) as error:
        raise BenchmarkError(f"{path}: expected results of fomm-rt bench; it is no JSON ({error})") from error
    found = document.get("format") if isinstance(document, dict) else None
    if found != FORMAT:
        raise BenchmarkError(f"{path}: expected results of fomm-rt bench; its format is {found!r}, not {FORMAT!r}")
    version = document.get("format_version")
    if version != FORMAT_VERSION:
        raise BenchmarkError(
            f"{path}: has results format {version!r}; this fomm-rt reads {FORMAT_VERSION}. "
            "Measure again, or use the version that wrote it"
        )
    try:
        results = Results.from_json({k: v for k, v in document.items() if k not in ("format", "format_version")})
        render(results)  # whatever is shown later can be made of it
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise BenchmarkError(
            f"{path}: a field is missing or wrong ({type(error).__name__}: {error}); measure again"
        ) from error
    return results
