"""What a machine does not see is sent to it, and its results come back."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import msgspec
import pytest

from fomm_rt import BatchError, MediaError, OutputError, animate_file
from fomm_rt.batch.animation import Order
from fomm_rt.batch.identity import version_of
from fomm_rt.batch.job import Job
from fomm_rt.batch.ray_cluster import shipping
from fomm_rt.batch.ray_cluster.actor import Failed, Lacking, Made, RayWorker
from fomm_rt.batch.ray_cluster.shipping import (
    Signature,
    keep_model,
    model_files,
    place_results,
    read_to_send,
    refer_to_model,
    seen_model,
)
from fomm_rt.files.hidden_folder import HiddenFolder
from fomm_rt.workers.messages import LoadOptions


@pytest.fixture
def other_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RayWorker:
    """A worker that sees no folder of results and has a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return RayWorker(str(tmp_path / "not there"))


def test_inputs_and_model_are_asked_for_and_results_come_back(
    tmp_path: Path, other_machine: RayWorker, pictures: Path, talk: Path, copied_model: Path
) -> None:
    job = Job(
        source=str(pictures / "0.png"),
        driving=str(talk),
        output=str(tmp_path / "out" / "r.mp4"),
        motion_output=str(tmp_path / "out" / "m.npz"),
    )
    animate_file(job.source, job.driving, tmp_path / "expected.mp4", model=copied_model, threads=1)
    shared = tmp_path / "shared"
    shared.mkdir()
    order = Order(load=LoadOptions(str(copied_model), threads=1), job=job, recordings=str(shared))
    model = refer_to_model(str(copied_model))
    sent = [read_to_send(path) for path in job.inputs]
    files = model_files(model)
    here = {path: version_of(path) for path in job.inputs}
    elsewhere: dict[str, Signature | None] = dict.fromkeys(job.inputs, (1, 1))
    shutil.rmtree(copied_model)

    assert other_machine.animate(order, model, elsewhere, [], None) == Lacking(list(job.inputs), True)
    assert isinstance(other_machine.animate(order, model, here, [], files), Made)
    assert len(list(shared.iterdir())) == 2, "a recording and its lock"
    answer = other_machine.animate(order, model, elsewhere, list(job.inputs), None, *sent)
    assert isinstance(answer, Made)
    assert answer.files is not None
    assert not (tmp_path / "out").exists()
    assert len(list(shared.iterdir())) == 2, "a driver that was sent is there for one job alone"
    place_results(job.outputs, answer.files)
    assert (tmp_path / "out" / "r.mp4").read_bytes() == (tmp_path / "expected.mp4").read_bytes()
    assert (tmp_path / "out" / "m.npz").exists()

    pattern = msgspec.structs.replace(job, output=str(tmp_path / "out" / "f-%02d.png"), motion_output=None, start_s=1.5)
    answer = other_machine.animate(msgspec.structs.replace(order, job=pattern), model, here, [], None)
    assert isinstance(answer, Made)
    assert answer.files is not None
    (tmp_path / "out" / "f-09.png").touch()
    place_results(pattern.outputs, answer.files)
    assert sorted(file.name for file in (tmp_path / "out").glob("f-*")) == ["f-01.png", "f-02.png", "f-03.png"]


def test_failures_name_the_files_of_the_machine_that_starts_the_jobs(
    tmp_path: Path, other_machine: RayWorker, pictures: Path, small_model: Path
) -> None:
    job = Job(source=str(pictures / "0.png"), driving=str(tmp_path / "talk.mp4"), output=str(tmp_path / "r.mp4"))
    order = Order(load=LoadOptions(str(small_model)), job=job, recordings=None)
    model = refer_to_model(str(small_model))
    answer = other_machine.animate(order, model, {job.driving: None}, [job.source], None, b"no picture")
    assert isinstance(answer, Failed)
    assert job.source in answer.error
    assert ".fomm-rt-" not in answer.error


def test_a_file_that_the_machine_of_the_jobs_lacks_is_not_used_elsewhere(
    tmp_path: Path, other_machine: RayWorker, pictures: Path, talk: Path, small_model: Path
) -> None:
    job = Job(source=str(pictures / "0.png"), driving=str(talk), output=str(tmp_path / "r.mp4"))
    order = Order(load=LoadOptions(str(small_model)), job=job, recordings=None)
    signatures = {job.source: version_of(job.source), job.driving: None}
    answer = other_machine.animate(order, refer_to_model(str(small_model)), signatures, [], None)
    assert answer == Lacking([job.driving], False)
    talk.unlink()
    with pytest.raises(MediaError, match="does not exist"):
        read_to_send(job.driving)


@pytest.mark.usefixtures("other_machine")
def test_a_broken_model_in_the_cache_is_replaced(tmp_path: Path, copied_model: Path) -> None:
    model = refer_to_model(str(copied_model))
    files = model_files(model)
    shutil.rmtree(copied_model)
    cached = tmp_path / "cache" / "fomm-rt" / "batch-models" / model.manifest_sha256
    cached.mkdir(parents=True)
    (cached / "part.onnx").write_text("of an earlier attempt")
    assert seen_model(model) == (False, None)
    keep_model(model, files)
    assert seen_model(model) == (True, str(cached))
    assert sorted(file.name for file in cached.iterdir()) == sorted(files)
    assert not list(cached.parent.glob(".fomm-rt-*"))


def test_a_job_ends_at_the_next_frame_when_asked_and_leaves_nothing(
    tmp_path: Path, pictures: Path, talk: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    with HiddenFolder(tmp_path / "temporary") as of_a_killed_worker:
        of_a_killed_worker.path.rename(tmp_path / "kept")
    shutil.copytree(tmp_path / "kept", of_a_killed_worker.path)
    (tmp_path / "shared").mkdir()
    worker = RayWorker(str(tmp_path / "shared"))
    job = Job(source=str(pictures / "0.png"), driving=str(talk), output=str(tmp_path / "out" / "r.mp4"))
    order = Order(load=LoadOptions(str(small_model)), job=job, recordings=None)
    content = read_to_send(job.source)
    worker.cancel()
    model, signatures = refer_to_model(str(small_model)), {job.driving: version_of(job.driving)}
    answer = worker.animate(order, model, signatures, [job.source], None, content)
    assert answer == Failed("cancelled")
    assert not list((tmp_path / "out").iterdir())
    assert not list((tmp_path / "temporary").iterdir())


def test_a_full_disk_fails_the_job_whose_pictures_come_back(tiny_disk: Path) -> None:
    target = tiny_disk / "out" / "f-%02d.png"
    with pytest.raises(OutputError, match="no space left"):
        place_results([str(target)], [[("f-01.png", b"\1" * (200 << 10)), ("f-02.png", b"\1" * (200 << 10))]])
    assert not list(target.parent.iterdir())


def test_what_is_too_large_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "LARGEST_BYTES", 10)
    (tmp_path / "film.mp4").write_bytes(b"\0" * 11)
    with pytest.raises(BatchError, match="put it on storage that all machines see"):
        read_to_send(str(tmp_path / "film.mp4"))
