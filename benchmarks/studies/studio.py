"""What the page of the studio adds to a job, and the studio's memory over many jobs.

    python benchmarks/studies/studio.py [--rounds 3] [--repeats 2] [--json FILE]
    python benchmarks/studies/studio.py --jobs 200 [--json FILE]

Jobs: `fomm-rt animate` and a job that is started on the page, in headless Chromium, animate the same bundled picture by
the same clip with the same options, in turns. The clip is the bundled performance, repeated. A job is timed from the
press to the result on the page. The first job of a studio loads the model, as the command does; it is reported by
itself. Beside the time on the clock, which depends on what else runs, stands the processor time of all processes of the
command, of the studio, and of the browser.

Memory: the resident set of the server and its worker processes over so many short jobs. The exit code is 1 if it
grows by more than 5 % or 20 MB, whichever is less, from the tenth job to the last.
"""

from __future__ import annotations

import argparse
import json
import resource
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
from playwright.sync_api import Page, sync_playwright

from fomm_bench.machine.environment import describe_environment
from fomm_bench.results.command_line import script_command
from fomm_bench.results.results_file import write_document
from fomm_rt.bundled import bundled_avatars, bundled_performance
from fomm_rt.media.read.video_reader import VideoReader
from fomm_rt.media.timing import Timing
from fomm_rt.media.write.video_writer import VideoWriter

CHROMIUM = "/usr/bin/chromium"
LONGEST_MS = 600_000
ALLOWED_GROWTH, ALLOWED_BYTES = 0.05, 20_000_000
FIRST_COUNTED = 10
"""Jobs after which the memory is taken for settled."""
SHORT_JOB_S = 0.1

RUN_A_JOB = """() => new Promise((resolve) => {
  const result = document.querySelector("#result");
  let isRunning = false;
  new MutationObserver((_changes, observer) => {
    isRunning ||= result.querySelector(".running") !== null;
    if (!isRunning || !result.querySelector(".done, .ended")) return;
    observer.disconnect();
    resolve();
  }).observe(result, { childList: true, subtree: true });
  document.querySelector("#start").click();
})"""
"""Presses Start and waits for the end. Playwright's own waiting looks at each frame that the browser draws."""

Cost = dict[str, float]
"""Seconds on the clock, and seconds of processor time by who used it."""


class Studio:
    """A studio in a process of its own."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "fomm_rt", "studio", "--no-browser", "--quiet", "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        host, _, token = self.address.partition("/#token=")
        self._host = host.partition("//")[2]
        self._headers = {"Authorization": f"Bearer {token}"}

    def animate(self, **options: Any) -> None:
        """Runs a job to its end, as a program does."""
        source = f"avatar:{bundled_avatars()[0].stem}"
        body = json.dumps({"source": source, "driving": "driver:performance", "options": options})
        job = json.loads(self._request("POST", "/api/jobs", body))
        events = self._request("GET", f"/api/jobs/{job['id']}/events").decode()
        last = json.loads(events.strip().rpartition("data: ")[2])
        if last["state"] != "done":
            raise SystemExit(f"the job {last['state']}: {last['error']}")

    def resident_bytes(self) -> int:
        """Memory of the server and its processes."""
        return sum(process.memory_info().rss for process in self._processes())

    def processor_s(self) -> float:
        """Processor time of the server and its processes so far."""
        return sum(processor_s(process) for process in self._processes())

    def _processes(self) -> list[psutil.Process]:
        server = psutil.Process(self.process.pid)
        return [server, *server.children(recursive=True)]

    def _request(self, method: str, path: str, body: str | None = None) -> bytes:
        connection = HTTPConnection(self._host)
        try:
            connection.request(method, path, body, self._headers)
            return connection.getresponse().read()
        finally:
            connection.close()


class Visitor:
    """The page of a studio in a browser, with a picture and a film that are chosen."""

    def __init__(self, page: Page, studio: Studio, film: Path) -> None:
        self._page, self._studio = page, studio
        page.goto(studio.address)
        page.locator("#picture .thumb").first.click()
        page.set_input_files("#driver input[type=file]", film)
        for step in ("#picture", "#driver"):
            page.locator(f"{step} .square").wait_for(timeout=LONGEST_MS)

    def animate(self) -> Cost:
        """Presses Start and waits for the result."""
        studio_s, browser_s, start = self._studio.processor_s(), self._browser_s(), perf_counter()
        self._page.evaluate(RUN_A_JOB)
        seconds = perf_counter() - start
        self._page.evaluate("for (const video of document.querySelectorAll('video')) video.pause()")
        return {
            "clock_s": seconds,
            "processor_s": self._studio.processor_s() - studio_s,
            "browser_s": self._browser_s() - browser_s,
        }

    def _browser_s(self) -> float:
        own = psutil.Process().children(recursive=True)
        return sum(processor_s(process) for process in own if "chrom" in _name(process))


@contextmanager
def running_studio() -> Iterator[Studio]:
    """Runs a studio for the context."""
    studio = Studio()
    try:
        yield studio
    finally:
        studio.process.terminate()
        studio.process.wait()


@contextmanager
def visiting(studio: Studio, film: Path) -> Iterator[Visitor]:
    """Opens the page of a studio for the context."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield Visitor(browser.new_page(locale="en-US"), studio, film)
        finally:
            browser.close()


def processor_s(process: psutil.Process) -> float:
    """Processor time of a process so far; 0 if it has ended."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.NoSuchProcess:
        return ""


def repeated_performance(path: Path, repeats: int) -> Path:
    """Writes the bundled performance several times in a row."""
    with VideoReader(bundled_performance()) as reader:
        assert reader.timing.rate is not None
        with VideoWriter(path, Timing.constant(reader.timing.rate)) as writer:
            for _ in range(repeats):
                for frame in reader:
                    writer.write(frame.pixels)
    return path


def animate(film: Path, output: Path) -> Cost:
    """Runs `fomm-rt animate` with the options that the page starts with."""
    arguments = [bundled_avatars()[0], film, "-o", output, "--best-frame", "auto", "--quiet", "-y"]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    subprocess.run([sys.executable, "-m", "fomm_rt", "animate", *map(str, arguments)], check=True)
    seconds, after = perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"clock_s": seconds, "processor_s": used_s}


def compare(rounds: int, repeats: int) -> dict[str, Any]:
    """Runs the command and jobs in turns."""
    commands: list[Cost] = []
    jobs: list[Cost] = []
    with tempfile.TemporaryDirectory() as folder, running_studio() as studio:
        film = repeated_performance(Path(folder) / "film.mp4", repeats)
        with visiting(studio, film) as visitor:
            first = visitor.animate()
            for _ in range(rounds):
                commands.append(animate(film, Path(folder) / "result.mp4"))
                jobs.append(visitor.animate())
    ratios = {
        name: median(job[name] for job in jobs) / median(command[name] for command in commands)
        for name in ("clock_s", "processor_s")
    }
    for title, costs in (("fomm-rt animate", commands), ("a job on the page", jobs), ("the first job", [first])):
        print(title, {name: round(median(cost[name] for cost in costs), 2) for name in costs[0]})
    print(
        f"a job to the command: {ratios['clock_s']:.3f} of its time, {ratios['processor_s']:.3f} of its processor time"
    )
    return {"commands": commands, "jobs": jobs, "first_job": first, "ratios": ratios}


def watch_memory(jobs: int) -> dict[str, Any]:
    """Runs short jobs and takes the memory after each."""
    resident = []
    with running_studio() as studio:
        for number in range(1, jobs + 1):
            studio.animate(duration_s=SHORT_JOB_S)
            resident.append(studio.resident_bytes())
            if number % FIRST_COUNTED == 0:
                print(f"job {number}: {resident[-1] / 1e6:.1f} MB", flush=True)
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
    parser.add_argument("--repeats", type=int, default=2, help="of the performance, which lasts seven seconds")
    parser.add_argument("--jobs", type=int, help="watch the memory of so many jobs instead")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = watch_memory(given.jobs) if given.jobs else compare(given.rounds, given.repeats)
    if given.json:
        write_document(
            given.json, {"command": script_command(), "environment": describe_environment(), "results": found}
        )
    if found.get("has_grown"):
        sys.exit(1)


if __name__ == "__main__":
    main()
