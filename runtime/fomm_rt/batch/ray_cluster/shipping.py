"""Files for machines that do not see them: sent through the object store of the cluster, where they are small.

A file counts as seen if the other machine has one of the same path, size and time of change, as on shared storage.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from filelock import FileLock
from msgspec import Struct
from platformdirs import user_cache_path

from fomm_rt.batch.identity import result_files
from fomm_rt.batch.job import Job
from fomm_rt.bundled import open_model
from fomm_rt.errors import BatchError
from fomm_rt.files.hidden_folder import HiddenFolder
from fomm_rt.files.leftovers import remove_leftovers
from fomm_rt.files.staging import StagedFolder, replacing, reporting_failures
from fomm_rt.media.read.input_file import open_file
from fomm_rt.media.write.picture_sequence import is_pattern, pictures_of
from fomm_rt.model.folder import sha256_of
from fomm_rt.model.manifest import MANIFEST_NAME
from fomm_rt.model.names import find_model

LARGEST_BYTES = 256 << 20
"""Larger files are not sent; put them on storage that all machines see."""

Signature = tuple[int, int]
"""Size and time of change of a file."""


class ModelReference(Struct, frozen=True):
    """A model folder of the machine that starts the jobs.

    Attributes:
        path: Absolute; None for the bundled model.
        manifest_sha256: Of its manifest, which holds the hashes of all of its files.
    """

    path: str | None
    manifest_sha256: str


def refer_to_model(model: str | None) -> ModelReference:
    """Raises ModelError if there is no such model."""
    found = find_model(model)
    sha256 = sha256_of(open_model(model).path / MANIFEST_NAME)
    return ModelReference(None if found is None else str(found.absolute()), sha256)


def model_files(reference: ModelReference) -> dict[str, bytes]:
    """The files of a model folder, to be sent."""
    folder = open_model(reference.path)
    names = [MANIFEST_NAME, *dict.fromkeys(file.file for file in folder.manifest.files)]
    return {name: (folder.path / name).read_bytes() for name in names}


def seen_model(reference: ModelReference) -> tuple[bool, str | None]:
    """Whether this machine has a model, and what `Animator.load` takes for it."""
    if reference.path is None:
        return True, None
    for folder in (Path(reference.path), _received_folder(reference)):
        if _is_model(folder, reference):
            return True, str(folder)
    return False, None


def keep_model(reference: ModelReference, files: Mapping[str, bytes]) -> None:
    """Puts a model that was sent into this user's cache, once a machine. Anything else there is replaced."""
    folder = _received_folder(reference)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if _is_model(folder, reference):
            return
        remove_leftovers(folder.parent)
        with HiddenFolder(folder.parent) as hidden:
            for name, content in files.items():
                (hidden.new / name).write_bytes(content)
            if folder.exists():
                folder.rename(hidden.path / "earlier")
            hidden.new.rename(folder)


def read_to_send(path: str) -> bytes:
    """Reads an input that another machine does not see.

    Raises:
        MediaError: There is no such file, or it cannot be read.
        BatchError: It is too large.
    """
    with open_file(Path(path)) as file:
        size = os.fstat(file.fileno()).st_size
        if size > LARGEST_BYTES:
            raise BatchError(
                f"{path}: a machine of the cluster does not see it, and {size >> 20} MiB are more than the "
                f"{LARGEST_BYTES >> 20} MiB that are sent; put it on storage that all machines see"
            )
        return file.read()


def pack_results(job: Job) -> dict[str, list[tuple[str, bytes]]]:
    """The files of a result, to be sent back: output of the job -> names and contents.

    Raises:
        BatchError: They are too large.
    """
    if sum(file.stat().st_size for file in result_files(job)) > LARGEST_BYTES:
        raise BatchError(
            f"the machine does not see the folder of results, and the result is larger than the "
            f"{LARGEST_BYTES >> 20} MiB that are sent; put the folder on storage that all machines see"
        )
    packed = {}
    for output in job.outputs:
        files = pictures_of(Path(output)) if is_pattern(Path(output)) else [Path(output)]
        packed[output] = [(file.name, file.read_bytes()) for file in files]
    return packed


def place_results(outputs: Sequence[str], packed: Sequence[list[tuple[str, bytes]]]) -> None:
    """Writes the files of a result that was sent, each completely or not at all.

    Args:
        outputs: The outputs of the job on this machine.
        packed: Names and contents for each.

    Raises:
        OutputError: They cannot be written.
    """
    for output, files in zip(outputs, packed, strict=True):
        target = Path(output)
        if is_pattern(target):
            with StagedFolder(target) as staged:
                with reporting_failures(target):
                    for name, content in files:
                        (staged.path / name).write_bytes(content)
                staged.obsolete = [file.name for file in pictures_of(target)]
                staged.commit()
        else:
            with replacing(target) as path:
                path.write_bytes(files[0][1])


def _is_model(folder: Path, reference: ModelReference) -> bool:
    try:
        return sha256_of(folder / MANIFEST_NAME) == reference.manifest_sha256
    except OSError:
        return False


def _received_folder(reference: ModelReference) -> Path:
    return user_cache_path("fomm-rt", appauthor=False) / "batch-models" / reference.manifest_sha256
