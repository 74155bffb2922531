import errno
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from fomm_rt.errors import OutputError
from fomm_rt.files.staging import StagedFolder, StagedOutput, check_target, explain_failure
from fomm_rt.media.timing import Timing
from fomm_rt.media.write.video_writer import VideoTarget

# A file-size limit fails like a full disk does, in the middle of a write; unlike one it needs no mount.
FULL_DISK_SCRIPT = """
import resource, signal, sys
from fractions import Fraction
from pathlib import Path
import numpy as np
from fomm_rt.errors import OutputError
from fomm_rt.media.timing import Timing
from fomm_rt.media.write.video_writer import VideoTarget

target, audio, limit, frames = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
noise = np.random.default_rng(0)
try:
    with VideoTarget(Path(target)).open(Timing.constant(Fraction(25)), Path(audio)) as writer:
        for index in range(frames):
            writer.write(noise.integers(0, 255, (64, 64, 3), np.uint8), Fraction(index, 25))
        writer.commit()
except OutputError as error:
    print(error)
"""


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.webm", "out.gif", "p-%d.png"])
@pytest.mark.parametrize(("limit", "frames"), [(0, 5), (4096, 5), (20000, 60)])
def test_a_full_disk_leaves_the_old_file(
    tmp_path: Path, make_clip: Callable[..., Path], name: str, limit: int, frames: int
) -> None:
    if name.endswith("png") and limit == 20000:
        pytest.skip("a single picture stays below this limit")
    clip = make_clip("in.mp4", audio="aac", frames=frames)
    folder = tmp_path / "results"
    folder.mkdir()
    old = folder / name.replace("%d", "1")
    old.write_bytes(b"old")
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-c",
            FULL_DISK_SCRIPT,
            str(folder / name),
            str(clip),
            str(limit),
            str(frames),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr.replace(no_sound(folder / name, clip), "")) == (0, "")
    assert "exceeds the size limit for files here" in done.stdout
    assert old.read_bytes() == b"old"
    assert [file.name for file in folder.iterdir()] == [old.name]


def no_sound(target: Path, clip: Path) -> str:
    form = "a GIF has" if target.suffix == ".gif" else "pictures have"
    return f"{target}: {form} no sound; the sound of {clip} is left out\n"


def test_explains_failures(tmp_path: Path) -> None:
    target = tmp_path / "result.mp4"
    for number, said in (
        (errno.ENOSPC, "no space left in"),
        (errno.EDQUOT, "no space left in"),
        (errno.EFBIG, "exceeds the size limit for files here"),
        (errno.EACCES, "may not be written by this user"),
        (errno.EROFS, "may not be written by this user"),
        (errno.EIO, "Input/output error"),
    ):
        message = str(explain_failure(OSError(number, os.strerror(number)), target))
        assert message.startswith(str(target))
        assert said in message
        assert "-o" in message


def test_commit_replaces_and_keeps_permissions(tmp_path: Path) -> None:
    target = tmp_path / "out.bin"
    target.write_bytes(b"old")
    target.chmod(0o640)
    with StagedOutput(target) as staged:
        assert [path.name.startswith(".") for path in tmp_path.iterdir() if path != target] == [True]
        assert staged.path.suffix == ".bin"
        staged.path.write_bytes(b"new")
        assert target.read_bytes() == b"old"
        staged.commit()
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_new_files_obey_the_umask(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        with StagedOutput(tmp_path / "new.bin") as staged:
            staged.commit()
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "new.bin").stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "there" / "real.bin"
    real.parent.mkdir()
    real.write_bytes(b"old")
    link = tmp_path / "link.bin"
    link.symlink_to(real)
    with StagedOutput(link) as staged:
        staged.path.write_bytes(b"new")
        staged.commit()
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_missing_folders_are_made(tmp_path: Path) -> None:
    with StagedOutput(tmp_path / "a" / "b" / "c.bin") as staged:
        staged.commit()
    assert (tmp_path / "a" / "b" / "c.bin").exists()


def test_accepts_names_of_the_greatest_length(tmp_path: Path) -> None:
    target = tmp_path / ("n" * 251 + ".bin")
    with StagedOutput(target) as staged:
        staged.commit()
    assert target.exists()


def abandon_folder(target: Path, raised: type[BaseException]) -> None:
    with StagedFolder(target) as folder:
        (folder.path / "out-1.bin").touch()
        raise raised


def test_nothing_is_left_without_commit(tmp_path: Path, leftovers: Callable[[], list[str]]) -> None:
    for raised in (RuntimeError, KeyboardInterrupt, SystemExit):
        with pytest.raises(raised), StagedOutput(tmp_path / "out.bin"):
            raise raised
        with pytest.raises(raised):
            abandon_folder(tmp_path / "out-%d.bin", raised)
    assert list(tmp_path.iterdir()) == []
    assert leftovers() == []


def test_a_folder_of_files_moves_as_one(tmp_path: Path, leftovers: Callable[[], list[str]]) -> None:
    (tmp_path / "2.bin").mkdir()
    with StagedFolder(tmp_path / "%d.bin") as folder:
        for index in (1, 2):
            (folder.path / f"{index}.bin").touch()
        with pytest.raises(OutputError, match="is a folder"):
            folder.commit()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["2.bin"]
    assert leftovers() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_between_renames_waits_for_the_last(
    tmp_path: Path, leftovers: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    rename = Path.rename
    renamed: list[str] = []

    def interrupting(self: Path, target: Path) -> Path:
        result = rename(self, target)
        renamed.append(target.name)
        if len(renamed) == 9:  # three of the new files have arrived
            os.kill(os.getpid(), number)
        return result

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    def write() -> None:
        with StagedFolder(tmp_path / "%d.bin") as folder:
            for index in range(1, 7):
                (folder.path / f"{index}.bin").write_text("new")
            folder.commit()

    for index in range(1, 7):
        (tmp_path / f"{index}.bin").write_text("old")
    monkeypatch.setattr(Path, "rename", interrupting)
    before = signal.signal(number, stop)
    try:
        with pytest.raises(KeyboardInterrupt):
            write()
        assert signal.getsignal(number) is stop
    finally:
        signal.signal(number, before)
    assert {file.read_text() for file in tmp_path.iterdir()} == {"new"}
    assert len(renamed) == 12
    assert leftovers() == []


def test_targets_are_checked_without_touching_anything(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    for name, said in (
        ("folder", "is a folder"),
        ("file/out.mp4", "is a file, not a folder"),
        ("pipe", "not a regular file"),
        ("nul\0.mp4", "not a file name"),
    ):
        with pytest.raises(OutputError, match=said):
            check_target(tmp_path / name)
    check_target(tmp_path / "new" / "deeper" / "out.mp4")
    assert not (tmp_path / "new").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_refuses_a_folder_without_write_permission(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(OutputError, match="may not be written"):
        check_target(locked / "out.mp4")


@pytest.mark.parametrize("name", ["out.mp4", "out.gif", "p-%d.png"])
def test_reports_a_full_disk(tiny_disk: Path, name: str) -> None:
    old = tiny_disk / name.replace("%d", "1")
    old.write_bytes(b"old")
    noise = np.random.default_rng(0)

    def work() -> None:
        with VideoTarget(tiny_disk / name).open(Timing.constant(Fraction(25))) as writer:
            for index in range(100):
                writer.write(noise.integers(0, 255, (96, 96, 3), np.uint8), Fraction(index, 25))
            writer.commit()

    with pytest.raises(OutputError, match="no space left in") as caught:
        work()
    assert str(caught.value).startswith(str(tiny_disk / name))
    assert old.read_bytes() == b"old"
    assert [file.name for file in tiny_disk.iterdir()] == [old.name]


def test_refuses_a_link_that_leads_back_to_itself(tmp_path: Path) -> None:
    loop = tmp_path / "loop.mp4"
    loop.symlink_to(loop)
    with pytest.raises(OutputError):
        check_target(loop)
