"""Runs a command under strace and tells what it created and whom it called."""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

REQUIRE = "FOMM_REQUIRE_STRACE"
"""If it is 1, tests that need strace fail without it instead of being skipped."""

# `-y` adds the path of every file descriptor: openat(AT_FDCWD</work>, "a", …), openat(6</home/me>, "b", …).
_CALL = re.compile(r"^\d+\s+(\w+)\((.*)$")
_PATH = re.compile(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"')
_ADDRESS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
_CREATING = frozenset({"creat", "mkdir", "mkdirat", "mknod", "mknodat", "symlink", "symlinkat"})
_NAMING = frozenset({"rename", "renameat", "renameat2", "link", "linkat"})
_CALLING = frozenset({"connect", "bind", "sendto", "sendmsg", "sendmmsg"})
_LOOKUP_FILES = ("/etc/resolv.conf", "/etc/hosts", "/run/systemd/resolve")
_NOT_FILES = ("/dev/null", "/proc/")


@dataclass
class Watched:
    """What a process and its children did.

    Attributes:
        created: Files and folders that were created or renamed to, in order, each once.
        lookups: Files that only looking up a host name opens.
        addresses: Addresses beyond loopback that were called or bound.
    """

    created: list[Path] = field(default_factory=list)
    lookups: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)

    def created_outside(self, *folders: Path) -> list[Path]:
        """Those of `created` that do not lie in one of the folders."""
        return [path for path in self.created if not any(path.is_relative_to(folder) for folder in folders)]


def watch(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Watched:
    """Runs a command in a folder; skips the test where strace cannot run, or fails it with FOMM_REQUIRE_STRACE=1."""
    log = folder / "strace.log"
    strace = shutil.which("strace")
    if strace is None:
        _give_up("strace is not installed; install it: apt install strace")
    assert strace is not None
    watched = [strace, "-f", "-y", "-s", "4096", "-e", "trace=network,%file", "-o", str(log)]
    probe = subprocess.run([*watched, sys.executable, "-c", ""], capture_output=True, text=True, check=False)
    if probe.returncode:
        _give_up(f"strace may not trace here: {probe.stderr.strip()}")
    run = subprocess.run(
        [*watched, *command], cwd=folder, env=dict(environment), capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return parse(log.read_text(encoding="utf-8", errors="replace"), folder)


def parse(log: str, folder: Path) -> Watched:
    """Reads the output of `strace -f -y`; calls that failed created nothing. `folder` is where the command ran."""
    found = Watched()
    for line in log.splitlines():
        call = _CALL.match(line)
        if call is None:
            continue
        name, rest = call.groups()
        paths = [str(Path(at or folder, text)) for at, text in _PATH.findall(rest)]
        if name.startswith("open") and paths and paths[0].startswith(_LOOKUP_FILES):
            found.lookups.append(paths[0])
        if name in _CALLING:
            found.addresses += [a or b for a, b in _ADDRESS.findall(rest) if not _is_loopback(a or b)]
        if re.search(r"\) += -1 ", rest):
            continue
        creates = name in _CREATING or (name.startswith("open") and "O_CREAT" in rest)
        if creates and paths:
            _note(found, paths[-1] if name.startswith("symlink") else paths[0])
        elif name in _NAMING and len(paths) > 1:
            _note(found, paths[1])
    return found


def _note(found: Watched, path: str) -> None:
    if not path.startswith(_NOT_FILES) and Path(path) not in found.created:
        found.created.append(Path(path))


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback


def _give_up(problem: str) -> None:
    if os.environ.get(REQUIRE, "0") != "0":
        pytest.fail(f"{REQUIRE} is set, but {problem}", pytrace=False)
    pytest.skip(problem)
