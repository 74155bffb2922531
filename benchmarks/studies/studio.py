"""What the studio adds to a job, and its memory over many jobs.

    python benchmarks/studies/studio.py [--rounds 3] [--seconds 7] [--json FILE]
    python benchmarks/studies/studio.py --jobs 200

Jobs: `fomm-rt animate` and a job of a running studio through HTTP animate the same bundled picture by the same clip,
in turns. A job is timed from its request to the event that says it is done. The first job of a studio loads the
model, as the command does; it is reported by itself.

Memory: the resident set of the server and its worker processes over so many short jobs. The exit code is 1 if it
grows by more than 5 % or 20 MB, whichever is less, from the tenth job to the last.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import psutil

from fomm_bench.machine.environment import describe_environment
from fomm_bench.results.command_line import script_command
from fomm_bench.results.results_file import write_document
from fomm_rt.bundled import bundled_avatars, bundled_performance

ALLOWED_GROWTH, ALLOWED_BYTES = 0.05, 20_000_000
FIRST_COUNTED = 10
"""Jobs after which the memory is taken for settled."""
SHORT_JOB_S = 0.1


class Studio:
    """A studio in a process of its own, as a program uses it."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "fomm_rt", "studio", "--no-browser", "--quiet", "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        address, _, token = self.process.stdout.readline().strip().partition("/#token=")
        self._host = address.partition("//")[2]
        self._headers = {"Authorization": f"Bearer {token}"}

    def animate(self, **options: Any) -> float:
        """Runs a job to its end; returns seconds."""
        source = f"avatar:{bundled_avatars()[0].stem}"
        body = json.dumps({"source": source, "driving": "driver:performance", "options": options})
        start = perf_counter()
        job = json.loads(self._request("POST", "/api/jobs", body))
        events = self._request("GET", f"/api/jobs/{job['id']}/events").decode()
        seconds = perf_counter() - start
        last = json.loads(events.strip().rpartition("data: ")[2])
        if last["state"] != "done":
            raise SystemExit(f"the job {last['state']}: {last['error']}")
        return seconds

    def resident_bytes(self) -> int:
        """Memory of the server and its processes."""
        server = psutil.Process(self.process.pid)
        return sum(process.memory_info().rss for process in [server, *server.children(recursive=True)])

    def _request(self, method: str, path: str, body: str | None = None) -> bytes:
        connection = HTTPConnection(self._host)
        try:
            connection.request(method, path, body, self._headers)
            return connection.getresponse().read()
        finally:
            connection.close()


@contextmanager
def running_studio() -> Iterator[Studio]:
    """Runs a studio for the context."""
    studio = Studio()
    try:
        yield studio
    finally:
        studio.process.terminate()
        studio.process.wait()


def animate(folder: Path, seconds: float) -> float:
    """Runs `fomm-rt animate`; returns seconds."""
    arguments = [bundled_avatars()[0], bundled_performance(), "-o", folder / "result.mp4", "--duration", seconds]
    command = [sys.executable, "-m", "fomm_rt", "animate", *map(str, arguments), "--quiet", "-y"]
    start = perf_counter()
    subprocess.run(command, check=True)
    return perf_counter() - start


def compare(rounds: int, seconds: float) -> dict[str, Any]:
    """Times the command and jobs in turns."""
    command_s, job_s = [], []
    with tempfile.TemporaryDirectory() as folder, running_studio() as studio:
        first_s = studio.animate(duration_s=seconds)
        for _ in range(rounds):
            command_s.append(animate(Path(folder), seconds))
            job_s.append(studio.animate(duration_s=seconds))
    ratio = median(job_s) / median(command_s)
    print(f"fomm-rt animate {median(command_s):.2f} s, a job {median(job_s):.2f} s: ratio {ratio:.3f}")
    print(f"the first job, which loads the model, {first_s:.2f} s")
    return {"command_s": command_s, "job_s": job_s, "first_job_s": first_s, "ratio": ratio}


def watch_memory(jobs: int) -> dict[str, Any]:
    """Runs short jobs and takes the memory after each."""
    resident = []
    with running_studio() as studio:
        for number in range(1, jobs + 1):
            studio.animate(duration_s=SHORT_JOB_S)
            resident.append(studio.resident_bytes())
            if number % FIRST_COUNTED == 0:
                print(f"job {number}: {resident[-1] / 1e6:.1f} MB")
    settled, last = resident[min(FIRST_COUNTED, jobs) - 1], resident[-1]
    grown = last - settled > min(ALLOWED_GROWTH * settled, ALLOWED_BYTES)
    print(
        f"from job {min(FIRST_COUNTED, jobs)} to {jobs}: {(last - settled) / 1e6:+.1f} MB ({last / settled - 1:+.1%})"
    )
    return {"resident_bytes": resident, "has_grown": grown}


def main() -> None:
    """Measures what the arguments ask for and prints it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=7, help="of the clip")
    parser.add_argument("--jobs", type=int, help="watch the memory of so many jobs instead")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = watch_memory(given.jobs) if given.jobs else compare(given.rounds, given.seconds)
    if given.json:
        write_document(
            given.json, {"command": script_command(), "environment": describe_environment(), "results": found}
        )
    if found.get("has_grown"):
        sys.exit(1)


if __name__ == "__main__":
    main()
