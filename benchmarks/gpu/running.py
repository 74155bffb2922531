"""Runs the commands of a step one after another, each within a time limit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from threading import Timer
from time import monotonic
from typing import Any, TextIO

from steps import ROOT, Command

Record = dict[str, Any]


def run_step(name: str, commands: list[Command], output: Path, limit_s: float) -> Record:
    """Runs a step and writes NAME.log and NAME.json into a folder.

    Returns:
        What NAME.json holds: the step, its date, its seconds, and the exit code of each command.
    """
    date, start = datetime.now(timezone.utc), monotonic()
    with (output / f"{name}.log").open("w", encoding="utf-8") as log:
        codes = run(commands, log, limit_s)
    pairs = zip(commands, codes, strict=True)
    record: Record = {
        "step": name,
        "date": date.isoformat(timespec="seconds"),
        "seconds": round(monotonic() - start, 1),
        "commands": [{"command": str(command), "exit_code": code} for command, code in pairs],
    }
    write_record(output / f"{name}.json", record)
    return record


def write_record(path: Path, record: object) -> None:
    """Writes a JSON file."""
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def has_passed(record: Record) -> bool:
    """True if every command of a step ended with exit code 0."""
    return all(command["exit_code"] == 0 for command in record["commands"])


def run(commands: list[Command], log: TextIO, limit_s: float) -> list[int | None]:
    """Runs commands one after another, with their output on the terminal and in a log.

    Returns:
        Exit codes, negative for signals; None for a command without time or without a program.
    """
    codes: list[int | None] = []
    end = monotonic() + limit_s
    for command in commands:
        _say(f"\n$ {command}\n", log)
        rest_s = end - monotonic()
        codes.append(_run(command, log, rest_s) if rest_s > 1 else None)
        _say(f"exit code {codes[-1]}, {limit_s - end + monotonic():.0f} s of {limit_s:.0f}\n", log)
    return codes


def _run(command: Command, log: TextIO, limit_s: float) -> int | None:
    try:
        process = subprocess.Popen(
            command.arguments,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **command.environment},
            start_new_session=True,
        )
    except OSError as error:
        _say(f"{command.arguments[0]}: {error.strerror}\n", log)
        return None

    def kill() -> None:
        _say(f"killed after {limit_s:.0f} s\n", log)
        os.killpg(process.pid, signal.SIGKILL)

    assert process.stdout is not None
    timer = Timer(limit_s, kill)
    timer.start()
    try:
        for line in process.stdout:
            _say(line, log)
        return process.wait()
    finally:
        timer.cancel()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        process.stdout.close()


def _say(text: str, log: TextIO) -> None:
    for stream in (sys.stdout, log):
        stream.write(text)
        stream.flush()
