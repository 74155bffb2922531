"""Tells whether a result was made from the same inputs with the same options, and is whole."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from fomm_rt.batch.job import Job
from fomm_rt.bundled import open_model
from fomm_rt.media.write.picture_sequence import is_pattern, pictures_of
from fomm_rt.model.folder import sha256_of
from fomm_rt.model.manifest import MANIFEST_NAME

RESULTS = 1
"""Number of what results look like. It grows when the same inputs and options give other frames."""


class Identities:
    """Identities of jobs. A file is read once, as long as its size and its time of change stay.

    Args:
        settings: Further options that decide what results look like.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._files: dict[tuple[str, int, int], str] = {}
        self._models: dict[str | None, str] = {}

    def of(self, job: Job, model: str | None) -> str:
        """The identity of a job with absolute paths: SHA-256 of the contents of its inputs, its options and model.

        An input that cannot be read counts as missing.

        Raises:
            ModelError: The model cannot be opened.
        """
        options = msgspec.to_builtins(job)
        for name in ("source", "driving", "output", "further_driving", "motion_output", "model"):
            options.pop(name, None)
        document = {
            "results": RESULTS,
            "settings": self._settings,
            "model": self._model(model),
            "inputs": [self._content(path) for path in job.inputs],
            # Their endings choose how they are read and written.
            "endings": [Path(path).suffix.lower() for path in (*job.inputs, *job.outputs)],
            "options": options,
        }
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()

    def check_model(self, model: str | None) -> None:
        """Raises ModelError if a model cannot be opened."""
        self._model(model)

    def _model(self, model: str | None) -> str:
        if model not in self._models:
            # The manifest holds the hashes of all graphs.
            self._models[model] = sha256_of(open_model(model).path / MANIFEST_NAME)
        return self._models[model]

    def _content(self, path: str) -> str | None:
        if (version := version_of(path)) is None:
            return None
        key = (path, *version)
        try:
            if key not in self._files:
                self._files[key] = sha256_of(Path(path))
            return self._files[key]
        except OSError:
            return None


def version_of(path: str) -> tuple[int, int] | None:
    """Size and time of change of a file, by which a changed file is noticed; None if it cannot be looked at."""
    try:
        info = os.stat(path)  # noqa: PTH116  a Path would refuse what is no path
    except (OSError, ValueError):
        return None
    return info.st_size, info.st_mtime_ns


_DIGEST_BYTES = 16


class Fingerprint(Struct):
    """The files of a result.

    Attributes:
        size_bytes: Of all files together.
        newest_ns: Time of the latest change.
        digests: Of their contents, in order; see `digest_of`.
    """

    size_bytes: int
    newest_ns: int
    digests: bytes


def result_files(job: Job) -> list[Path]:
    """The files of a job's result that exist; paths of the job are absolute."""
    found = []
    for path in map(Path, job.outputs):
        found += pictures_of(path) if is_pattern(path) else [path] * path.is_file()
    return found


def fingerprint(job: Job) -> Fingerprint:
    """The fingerprint of a job's result. Raises OSError if a file cannot be read."""
    files = result_files(job)
    return Fingerprint(*_sizes(files), b"".join(map(digest_of, files)))


def is_whole(job: Job, known: Fingerprint) -> bool:
    """True if a job's result is there as it was made."""
    try:
        files = result_files(job)
        size_bytes, newest_ns = _sizes(files)
        if (len(files) * _DIGEST_BYTES, size_bytes) != (len(known.digests), known.size_bytes) or not files:
            return False
        return newest_ns == known.newest_ns or b"".join(map(digest_of, files)) == known.digests
    except OSError:
        return False


def digest_of(file: Path) -> bytes:
    """The first 16 bytes of the SHA-256 of a file. Raises OSError if it cannot be read."""
    return bytes.fromhex(sha256_of(file))[:_DIGEST_BYTES]


def split_digests(digests: bytes) -> list[bytes]:
    """Digests that were joined."""
    return [digests[begin : begin + _DIGEST_BYTES] for begin in range(0, len(digests), _DIGEST_BYTES)]


def _sizes(files: Iterable[Path]) -> tuple[int, int]:
    infos = [file.stat() for file in files]
    return sum(info.st_size for info in infos), max((info.st_mtime_ns for info in infos), default=0)
