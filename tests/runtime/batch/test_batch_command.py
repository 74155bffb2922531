"""The command as users run it: equal to `animate`, resumed after every way to end it, one failure at a time."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from batch_process import PATIENCE_S, made, run_batch, start_batch, summary, wait_for, workers_of
from fomm_rt import FaceFraming, Job, animate_file, animate_many
from fomm_rt.batch.journal import read_entries


def test_results_are_those_of_animate(tmp_path: Path, pictures: Path, talk: Path, small_model: Path) -> None:
    (pictures / "jobs.csv").write_text(
        "source,driving,output,smooth,best_frame,paste_back,save_motion,view,start\n"
        "0.png,../talk.mp4,plain.mp4,,,,,,\n"
        "1.png,../talk.mp4,smooth.mp4,0.5,3,,moved.npz,,\n"
        "2.png,../talk.mp4,pasted.mp4,,auto,yes,,,\n"
        "3.png,../talk.mp4,deeper/panel.mp4,,,,,panel,\n"
        "4.png,../talk.mp4,part.mp4,,,,,,0.5\n"
        "0.png,../talk.mp4,frames/%03d.png,,,,,,1\n",
        encoding="utf-8",
    )
    options = ("-m", small_model, "--workers", 2, "--threads", 1)
    code, out, err = run_batch(pictures / "jobs.csv", "-o", tmp_path / "out", *options)
    assert code == 0, err
    assert "6 made" in out
    same = {"model": small_model, "threads": 1}
    expected = tmp_path / "expected"
    for number, name, further in (
        (0, "plain.mp4", {}),
        (1, "smooth.mp4", {"smooth": 0.5, "best_frame": 3, "motion_output": expected / "moved.npz"}),
        (2, "pasted.mp4", {"best_frame": "auto", "paste_back": True}),
        (3, "deeper/panel.mp4", {"view": "panel"}),
        (4, "part.mp4", {"start_s": 0.5}),
        (0, "frames/%03d.png", {"start_s": 1}),
    ):
        animate_file(pictures / f"{number}.png", talk, expected / name, **same, **further)  # type: ignore[arg-type]
    files = sorted(file.relative_to(expected) for file in expected.rglob("*") if file.is_file())
    assert len(files) == 6 + 15
    for file in files:
        if file.suffix != ".npz":  # which holds the time when it was written
            assert (tmp_path / "out" / file).read_bytes() == (expected / file).read_bytes(), file
    assert (tmp_path / "out" / "moved.npz").exists()
    assert FaceFraming() == Job(source="", driving="", output="").source_framing()


def test_what_is_there_is_not_made_again_and_what_changed_is(
    tmp_path: Path, pictures: Path, talk: Path, small_model: Path
) -> None:
    out = tmp_path / "out"
    (pictures / "3.png").write_text("no picture")
    (pictures / "4.png").unlink()
    arguments = (pictures, talk, "-o", out, "-m", small_model, "--workers", 1)
    code, _, err = run_batch(*arguments)
    assert code == 1
    assert "3.mp4: failed:" in err
    assert "3.png is a text file" in err
    assert made(out) == ["0.mp4", "1.mp4", "2.mp4"]
    assert [(job["state"], job.get("frames")) for job in summary(out)["jobs"]] == [("made", 40)] * 3 + [
        ("failed", None)
    ]

    before = {name: (out / name).stat().st_ino for name in made(out)}
    (pictures / "0.png").write_bytes((pictures / "1.png").read_bytes())
    (out / "2.mp4").unlink()
    code, text, err = run_batch(*arguments, "--dry-run")
    assert code == 1
    assert "a run would make 2 results" in text
    assert made(out) == ["0.mp4", "1.mp4"]

    code, _, err = run_batch(*arguments)
    assert code == 1
    assert "failed in an earlier run; --retry-failed tries again" in err
    assert [job["state"] for job in summary(out)["jobs"]] == ["made", "present", "made", "failed"]
    assert (out / "0.mp4").read_bytes() == (out / "1.mp4").read_bytes()
    assert (out / "1.mp4").stat().st_ino == before["1.mp4"]

    (pictures / "3.png").write_bytes((pictures / "2.png").read_bytes())
    code, _, err = run_batch(*arguments)
    assert code == 0, "another picture makes another job of it"
    assert run_batch(*arguments, "--quiet") == (0, "", "")


def test_a_driver_is_recorded_once_for_all_workers(
    tmp_path: Path, pictures: Path, long_talk: Path, small_model: Path
) -> None:
    jobs = [Job(source=str(each), driving=str(long_talk), output=f"{each.stem}.mp4") for each in pictures.iterdir()]
    recorded: set[str] = set()
    animated: set[str] = set()

    def progress(job: Job, stage: str, _done: int, _total: int | None) -> None:
        {"finding the driver's keypoints": recorded, "animating": animated}.get(stage, set()).add(job.output)

    results = list(animate_many(jobs, tmp_path / "out", model=small_model, workers=2, progress=progress))
    assert [result.state for result in results] == ["made"] * 5
    assert len(animated) == 5
    assert len(recorded) == 1
    assert not [file for file in (tmp_path / "out").iterdir() if file.name.startswith(".")]


def test_a_failed_job_is_tried_again_when_asked(tmp_path: Path, pictures: Path) -> None:
    jobs = [Job(source=str(pictures / "0.png"), driving=str(tmp_path / "missing.mp4"), output="r.mp4")]
    results = list(animate_many(jobs, tmp_path / "o"))
    assert [(result.state, result.attempts) for result in results] == [("failed", 1)]
    assert [result.attempts for result in animate_many(jobs, tmp_path / "o")] == [0]
    assert [result.attempts for result in animate_many(jobs, tmp_path / "o", retry_failed=True)] == [1]


def test_files_that_no_run_made_are_not_replaced(tmp_path: Path, pictures: Path, talk: Path, small_model: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "1.mp4").write_text("mine")
    arguments = (pictures, talk, "-o", out, "-m", small_model)
    code, _, err = run_batch(*arguments)
    assert code == 1
    assert "1.mp4 exists already" in err
    assert made(out) == ["1.mp4"]
    assert run_batch(*arguments, "-y")[0] == 0
    (out / "2.mp4").write_text("changed by me")
    (pictures / "2.png").write_bytes((pictures / "1.png").read_bytes())
    code, _, err = run_batch(*arguments)
    assert code == 1
    assert "2.mp4 exists already" in err
    assert (out / "2.mp4").read_text() == "changed by me"


def test_a_killed_run_goes_on(tmp_path: Path, pictures: Path, long_talk: Path, small_model: Path) -> None:
    out = tmp_path / "out"
    arguments = (pictures, long_talk, "-o", out, "-m", small_model, "--workers", 1)
    process = start_batch(*arguments)
    wait_for(lambda: len(made(out)) >= 2 if out.exists() else False)
    worker = workers_of(process)[0]
    process.kill()
    process.communicate()
    wait_for(lambda: not Path(f"/proc/{worker}").exists() or _is_zombie(worker))
    # The last result may have been put in place without its line in the journal; then it is made again.
    whole = [name for name, entry in read_entries(out).items() if entry.files is not None]
    assert len(whole) >= len(made(out)) - 1 >= 1
    before = {name: _state_of(out / name) for name in whole}
    code, _, err = run_batch(*arguments)
    assert code == 0, err
    states = {job["output"]: job["state"] for job in summary(out)["jobs"]}
    assert {name for name, state in states.items() if state == "present"} == set(whole)
    assert {name: _state_of(out / name) for name in whole} == before
    assert made(out) == [f"{number}.mp4" for number in range(5)]
    assert not [file for file in out.iterdir() if file.name.startswith(".")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_run_and_the_next_one_goes_on(
    tmp_path: Path, pictures: Path, long_talk: Path, small_model: Path, number: signal.Signals
) -> None:
    out = tmp_path / "out"
    arguments = (pictures, long_talk, "-o", out, "-m", small_model, "--workers", 2)
    process = start_batch(*arguments)
    wait_for(lambda: b'"files"' in (out / "journal.jsonl").read_bytes() if (out / "journal.jsonl").exists() else False)
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 128 + number, err
    assert "Traceback" not in err
    states = [job["state"] for job in summary(out)["jobs"]]
    assert "not made" in states
    assert len(made(out)) - 2 <= states.count("made") <= len(made(out))
    assert not [file for file in out.iterdir() if file.name.startswith(".")]
    assert run_batch(*arguments)[0] == 0
    assert {job["state"] for job in summary(out)["jobs"]} == {"present", "made"}


def test_a_killed_worker_fails_its_own_job(tmp_path: Path, pictures: Path, long_talk: Path, small_model: Path) -> None:
    out = tmp_path / "out"
    arguments = (pictures, long_talk, "-o", out, "-m", small_model, "--workers", 1)
    process = start_batch(*arguments)
    wait_for(lambda: made(out) if out.exists() else False)
    os.kill(workers_of(process)[0], signal.SIGKILL)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1, err
    assert "ended unexpectedly by signal 9" in err
    states = [job["state"] for job in summary(out)["jobs"]]
    assert sorted(states) == ["failed", *["made"] * 4]
    assert not [file for file in out.iterdir() if file.name.startswith(".")]
    assert run_batch(*arguments, "--retry-failed")[0] == 0


def test_a_full_disk_fails_jobs_and_keeps_what_is_whole(
    tmp_path: Path, tiny_disk: Path, pictures: Path, talk: Path, small_model: Path
) -> None:
    options = ("-m", small_model, "--threads", 1, "--workers", 1, "--no-audio")
    expected, out = tmp_path / "expected", tiny_disk / "out"
    assert run_batch(pictures, talk, "-o", expected, *options)[0] == 0
    largest = max((expected / name).stat().st_size for name in made(expected))
    assert 16_384 < largest < 40_000, "all results fit onto the disk, and one does not fit beside journal and keypoints"
    # Two results fit, with journal and keypoints.
    filler = tiny_disk / "filler"
    filler.write_bytes(b"\0" * (256 * 1024 - 16_384 - 5 * largest // 2))
    code, _, err = run_batch(pictures, talk, "-o", out, *options)
    assert code == 1
    assert err.count("no space left") == len([line for line in err.splitlines() if ".mp4: failed:" in line]) > 0
    assert "Traceback" not in err
    whole = made(out)
    assert [job["state"] for job in summary(out)["jobs"]] == ["made"] * len(whole) + ["failed"] * (5 - len(whole))
    assert 1 <= len(whole) < 5
    assert not [file for file in out.iterdir() if file.name.startswith(".")]
    before = {name: _state_of(out / name) for name in whole}

    filler.unlink()
    code, _, err = run_batch(pictures, talk, "-o", out, *options, "--retry-failed")
    assert code == 0, err
    assert {name: _state_of(out / name) for name in whole} == before
    assert made(out) == made(expected)
    for name in made(out):
        assert (out / name).read_bytes() == (expected / name).read_bytes(), name


def test_a_wrong_option_is_told_once_and_by_its_name(tmp_path: Path, pictures: Path, talk: Path) -> None:
    code, _, err = run_batch(pictures, talk, "-o", tmp_path / "out", "--source-crop", "1,2")
    assert code == 2
    assert err.count("--source-crop: expected auto, center") == 1


def test_models_of_a_table_are_relative_to_it(
    tmp_path: Path, pictures: Path, talk: Path, copied_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pictures.parent == tmp_path
    copied_model.rename(tmp_path / "mine")
    monkeypatch.chdir(tmp_path.parent)
    table = tmp_path / "jobs.csv"
    table.write_text(
        f"source,driving,output,model,duration\npictures/0.png,{talk},a.mp4,./mine,0.2\n"
        f"pictures/0.png,{talk},b.mp4,mine,0.2\n",
        encoding="utf-8",
    )
    code, _, err = run_batch(table, "-o", tmp_path / "out")
    assert code == 0, err
    assert {job["model"] for job in summary(tmp_path / "out")["jobs"]} == {"small_aligned"}
    table.write_text(f"source,driving,output,model\npictures/0.png,{talk},a.mp4,./other\n", encoding="utf-8")
    code, _, err = run_batch(table, "-o", tmp_path / "out")
    assert code == 1
    assert "line 2, column model: " in err


def test_two_runs_do_not_share_a_folder(tmp_path: Path, pictures: Path, long_talk: Path, small_model: Path) -> None:
    out = tmp_path / "out"
    process = start_batch(pictures, long_talk, "-o", out, "-m", small_model)
    wait_for((out / ".fomm-rt-batch.lock").exists)
    code, _, err = run_batch(pictures, long_talk, "-o", out, "-m", small_model)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)
    assert code == 1
    assert "another fomm-rt batch writes there" in err


def _state_of(file: Path) -> tuple[int, int]:
    info = file.stat()
    return info.st_ino, info.st_mtime_ns


def _is_zombie(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True
