"""Fetches a published model by name: download, verification, export, record."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fomm_fetch.catalog import CATALOG, CatalogEntry, entry_of
from fomm_fetch.connection import RetryPolicy
from fomm_fetch.disk_space import check_space
from fomm_fetch.obtain import Accepted, Search, as_url, users_file
from fomm_fetch.progress import FetchProgress, ProgressCallback
from fomm_rt.errors import CheckpointError, FetchError, ModelError, OutputError
from fomm_rt.machine.export_extra import how_to_install, missing_for_export
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.model.fetch_record import FetchRecord, read_record, write_record
from fomm_rt.model.folder import ModelFolder, open_model_folder, sha256_of
from fomm_rt.model.installed import ModelPlace, place_of
from fomm_rt.model.manifest import CPU_INT8

if TYPE_CHECKING:
    from fomm_export.export_model import ExportOptions


@dataclass(frozen=True)
class FetchOptions:
    """Options of a fetch.

    Attributes:
        size: Side of the frames in pixels; None for the training size.
        int8: True to make int8 graphs as well.
        calibrate: Clips that set the scales of int8.
        source: A URL or a path to take the checkpoint from, instead of the known sources.
        trust: True to accept a file that no known hash verifies.
        keep_checkpoint: True to keep a downloaded checkpoint beside the model.
        retry_policy: For sources.
    """

    size: int | None = None
    int8: bool = False
    calibrate: Sequence[Path] = ()
    source: str | None = None
    trust: bool = False
    keep_checkpoint: bool = False
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)

    @property
    def accepts_installed(self) -> bool:
        """True if an installed model is accepted whatever its options, as none are given."""
        return self.size is None and not self.int8

    @property
    def keeps_download(self) -> bool:
        """True if a downloaded checkpoint is to be kept. A file of the user's stays where it is."""
        return self.keep_checkpoint and (self.source is None or as_url(self.source) is not None)


@dataclass(frozen=True)
class FetchResult:
    """A model that is installed.

    Attributes:
        folder: The model folder.
        record: Where its checkpoint came from; None for a model that was there and has no record.
        was_there: True if the model was there already, so nothing was exported.
        checkpoint: The kept checkpoint; None if it was not kept.
    """

    folder: ModelFolder
    record: FetchRecord | None
    was_there: bool
    checkpoint: Path | None


def fetch_model(
    name: str,
    options: FetchOptions | None = None,
    progress: ProgressCallback = lambda _report: None,
    *,
    catalog: Mapping[str, CatalogEntry] = CATALOG,
) -> FetchResult:
    """Installs a published model under its name; does nothing if it is there with these options.

    The download can be interrupted: the next call resumes it. Another process that fetches the same model is waited
    for.

    Args:
        name: A name in the catalog.
        options: How to fetch and export it.
        progress: Called while it works.
        catalog: The known models.

    Raises:
        FetchError: The name is unknown, no source sends an acceptable file, or the disk is full.
        CheckpointError, MediaError, OutputError, ParityError: The export failed; see `export_checkpoint`.
        ModelError: There is no folder for models, or it cannot be written.
    """
    options = options or FetchOptions()
    entry = entry_of(name, catalog)
    _check(entry, options)
    place = place_of(name)

    def on_wait() -> None:
        progress(FetchProgress("waiting", f"another fomm-rt is fetching {name}; waiting for it"))

    with place.locked(on_wait):
        recorded = _recorded(place)
        search = Search(
            entry, place, recorded, options.trust, options.source, catalog.values(), options.retry_policy, progress
        )
        there = _there(place, entry, recorded, options, progress)
        if there is not None:
            if options.keeps_download and _kept(place, entry) is None:
                _keep_checkpoint_of(there, search)
            return FetchResult(there, recorded, True, _kept(place, entry))
        _check_output(place)
        accepted = search.obtain()
        folder = _export(entry, place, accepted, options, progress)
        record = FetchRecord(
            name,
            accepted.source,
            accepted.hashes.sha256,
            accepted.hashes.size_bytes,
            accepted.verified_by,
            int8=options.int8,
            calibrated_on=tuple(map(sha256_of, options.calibrate)),
        )
        write_record(place.record, record)
        _tidy(place, entry, accepted, options.keeps_download)
        return FetchResult(folder, record, False, _kept(place, entry))


def _check(entry: CatalogEntry, options: FetchOptions) -> None:
    """Refuses options that would fail only after the download."""
    if missing := missing_for_export():
        raise FetchError(f"nothing was downloaded: {how_to_install(missing)}")
    from fomm_export.checkpoints.configuration_file import load_configuration

    if options.calibrate and not options.int8:
        raise FetchError("clips to calibrate on are for int8; ask for int8 as well")
    configuration = load_configuration(entry.configuration)
    try:
        configuration.check_size(options.size or configuration.frame_size)
    except ValueError as error:
        raise FetchError(f"--size: {error}") from error
    for clip in options.calibrate:
        with VideoReader(clip):
            pass
    if options.source is not None and as_url(options.source) is None:
        file = users_file(options.source, entry.file_name)
        if not file.is_file():
            raise FetchError(f"{file}: there is no such file; give --from the path or the URL of a checkpoint")


def _recorded(place: ModelPlace) -> FetchRecord | None:
    record = read_record(place.record)
    return record if record is None or record.name == place.name else None


def _there(
    place: ModelPlace,
    entry: CatalogEntry,
    recorded: FetchRecord | None,
    options: FetchOptions,
    progress: ProgressCallback,
) -> ModelFolder | None:
    """The installed model, if it is complete and was made with these options."""
    if not place.folder.exists():
        return None
    try:
        folder = open_model_folder(place.folder)
        folder.check()
    except ModelError as error:
        progress(FetchProgress("notice", f"{error}. Fetching it again"))
        return None
    if options.source is not None and not _is_from(options.source, entry, folder, recorded):
        return None
    return folder if _fits(folder, recorded, options) else None


def _fits(folder: ModelFolder, recorded: FetchRecord | None, options: FetchOptions) -> bool:
    if options.accepts_installed:
        return True
    manifest = folder.manifest
    if (options.size or manifest.configuration["frame_size"]) != manifest.size:
        return False
    if not options.int8:
        return True
    if CPU_INT8 not in manifest.variants or not options.calibrate:
        return CPU_INT8 in manifest.variants
    return recorded is not None and recorded.calibrated_on == tuple(map(sha256_of, options.calibrate))


def _is_from(source: str, entry: CatalogEntry, folder: ModelFolder, recorded: FetchRecord | None) -> bool:
    if as_url(source) is not None:
        return recorded is not None and recorded.source == source
    return sha256_of(users_file(source, entry.file_name)) == folder.manifest.weights.sha256


def _keep_checkpoint_of(folder: ModelFolder, search: Search) -> None:
    """Gets the checkpoint that an installed model was exported from, and keeps it beside the model."""
    accepted, sha256 = search.obtain(), folder.manifest.weights.sha256
    if accepted.hashes.sha256 != sha256:
        name = search.entry.name
        raise FetchError(
            f"{name}: the installed model was exported from another checkpoint, of SHA-256 {sha256}; {accepted.source} "
            f"has {accepted.hashes.sha256}. The model was left as it is. To replace it, run: fomm-rt models remove "
            f"{name}, then fetch it again"
        )
    _tidy(search.place, search.entry, accepted, keep=True)


def _check_output(place: ModelPlace) -> None:
    from fomm_export.output_folder import check_output

    try:
        check_output(place.folder)
    except OutputError as error:
        raise FetchError(
            f"{place.folder}: expected nothing or an earlier model that can be replaced; found other files. If you do "
            f"not need them, run: fomm-rt models remove {place.name}"
        ) from error


def _export(
    entry: CatalogEntry, place: ModelPlace, accepted: Accepted, options: FetchOptions, progress: ProgressCallback
) -> ModelFolder:
    check_space(place.models, 0)
    progress(FetchProgress("exporting", "loading torch"))
    from fomm_export.export_model import export_checkpoint

    try:
        return export_checkpoint(
            accepted.path,
            place.folder,
            config=entry.configuration,
            options=_export_options(options),
            progress=lambda step: progress(FetchProgress("exporting", step)),
        )
    except CheckpointError:
        if accepted.verified_by == "trust":
            shutil.rmtree(place.download, ignore_errors=True)  # another try downloads another file
        raise


def _export_options(options: FetchOptions) -> ExportOptions:
    from fomm_export.export_model import ExportOptions

    return ExportOptions(options.size, int8=options.int8, calibrate=options.calibrate)


def _tidy(place: ModelPlace, entry: CatalogEntry, accepted: Accepted, keep: bool) -> None:
    """Keeps the downloaded checkpoint, or removes it."""
    if keep and accepted.path.parent == place.download:
        place.checkpoint.mkdir(exist_ok=True)
        accepted.path.replace(place.checkpoint / entry.file_name)
    shutil.rmtree(place.download, ignore_errors=True)


def _kept(place: ModelPlace, entry: CatalogEntry) -> Path | None:
    kept = place.checkpoint / entry.file_name
    return kept if kept.is_file() else None
