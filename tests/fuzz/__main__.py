"""Fuzz test of every input format; `make fuzz RUNS=3000 SEED=1` runs it.

    python -m fuzz [--runs 400] [--seed 1] [--format NAME ...]
    python -m fuzz --case picture/png:1/17 [--keep FOLDER]      one case again, and its input

A run fails if it ends by a traceback or a signal, takes too long or too much memory, or leaves a part of a result.
The exit code is 1 if one failed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import monotonic

from fuzz.case import Case, prepare
from fuzz.formats import FORMATS
from fuzz.judge import MEMORY_BYTES
from fuzz.runner import Outcome, default_workers, run_cases, write_samples

PROGRESS_RUNS = 100


def main() -> int:
    """Runs the cases and prints each fault, then a summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--format", action="append", help="one format, or the beginning of several names")
    parser.add_argument("--workers", type=int, default=default_workers())
    parser.add_argument("--case", action="append", help="a case that an earlier run printed")
    parser.add_argument("--keep", type=Path, help="write the inputs of failing cases there")
    options = parser.parse_args()
    cases = _cases(options)
    with tempfile.TemporaryDirectory(prefix="fomm-rt-fuzz-") as name:
        # A folder on a network file system would make thousands of small files slow.
        samples, scratch = Path(name) / "samples", Path(name) / "scratch"
        scratch.mkdir()
        write_samples(samples, sorted({case.format for case in cases}))
        started, outcomes = monotonic(), list[Outcome]()

        def report(outcome: Outcome) -> None:
            outcomes.append(outcome)
            if outcome.fault is not None:
                print(f"{outcome.case}: {outcome.fault}: {outcome.detail}", flush=True)
                if options.case:
                    print(outcome.text)
            if len(outcomes) % PROGRESS_RUNS == 0:
                print(f"{len(outcomes)} of {len(cases)} runs", file=sys.stderr, flush=True)

        run_cases(cases, samples, scratch, options.workers, report)
        if options.keep is not None:
            _keep([each for each in outcomes if each.fault or options.case], samples, options.keep)
    if len(outcomes) < len(cases):
        print(f"only {len(outcomes)} of {len(cases)} cases were run")
        return 1
    return _summarize(outcomes, monotonic() - started)


def _cases(options: argparse.Namespace) -> list[Case]:
    if options.case:
        return [Case(*text.rpartition(":")[::2]) for text in options.case]
    names = [name for name in FORMATS if not options.format or name.startswith(tuple(options.format))]
    return [Case(names[index % len(names)], f"{options.seed}/{index // len(names)}") for index in range(options.runs)]


def _keep(outcomes: list[Outcome], samples: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for outcome in outcomes:
        name, _, seed = outcome.case.rpartition(":")
        place = folder / f"{name}-{seed}".replace("/", "-")
        shutil.rmtree(place, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=samples.parent) as temporary:  # links need one file system
            prepare(Case(name, seed), FORMATS[name], samples, Path(temporary) / "case")
            shutil.copytree(Path(temporary) / "case", place, symlinks=True)


def _summarize(outcomes: list[Outcome], seconds: float) -> int:
    faults = Counter(outcome.fault for outcome in outcomes if outcome.fault is not None)
    highest = max(outcomes, key=lambda outcome: outcome.peak_bytes)
    slowest = max(outcomes, key=lambda outcome: outcome.seconds)
    succeeded = sum(outcome.status == 0 for outcome in outcomes)
    print(
        f"{len(outcomes)} runs in {seconds:.0f} s, {succeeded} with a result; highest peak "
        f"{highest.peak_bytes / 1e6:.0f} of {MEMORY_BYTES / 1e6:.0f} MB ({highest.case}), longest run "
        f"{slowest.seconds:.1f} s ({slowest.case})"
    )
    print("faults: " + (", ".join(f"{count} {fault}" for fault, count in faults.items()) or "none"))
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
