"""Gets the checkpoint of a model: tries sources in order until one sends a file that is accepted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from fomm_fetch.catalog import CatalogEntry, Source
from fomm_fetch.connection import RetryPolicy, SourceError
from fomm_fetch.disk_space import check_space
from fomm_fetch.download import Download
from fomm_fetch.partial_file import PartialFile
from fomm_fetch.progress import FetchProgress, ProgressCallback
from fomm_fetch.verification import FileHashes, RefusedFileError, verify
from fomm_rt.errors import FetchError
from fomm_rt.model.fetch_record import FetchRecord, Verification
from fomm_rt.model.installed import ModelPlace

_CHECK_CONNECTION = (
    "No source can be reached: check the network connection and HTTPS_PROXY, then run the same command again"
)


@dataclass(frozen=True)
class Accepted:
    """A checkpoint that may be exported.

    Attributes:
        path: The file.
        hashes: Its size and hashes.
        verified_by: How it was verified.
        source: URL or path that it came from.
    """

    path: Path
    hashes: FileHashes
    verified_by: Verification
    source: str


@dataclass(frozen=True)
class Search:
    """A search for a checkpoint.

    Attributes:
        entry: The model.
        place: Where it will be installed.
        recorded: The checkpoint that was accepted earlier under its name.
        trust: True to accept a file that no known hash verifies. A published hash is only overruled for a file that the
            user names with `given`.
        given: A URL or a path that the user names, instead of the sources of the entry.
        catalog: All entries, to recognise a mistaken one.
        retry_policy: For sources.
        progress: Called while it works.
    """

    entry: CatalogEntry
    place: ModelPlace
    recorded: FetchRecord | None
    trust: bool
    given: str | None
    catalog: Iterable[CatalogEntry]
    retry_policy: RetryPolicy
    progress: ProgressCallback

    def obtain(self) -> Accepted:
        """Returns the first file that is accepted: the user's, a kept one, or a downloaded one.

        Raises:
            FetchError: There is none; the message gives the reason of each source.
        """
        if self.given is not None:
            url = as_url(self.given)
            file = users_file(self.given, self.entry.file_name)
            return self._local(file, True) if url is None else self._download([Source(url)])
        kept = self.place.checkpoint / self.entry.file_name
        if kept.is_file():
            try:
                return self._local(kept, False)
            except FetchError as error:
                self.progress(FetchProgress("notice", f"{error}; downloading it again"))
        if self.entry.verified_by is None and self.recorded is None and not self.trust:
            raise FetchError(
                f"{self.entry.name}: no hash of {self.entry.file_name} is known, so it cannot be verified. To accept "
                f"what {self.entry.sources[0].host} sends, add --trust; later fetches then compare with its SHA-256"
            )
        return self._download(self.entry.sources)

    def _local(self, path: Path, is_users: bool) -> Accepted:
        if not path.is_file():
            raise FetchError(f"{path}: there is no such file; give --from the path or the URL of a checkpoint")
        try:
            hashes, verified_by = self._verify(path, is_users)
        except RefusedFileError as error:
            advice = ". To accept it anyway, add --trust" if is_users and error.trust_helps else ""
            raise FetchError(f"{path} {error}{advice}") from error
        except OSError as error:
            raise FetchError(f"{path}: cannot be read ({error.strerror}); change its permissions") from error
        source = self.recorded.source if self.recorded is not None and not is_users else str(path.absolute())
        return Accepted(path, hashes, verified_by, source)

    def _download(self, sources: Iterable[Source]) -> Accepted:
        if self.given is None:
            have = PartialFile(self.place.download / self.entry.file_name).size_bytes
            check_space(self.place.models, max(self.entry.likely_bytes - have, 0))
        failures: list[str] = []
        is_reachable = False
        for source in sources:
            if failures:
                self.progress(FetchProgress("notice", f"{failures[-1]}; trying {source.host}"))
            try:
                return self._from_source(source)
            except (SourceError, RefusedFileError) as error:
                failures.append(f"{source.url} {error}")
                is_reachable |= not (isinstance(error, SourceError) and error.is_unreachable)
        listed = "\n".join(f"  {failure}" for failure in failures)
        advice = self._advice() if is_reachable else _CHECK_CONNECTION
        raise FetchError(f"{self.entry.name}: no source sent {self.entry.file_name}:\n{listed}\n{advice}")

    def _from_source(self, source: Source) -> Accepted:
        is_users, entry = self.given is not None, self.entry
        file = PartialFile(self.place.download / entry.file_name)
        download = Download(
            file,
            entry.file_name,
            None if is_users else entry.size_bytes,
            entry.verified_by is not None and not (is_users and self.trust),
            lambda count: check_space(self.place.models, count),
            self.retry_policy,
            self.progress,
        )
        while True:
            download.run(source)
            try:
                hashes, verified_by = self._verify(file.path, is_users)
            except RefusedFileError as error:
                was_fresh = file.is_fresh
                file.discard()
                if was_fresh:
                    raise RefusedFileError(f"sent a file that {error}") from error
                # The pieces may not have belonged together.
                self.progress(FetchProgress("notice", f"the resumed file {error}; downloading it from the beginning"))
                continue
            resume_info = file.resume_info
            return Accepted(file.path, hashes, verified_by, resume_info.url if resume_info else source.url)

    def _verify(self, path: Path, is_users: bool) -> tuple[FileHashes, Verification]:
        self.progress(FetchProgress("verifying", f"verifying {path.name}"))
        trust = self.trust and (is_users or self.entry.verified_by is None)
        return verify(path, self.entry, self.recorded, trust=trust, catalog=self.catalog)

    def _advice(self) -> str:
        advice = "Look for that file elsewhere, for example with a web browser, and give it with --from FILE"
        if self.entry.verified_by is not None:
            advice += f"; its {self.entry.verified_by} is verified"
        return advice if self.given is None or self.trust else f"{advice}. To accept another file, add --trust"


def as_url(given: str) -> str | None:
    """The URL in an argument of --from; None if it is a path.

    Raises:
        FetchError: A URL of a kind that cannot be downloaded.
    """
    scheme = urlsplit(given).scheme.lower()
    if scheme in ("http", "https"):
        return given
    if "://" in given and scheme != "file":
        raise FetchError(f"{given}: expected an http or https URL, or the path of a file; got {scheme}://")
    return None


def users_file(given: str, file_name: str) -> Path:
    """The file in an argument of --from: a path or a file:// URL, of the file itself or of its folder."""
    is_file_url = given.lower().startswith("file://")
    path = Path(url2pathname(unquote(urlsplit(given).path)) if is_file_url else given).expanduser()
    return path / file_name if path.is_dir() else path
