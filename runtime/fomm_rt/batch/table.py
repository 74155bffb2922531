"""Reads jobs from a table: CSV (commas, semicolons or tabs) with a header, or one JSON object a line (.jsonl)."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from fomm_rt.batch.columns import ColumnError, check_column, fields_of, job_of
from fomm_rt.batch.job import Job
from fomm_rt.errors import BatchError
from fomm_rt.files.typed_json import parse_json

LARGEST_BYTES = 1 << 28
_JSON_SUFFIXES = (".jsonl", ".ndjson")
_DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Placed:
    """A job, and where it was written, such as "line 3"."""

    job: Job
    where: str


class Faults:
    """Collects the faults of a table, to tell all of them at once.

    Args:
        name: What has the faults.
    """

    MOST_TOLD = 20

    def __init__(self, name: str) -> None:
        self._name = name
        self._faults: list[str] = []

    def add(self, where: str, sentence: str) -> None:
        """Takes a fault; `where` is such as "line 3, column smooth"."""
        self._faults.append(f"{where}: {sentence}")

    def check(self) -> None:
        """Raises BatchError if there are faults."""
        if not self._faults:
            return
        if len(self._faults) == 1:
            raise BatchError(f"{self._name}, {self._faults[0]}")
        told = self._faults[: self.MOST_TOLD]
        rest = len(self._faults) - len(told)
        lines = [f"{self._name} has {len(self._faults)} faults:", *told, *([f"and {rest} more"] if rest else [])]
        raise BatchError("\n  ".join(lines))


def read_table(path: Path, defaults: Mapping[str, Any], ending: str, faults: Faults) -> list[Placed]:
    """Reads the jobs of a table; paths stay as they are written.

    Args:
        path: Ends in .jsonl or .ndjson for JSON; anything else is CSV.
        defaults: Field of a job -> value, for rows without it.
        ending: Of results that the table does not name, such as ".mp4"; they are named after their source.
        faults: Takes what is wrong.

    Raises:
        BatchError: The table cannot be read, or holds no jobs.
    """
    text = _read(path)
    rows = _json_rows(text, faults) if path.suffix.lower() in _JSON_SUFFIXES else _csv_rows(text, faults)
    placed = []
    is_empty = True
    for where, values in rows:
        is_empty = False
        named = dict(values)
        if not named.get("output", "").strip() and "output" not in defaults and named.get("source", "").strip():
            named["output"] = f"{Path(named['source'].strip()).stem}{ending}"
        try:
            placed.append(Placed(job_of({**defaults, **fields_of(named)}), where))
        except ColumnError as error:
            faults.add(f"{where}, column {error.column}", str(error))
        except ValueError as error:
            faults.add(where, str(error))
    if is_empty:
        faults.check()
        raise BatchError(f"{path} holds no jobs; expected a header such as source,driving,output and a row for each")
    return placed


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise BatchError(f"{path}: expected a table of at most {LARGEST_BYTES >> 20} MiB; it is larger")
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise BatchError(f"{path}, line {line}: expected UTF-8; save the table in this encoding") from None
    except OSError as error:
        raise BatchError(f"{path}: the table cannot be read ({error.strerror}); check the path") from error


def _csv_rows(text: str, faults: Faults) -> Iterator[tuple[str, Mapping[str, str]]]:
    head = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=head.count)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
    names: list[str] | None = None
    last = 0
    try:
        for row in reader:
            where, last = f"line {last + 1}", reader.line_num
            if not any(cell.strip() for cell in row):
                continue
            if names is None:
                names = [cell.strip() for cell in row]
                _check_header(where, names, faults)
            elif len(row) > len(names):
                faults.add(where, f"expected {len(names)} values, as many as the header has; got {len(row)}")
            else:
                yield where, dict(zip(names, row, strict=False))
    except csv.Error as error:
        faults.add(f"line {last + 1}", f"expected CSV; {error}")


def _check_header(where: str, names: list[str], faults: Faults) -> None:
    for index, name in enumerate(names):
        if not name:
            faults.add(f"{where}, column {index + 1}", "expected a name in the header; got nothing")
        elif name in names[:index]:
            faults.add(f"{where}, column {name}", "the header names it twice")
        else:
            _check_name(where, name, faults)
    faults.check()


def _json_rows(text: str, faults: Faults) -> Iterator[tuple[str, Mapping[str, str]]]:
    known: set[str] = set()
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"line {number}"
        try:
            document = parse_json(line)
            if not isinstance(document, dict):
                raise ValueError(f"got {line.strip()[:40]!r}")
        except ValueError as error:
            faults.add(where, f"expected a JSON object; {error}")
            continue
        unknown = [name for name in document if name not in known]
        if all(_check_name(where, name, faults) for name in unknown):
            known.update(unknown)
            values = {}
            for name, value in document.items():
                try:
                    values[name] = _written(value)
                except ValueError as error:
                    faults.add(f"{where}, column {name}", str(error))
            yield where, values


def _check_name(where: str, name: str, faults: Faults) -> bool:
    try:
        check_column(name)
    except ColumnError as error:
        faults.add(f"{where}, column {name}", str(error))
        return False
    return True


def _written(value: Any) -> str:
    """The text of a JSON value, as it would be written in CSV."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return format(Decimal(repr(value)).normalize(), "f")  # all digits, without an exponent
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return "|".join(value)
    if isinstance(value, list) and len(value) == 2 and all(isinstance(each, int) for each in value):
        return f"{value[0]}x{value[1]}"
    raise ValueError(f"expected a text, a number, true or false; got {value!r}")
