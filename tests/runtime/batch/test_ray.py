"""Jobs on a real Ray cluster of two nodes on loopback; skipped without Ray, failing then with FOMM_REQUIRE_RAY=1."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from batch_process import PATIENCE_S, made, run_batch, start_batch, summary, wait_for
from fomm_rt import BatchError, animate_file
from fomm_rt.batch.ray_cluster.connect import RayOptions, connect
from fomm_rt.version import __version__
from fomm_rt.workers.messages import LoadOptions

if find_spec("ray") is None:
    if os.environ.get("FOMM_REQUIRE_RAY") == "1":
        pytest.fail("FOMM_REQUIRE_RAY=1 promises Ray, which is not installed", pytrace=False)
    pytest.skip("Ray is not installed", allow_module_level=True)

# Starts two nodes, prints the address, kills the second node at the first line of input, and stops at its end.
_CLUSTER = """
import sys
from ray.cluster_utils import Cluster

# Without the processes that no test needs.
small = {"object_store_memory": 80 << 20, "include_dashboard": False, "include_log_monitor": False, "no_monitor": True}
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, **small})
second = cluster.add_node(num_cpus=1, **small)
print(cluster.address, flush=True)
if sys.stdin.readline():
    cluster.remove_node(second, allow_graceful=False)
    print("killed", flush=True)
    sys.stdin.read()
cluster.shutdown()
"""


class Cluster:
    """A cluster in a process of its own."""

    def __init__(self) -> None:
        variables = {
            "RAY_USAGE_STATS_ENABLED": "0",
            # A lost node is noticed within seconds.
            "RAY_health_check_initial_delay_ms": "1000",
            "RAY_health_check_period_ms": "500",
            "RAY_health_check_failure_threshold": "3",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CLUSTER],
            env={**os.environ, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()
        assert self.address, "no cluster could be started"

    def kill_second_node(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("kill\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "killed\n"

    def worker(self) -> int:
        """The process of a worker of this cluster that does a job."""
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (folder / "cmdline").read_bytes().startswith(b"ray::RayWorker.animate"):
                    parent = (folder / "stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[1]
                    if self.address.encode() in Path("/proc", parent, "cmdline").read_bytes():
                        return int(folder.name)
        pytest.fail("no worker was found in /proc")

    def stop(self) -> None:
        self._process.communicate(timeout=PATIENCE_S)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    started = Cluster()
    try:
        yield started
    finally:
        started.stop()


def test_jobs_run_on_both_nodes_and_a_lost_node_costs_none(
    cluster: Cluster, tmp_path: Path, pictures: Path, long_talk: Path, small_model: Path
) -> None:
    out = tmp_path / "out"
    process = start_batch(pictures, long_talk, "-o", out, "-m", small_model, "--ray", cluster.address)
    recordings = wait_for(lambda: _under_way(out) == 2 and list(out.glob(".fomm-rt-*/new/*.recording")))
    assert len(recordings) == 1, "the workers are on one machine and share the keypoints"
    cluster.kill_second_node()
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert "its worker on" in err
    jobs = summary(out)["jobs"]
    assert [job["state"] for job in jobs] == ["made"] * 5
    assert max(job["attempts"] for job in jobs) > 1
    animate_file(pictures / "4.png", long_talk, tmp_path / "expected.mp4", model=small_model, threads=1)
    assert (out / "4.mp4").read_bytes() == (tmp_path / "expected.mp4").read_bytes()
    assert not [file for file in out.iterdir() if file.name.startswith(".")]


def test_bad_input_fails_its_job_and_signals_end_the_run(
    cluster: Cluster, tmp_path: Path, pictures: Path, long_talk: Path, small_model: Path
) -> None:
    out = tmp_path / "out"
    (pictures / "0.png").write_text("no picture")
    arguments = (pictures, long_talk, "-o", out, "-m", small_model, "--ray", cluster.address)
    for results, number in enumerate((signal.SIGINT, signal.SIGTERM), start=1):
        process = start_batch(*arguments)
        _wait_for_a_result_under_way(out, results)
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 128 + number, err
        assert "Traceback" not in err
        assert not _hidden_folders(out)
        first, *others = summary(out)["jobs"]
        assert "0.png is a text file" in first["error"]
        assert "not made" in {job["state"] for job in others}

    process = start_batch(*arguments)
    _wait_for_a_result_under_way(out, 2)
    os.kill(cluster.worker(), signal.SIGKILL)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1, err
    assert err.count("it runs again") == 1
    jobs = summary(out)["jobs"]
    assert {job["state"] for job in jobs} == {"failed", "made", "present"}
    assert sorted(job["attempts"] for job in jobs if job["state"] == "made")[-1] == 2
    assert len(made(out)) == 4
    assert not _hidden_folders(out)


def test_no_cluster_at_the_address_is_one_sentence() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(BatchError, match=f"no Ray cluster at 127.0.0.1:{port}"):
            connect(RayOptions(f"127.0.0.1:{port}"), 1, LoadOptions(None))
    with pytest.raises(BatchError, match="expected auto, or HOST:PORT"):
        connect(RayOptions("ray://head:10001"), 1, LoadOptions(None))


def test_a_worker_that_needs_too_much_is_one_sentence(
    cluster: Cluster, tmp_path: Path, pictures: Path, talk: Path
) -> None:
    arguments: tuple[Any, ...] = (pictures, talk, "-o", tmp_path / "out", "--ray", cluster.address)
    code, _, err = run_batch(*arguments, "--num-gpus", 1)
    assert code == 1
    assert "no machine of the cluster has num_cpus=1 and num_gpus=1" in err
    assert not (tmp_path / "out" / "summary.json").exists()
    assert "Traceback" not in err


def test_another_version_on_a_machine_is_one_sentence(
    cluster: Cluster, tmp_path: Path, pictures: Path, talk: Path
) -> None:
    newer = "import fomm_rt.version; fomm_rt.version.__version__ = '9.9.9'\n"
    code, _, err = run_batch(pictures, talk, "-o", tmp_path / "out", "--ray", cluster.address, before=newer)
    assert code == 1
    assert f"has fomm-rt {__version__}, this machine 9.9.9; install the same version on all machines" in err
    assert "Traceback" not in err


def _wait_for_a_result_under_way(out: Path, results: int) -> None:
    """Waits until there are so many results, and a worker is in the middle of the next one."""
    wait_for(lambda: _lines(out, '"files"') >= results and list(out.glob(".fomm-rt-*/new/result*")))


def _under_way(out: Path) -> int:
    """Number of jobs that have begun and not ended, if none has failed."""
    return _lines(out, '"output"') - 2 * _lines(out, '"files"')


def _hidden_folders(out: Path) -> list[Path]:
    return [path for path in out.glob(".fomm-rt-*") if path.is_dir()]


def _lines(out: Path, text: str) -> int:
    journal = out / "journal.jsonl"
    return journal.read_text(encoding="utf-8").count(text) if journal.exists() else 0
