"""The whole way from a name to an installed model."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import threading
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from clips import write_clip
from fakes.export import FakeExport
from fakes.file_server import CONTENT, FakeFileServer, ServerOf, cut_after, reset_after, says, sends, serve_part
from fetch_models import entry_for, write_small_configuration
from fomm_export.checkpoints.stand_in import stand_in_weights
from fomm_fetch.catalog import CatalogEntry, Source
from fomm_fetch.connection import RetryPolicy
from fomm_fetch.fetch import FetchOptions, FetchResult, fetch_model
from fomm_fetch.progress import FetchProgress
from fomm_rt.animator import Animator
from fomm_rt.bundled import open_model
from fomm_rt.errors import CheckpointError, FetchError, MediaError, ParityError
from fomm_rt.model.fetch_record import read_record
from fomm_rt.model.installed import place_of, remove_model
from golden_files import Golden

GOLDEN = Golden("small_aligned")
OTHER = bytes(reversed(CONTENT))
PAGE = b"<html><title>Google Drive - Quota exceeded</title></html>"
DEFAULT_OPTIONS = FetchOptions()

Fetch = Callable[..., FetchResult]


@pytest.fixture
def config(tmp_path: Path) -> str:
    return write_small_configuration(tmp_path / "small.yaml")


@pytest.fixture
def export(small_model: Path, monkeypatch: pytest.MonkeyPatch) -> FakeExport:
    fake = FakeExport(small_model)
    monkeypatch.setattr("fomm_export.export_model.export_checkpoint", fake)
    return fake


@pytest.fixture
def reports() -> list[FetchProgress]:
    return []


@pytest.fixture
def fetch(models: Path, export: FakeExport, patient: RetryPolicy, reports: list[FetchProgress]) -> Fetch:
    """Fetches an entry, or several of which the first is meant, with a fake export."""
    assert not models.exists()
    assert export.exported == []

    def run(*entries: CatalogEntry, **options: Any) -> FetchResult:
        chosen = replace(DEFAULT_OPTIONS, retry_policy=patient, **options)
        catalog = {entry.name: entry for entry in entries}
        return fetch_model(entries[0].name, chosen, reports.append, catalog=catalog)

    return run


@pytest.fixture
def server(serve: ServerOf) -> FakeFileServer:
    return serve()


@pytest.fixture
def entry(server: FakeFileServer, config: str) -> CatalogEntry:
    """A file of known SHA-256 on one server."""
    return entry_for(CONTENT, config, server.url)


def unknown(entry: CatalogEntry) -> CatalogEntry:
    """The same without a known hash or size."""
    return replace(entry, sha256=None, size_bytes=None)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_installs_a_model_under_its_name(fetch: Fetch, entry: CatalogEntry, models: Path) -> None:
    result = fetch(entry)
    assert not result.was_there
    assert result.checkpoint is None
    assert names(models) == [".small.lock", "small", "small.fetched.json"]
    assert result.folder.path == models / "small"
    assert open_model("small").manifest.name == "small"
    record = read_record(models / "small.fetched.json")
    assert record == result.record
    assert record is not None
    assert (record.source, record.verified_by) == (entry.sources[0].url, "SHA-256")
    assert (record.sha256, record.size_bytes) == (entry.sha256, len(CONTENT))


def test_reports_every_step(fetch: Fetch, entry: CatalogEntry, reports: list[FetchProgress]) -> None:
    fetch(entry)
    steps = list(dict.fromkeys(report.step for report in reports))
    assert steps == ["downloading", "verifying", "exporting"]


def test_a_second_fetch_does_nothing(
    fetch: Fetch, entry: CatalogEntry, server: FakeFileServer, reports: list[FetchProgress]
) -> None:
    first = fetch(entry)
    reports.clear()
    second = fetch(entry)
    assert second.was_there
    assert (second.folder, second.record) == (first.folder, first.record)
    assert len(server.headers) == 1
    assert reports == []


def test_other_options_export_again(fetch: Fetch, entry: CatalogEntry, export: FakeExport, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=3, size=(64, 64))
    fetch(entry)
    assert fetch(entry, size=64).was_there
    assert not fetch(entry, size=128).was_there
    assert fetch(entry, size=128).was_there
    assert fetch(entry).was_there
    assert not fetch(entry, int8=True).was_there
    assert fetch(entry, int8=True).was_there
    assert not fetch(entry, int8=True, calibrate=(clip,)).was_there
    assert fetch(entry, int8=True, calibrate=(clip,)).was_there
    assert fetch(entry, int8=True).was_there
    assert fetch(entry, size=64).was_there
    assert [options.size for _, options in export.exported] == [None, 128, None, None]
    assert list(export.exported[-1][1].calibrate) == [clip]


def test_a_kept_checkpoint_is_exported_again_without_a_download(
    fetch: Fetch, entry: CatalogEntry, server: FakeFileServer, models: Path
) -> None:
    kept = models / "small.checkpoint" / "small-cpk.pth.tar"
    assert fetch(entry, keep_checkpoint=True).checkpoint == kept
    assert kept.read_bytes() == CONTENT
    result = fetch(entry, size=128)
    assert not result.was_there
    assert result.record is not None
    assert result.record.source == server.url
    assert len(server.headers) == 1
    assert kept.is_file()


def test_keeping_the_checkpoint_later_downloads_it(
    fetch: Fetch, entry: CatalogEntry, server: FakeFileServer, export: FakeExport, models: Path
) -> None:
    first = fetch(entry, size=128, int8=True)
    later = fetch(entry, keep_checkpoint=True)
    assert later.checkpoint is not None
    assert later.checkpoint.read_bytes() == CONTENT
    assert len(server.headers) == 2
    assert fetch(entry, keep_checkpoint=True).was_there
    assert len(server.headers) == 2
    # The model is the same: exported once, with the options of the first fetch.
    assert len(export.exported) == 1
    assert (later.was_there, later.folder, later.record) == (True, first.folder, first.record)
    assert names(models) == [".small.lock", "small", "small.checkpoint", "small.fetched.json"]


def test_only_the_checkpoint_of_the_installed_model_is_kept(
    fetch: Fetch, entry: CatalogEntry, export: FakeExport, tmp_path: Path, models: Path
) -> None:
    (tmp_path / "mine.pth.tar").write_bytes(OTHER)
    fetch(entry, source=str(tmp_path / "mine.pth.tar"), trust=True)
    with pytest.raises(FetchError, match=r"from another checkpoint.*fomm-rt models remove small"):
        fetch(entry, keep_checkpoint=True)
    assert len(export.exported) == 1
    assert not (models / "small.checkpoint").exists()


def test_a_kept_checkpoint_that_was_altered_is_downloaded_again(
    fetch: Fetch, entry: CatalogEntry, server: FakeFileServer, models: Path, reports: list[FetchProgress]
) -> None:
    fetch(entry, keep_checkpoint=True)
    (models / "small.checkpoint" / "small-cpk.pth.tar").write_bytes(OTHER)
    fetch(entry, size=128)
    assert len(server.headers) == 2
    assert any("another file" in report.message for report in reports if report.step == "notice")


@pytest.mark.parametrize("form", ["{path}", "{folder}", "file://{path}"])
def test_takes_the_users_file_and_leaves_it(
    fetch: Fetch, entry: CatalogEntry, server: FakeFileServer, tmp_path: Path, export: FakeExport, form: str
) -> None:
    folder = tmp_path / "my files"
    folder.mkdir()
    path = folder / "small-cpk.pth.tar"
    path.write_bytes(CONTENT)
    given = form.format(path=str(path).replace(" ", "%20") if "file:" in form else path, folder=folder)
    result = fetch(entry, source=given)
    assert export.exported[0][0] == path
    assert path.read_bytes() == CONTENT
    assert result.record is not None
    assert (result.record.source, result.record.verified_by) == (str(path), "SHA-256")
    assert server.headers == []
    assert fetch(entry, source=given).was_there
    assert fetch(entry, source=given, keep_checkpoint=True).was_there
    assert len(export.exported) == 1


def test_takes_a_url_of_the_users(fetch: Fetch, entry: CatalogEntry, serve: ServerOf) -> None:
    other = serve()
    result = fetch(entry, source=other.url)
    assert result.record is not None
    assert result.record.source == other.url
    assert fetch(entry, source=other.url).was_there
    assert len(other.headers) == 1


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("nothing.pth.tar", r"nothing\.pth\.tar: there is no such file"),
        ("ftp://files.invalid/vox.pth.tar", "expected an http or https URL"),
    ],
)
def test_refuses_a_source_that_cannot_be_one(fetch: Fetch, entry: CatalogEntry, source: str, reason: str) -> None:
    with pytest.raises(FetchError, match=reason):
        fetch(entry, source=source)


@pytest.mark.parametrize("given", ["file", "url"])
def test_another_file_of_the_users_needs_trust(
    fetch: Fetch, entry: CatalogEntry, serve: ServerOf, tmp_path: Path, given: str
) -> None:
    (tmp_path / "mine.pth.tar").write_bytes(OTHER)
    source = str(tmp_path / "mine.pth.tar") if given == "file" else serve(content=OTHER).url
    with pytest.raises(
        FetchError, match=r"another file: its SHA-256 is (?s:.*)To accept (another file|it anyway), add --trust"
    ):
        fetch(entry, source=source)
    result = fetch(entry, source=source, trust=True)
    assert result.record is not None
    assert result.record.verified_by == "trust"
    assert result.record.sha256 == hashlib.sha256(OTHER).hexdigest()
    # What was accepted once is known from then on.
    assert not fetch(entry, source=source, size=128).was_there


def test_trust_does_not_overrule_a_published_hash(fetch: Fetch, entry: CatalogEntry, serve: ServerOf) -> None:
    altered = replace(entry, sources=(Source(serve(content=OTHER).url),))
    with pytest.raises(FetchError, match="another file"):
        fetch(altered, trust=True)


def test_an_unknown_file_needs_trust_before_anything_is_downloaded(
    fetch: Fetch, entry: CatalogEntry, server: FakeFileServer
) -> None:
    with pytest.raises(FetchError, match=r"no hash of small-cpk\.pth\.tar is known.*add --trust"):
        fetch(unknown(entry))
    assert server.headers == []


def test_what_was_trusted_once_is_compared_later(
    fetch: Fetch, entry: CatalogEntry, server: FakeFileServer, export: FakeExport
) -> None:
    entry = unknown(entry)
    fetch(entry, trust=True)
    assert not fetch(entry, size=128).was_there  # without --trust: the same file came again
    server.content, server.etag = OTHER, '"2"'
    with pytest.raises(FetchError, match="fomm-rt models remove small"):
        fetch(entry, size=64, trust=True)
    assert len(export.exported) == 2
    assert open_model("small").manifest.size == 128
    remove_model("small")
    assert not fetch(entry, trust=True).was_there


def test_the_next_source_is_tried(
    fetch: Fetch, entry: CatalogEntry, serve: ServerOf, reports: list[FetchProgress]
) -> None:
    bad = (
        serve(sends(PAGE, "text/html")),
        serve(says(404)),
        serve(content=OTHER),
        serve(cut_after(100, announced=100)),
    )
    good = serve()
    many = replace(entry, sources=tuple(Source(server.url) for server in (*bad, good)))
    result = fetch(many)
    assert result.record is not None
    assert result.record.source == good.url
    notices = [report.message for report in reports if report.step == "notice"]
    assert [notice.split(" ")[0] for notice in notices] == [server.url for server in bad]


def test_says_what_happened_with_each_source(
    fetch: Fetch, entry: CatalogEntry, serve: ServerOf, models: Path, export: FakeExport
) -> None:
    servers = serve(sends(PAGE)), serve(says(403)), serve(content=OTHER)
    many = replace(entry, sources=tuple(Source(server.url) for server in servers))
    with pytest.raises(FetchError) as raised:
        fetch(many)
    lines = str(raised.value).splitlines()
    assert lines[0] == "small: no source sent small-cpk.pth.tar:"
    assert lines[1].startswith(f"  {servers[0].url} sent a notice that too many people have downloaded the file")
    assert lines[2] == f"  {servers[1].url} refuses the file (HTTP 403 Forbidden)"
    assert lines[3].startswith(f"  {servers[2].url} sent a file that is another file: its SHA-256 is ")
    assert lines[4] == (
        "Look for that file elsewhere, for example with a web browser, and give it with --from FILE; its SHA-256 is "
        "verified"
    )
    assert export.exported == []
    assert names(models) in ([".small.lock"], [".small.download", ".small.lock"])


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("is_given", [False, True])
def test_without_a_connection_the_advice_is_to_check_it(
    fetch: Fetch, entry: CatalogEntry, serve: ServerOf, is_given: bool
) -> None:
    gone = tuple(Source(f"http://127.0.0.1:{closed_port()}/small-cpk.pth.tar") for _ in range(2))
    given = {"source": gone[0].url} if is_given else {}
    with pytest.raises(FetchError, match=r"No source can be reached: .*HTTPS_PROXY") as raised:
        fetch(replace(entry, sources=gone), **given)
    assert "elsewhere" not in str(raised.value)
    some = (*gone, Source(serve(says(404)).url))
    with pytest.raises(FetchError, match="Look for that file elsewhere"):
        fetch(replace(entry, sources=some))


def test_pieces_that_do_not_belong_together_are_downloaded_again(
    fetch: Fetch, entry: CatalogEntry, serve: ServerOf, reports: list[FetchProgress]
) -> None:
    wrong, right = serve(reset_after(20_000), says(404), content=OTHER), serve()
    two = replace(entry, sources=(Source(wrong.url), Source(right.url)))
    fetch(two)
    assert right.ranges == ["bytes=20000-", None]
    assert any("downloading it from the beginning" in report.message for report in reports)


def test_an_interrupted_fetch_goes_on(fetch: Fetch, entry: CatalogEntry, server: FakeFileServer, models: Path) -> None:
    server.plan += [reset_after(20_000), *[says(503)] * 3]
    with pytest.raises(FetchError, match="no source sent"):
        fetch(entry)
    assert names(models) == [".small.download", ".small.lock"]
    fetch(entry)
    assert server.ranges[-1] == "bytes=20000-"
    assert names(models) == [".small.lock", "small", "small.fetched.json"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), ParityError("differs"), CheckpointError("damaged")])
def test_a_failed_export_keeps_a_verified_download(
    fetch: Fetch, entry: CatalogEntry, server: FakeFileServer, export: FakeExport, failure: BaseException, models: Path
) -> None:
    export.failures.append(failure)
    with pytest.raises(type(failure)):
        fetch(entry)
    assert not (models / "small.fetched.json").exists()
    fetch(entry)
    assert len(server.headers) == 1


def test_a_trusted_file_that_is_no_checkpoint_is_not_kept(
    fetch: Fetch, entry: CatalogEntry, server: FakeFileServer, export: FakeExport, models: Path
) -> None:
    export.failures.append(CheckpointError("damaged"))
    with pytest.raises(CheckpointError):
        fetch(unknown(entry), trust=True)
    assert names(models) == [".small.lock"]
    fetch(unknown(entry), trust=True)
    assert len(server.headers) == 2


def test_an_altered_model_is_fetched_again(
    fetch: Fetch, entry: CatalogEntry, models: Path, reports: list[FetchProgress]
) -> None:
    fetch(entry)
    (models / "small" / "generator.onnx").write_bytes(b"")
    assert not fetch(entry).was_there
    assert any("generator.onnx" in report.message for report in reports if report.step == "notice")
    open_model("small")


@pytest.mark.parametrize("content", ["notes.txt", "model.json"])
def test_other_files_in_the_way_are_not_lost(
    fetch: Fetch, entry: CatalogEntry, server: FakeFileServer, models: Path, content: str
) -> None:
    (models / "small").mkdir(parents=True)
    (models / "small" / content).write_text("mine")
    with pytest.raises(FetchError, match="fomm-rt models remove small"):
        fetch(entry)
    assert server.headers == []
    assert (models / "small" / content).read_text() == "mine"


def test_options_are_checked_before_the_download(
    fetch: Fetch, entry: CatalogEntry, server: FakeFileServer, tmp_path: Path
) -> None:
    (tmp_path / "no-clip.mp4").write_text("no clip")
    with pytest.raises(FetchError, match="--size: size 100 does not fit"):
        fetch(entry, size=100)
    with pytest.raises(FetchError, match="for int8"):
        fetch(entry, calibrate=(tmp_path / "no-clip.mp4",))
    with pytest.raises(MediaError, match="no-clip"):
        fetch(entry, int8=True, calibrate=(tmp_path / "no-clip.mp4",))
    assert server.headers == []


def test_missing_packages_are_named_before_the_download(
    fetch: Fetch, entry: CatalogEntry, server: FakeFileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fomm_fetch.fetch.missing_for_export", lambda: ["torch", "onnx"])
    with pytest.raises(FetchError, match="torch, onnx are not installed") as raised:
        fetch(entry)
    assert "pip install torch --index-url https://download.pytorch.org/whl/cpu\n" in str(raised.value)
    assert server.headers == []


def test_free_space_is_checked_before_the_download(
    fetch: Fetch, entry: CatalogEntry, server: FakeFileServer, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**12, 10**12, 300_000_000))
    with pytest.raises(FetchError, match=f"{models}: needs 0.40 GB of free space .* 0.30 GB are free.*FOMM_MODELS"):
        fetch(entry)
    assert server.headers == []


def test_another_fetch_is_waited_for(
    fetch: Fetch, entry: CatalogEntry, server: FakeFileServer, reports: list[FetchProgress]
) -> None:
    waiting, results = threading.Event(), []

    class Reports(list[FetchProgress]):
        def append(self, report: FetchProgress) -> None:
            super().append(report)
            if report.step == "waiting":
                waiting.set()

    def second() -> None:
        catalog = {entry.name: entry}
        results.append(fetch_model("small", DEFAULT_OPTIONS, Reports().append, catalog=catalog))

    def hold(handler: Any) -> None:
        thread.start()
        assert waiting.wait(20)
        serve_part(handler)

    thread = threading.Thread(target=second)
    server.plan.append(hold)
    fetch(entry)
    thread.join()
    assert results[0].was_there
    assert len(server.headers) == 1
    assert all(report.step != "waiting" for report in reports)


def test_a_model_is_not_removed_while_it_is_fetched(fetch: Fetch, entry: CatalogEntry, server: FakeFileServer) -> None:
    found: list[str] = []

    def remove(handler: Any) -> None:
        try:
            remove_model("small")
        except Exception as error:
            found.append(str(error))
        serve_part(handler)

    place_of("small").download.mkdir(parents=True)
    server.plan.append(remove)
    fetch(entry)
    assert "another fomm-rt is fetching or removing it" in found[0]


def test_from_a_published_file_to_moving_pictures(
    serve: ServerOf, config: str, models: Path, tmp_path: Path, patient: RetryPolicy
) -> None:
    """The layout of the published files, a broken connection, the real export, and the model by its name."""
    detector, generator = stand_in_weights(GOLDEN.configuration, 3)
    path = tmp_path / "published.pth.tar"
    training = {"state": {0: {"step": 1, "exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 2e-4, "params": [0]}]}
    torch.save(
        {
            "generator": {f"module.{name}": tensor for name, tensor in generator.items()},
            "kp_detector": {f"module.{name}": tensor for name, tensor in detector.items()},
            "discriminator": {"module.scale.conv.weight": torch.zeros(3)},
            "optimizer_generator": training,
            "optimizer_kp_detector": training,
            "optimizer_discriminator": training,
            "epoch_generator": 99,
            "epoch_kp_detector": 99,
        },
        path,
    )
    content = path.read_bytes()
    server = serve(reset_after(len(content) // 2), content=content)
    entry = entry_for(content, config, server.url)
    result = fetch_model("small", FetchOptions(retry_policy=patient), catalog={"small": entry})
    assert server.ranges[1] is not None
    manifest = json.loads((models / "small" / "model.json").read_text())
    assert manifest["weights"]["sha256"] == entry.sha256
    assert result.folder.manifest.parity["prediction_levels"] <= 1
    with Animator.load("small", "onnxruntime-cpu") as animator:
        animator.set_source(GOLDEN.source)
        assert animator.animate(GOLDEN.driving[0]).shape == (64, 64, 3)
