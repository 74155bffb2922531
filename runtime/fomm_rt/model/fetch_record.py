"""The record of `fomm-rt fetch` beside a model: where its checkpoint came from and how it was verified."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from fomm_rt.errors import ModelError
from fomm_rt.files.staging import replacing
from fomm_rt.files.typed_json import Sha256, parse_json, typed
from fomm_rt.model.names import models_folder
from fomm_rt.printable import strings_on_one_line

SUFFIX = ".fetched.json"
"""A record is beside its model folder, under the name of the folder with this ending."""

Verification = Literal["SHA-256", "MD5", "trust"]
"""How a checkpoint was verified; "trust" means that the user accepted it without a known hash."""


@dataclass(frozen=True)
class FetchRecord:
    """A checkpoint that was accepted under a name, and the options of its export.

    Attributes:
        name: Of the model.
        source: Address or path of the checkpoint.
        sha256, size_bytes: Of the checkpoint. A later fetch compares with this hash.
        verified_by: How it was verified.
        fetched: Time in ISO 8601, with a time zone.
        int8: True if int8 graphs were made.
        calibrated_on: SHA-256 of each clip that set their scales.
    """

    name: str
    source: str
    sha256: Sha256
    size_bytes: Annotated[int, Meta(ge=1)]
    verified_by: Verification
    fetched: str = field(default_factory=lambda: datetime.now().astimezone().isoformat(timespec="seconds"))
    int8: bool = False
    calibrated_on: tuple[Sha256, ...] = ()

    def describe(self) -> str:
        """One phrase for people."""
        trusted = self.verified_by == "trust"
        how = "accepted without a known hash" if trusted else f"verified by {self.verified_by}"
        return f"{self.source}, {how}, {self.fetched[:10]}"

    def as_json(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return asdict(self)


def read_record(path: Path) -> FetchRecord | None:
    """Reads a record; None if there is none.

    Raises:
        ModelError: The file cannot be read, or is no record.
    """
    try:
        return typed(strings_on_one_line(parse_json(path.read_text(encoding="utf-8"))), FetchRecord)
    except FileNotFoundError:
        return None
    except (ValueError, OSError, RecursionError) as error:
        raise ModelError(
            f"{path}: expected a record of fomm-rt fetch; it cannot be read ({error}). Remove the model with "
            f"fomm-rt models remove {path.name.split('.')[0]}, then fetch it again"
        ) from error


def record_beside(folder: Path) -> FetchRecord | None:
    """Reads the record of an installed model; None for a folder that was not fetched.

    Only records in the user's models folder count: elsewhere, anyone may have written one.

    Raises:
        ModelError: The record cannot be read, or is no record.
    """
    try:
        models = models_folder()
    except ModelError:  # the user has no home
        return None
    if folder.parent.resolve() != models.resolve():
        return None
    return read_record(folder.parent / f"{folder.name}{SUFFIX}")


def write_record(path: Path, record: FetchRecord) -> None:
    """Writes a record in place of an earlier one.

    Raises:
        OutputError: It cannot be written.
    """
    with replacing(path) as staged:
        staged.write_text(json.dumps(record.as_json(), indent=2) + "\n", encoding="utf-8")
