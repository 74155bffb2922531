"""Queries of nvidia-smi."""

from __future__ import annotations

import subprocess

PROGRAM = "nvidia-smi"


def query(what: str, fields: str) -> list[list[str]]:
    """Rows of `nvidia-smi --query-WHAT=FIELDS`, without units; none if there is no driver."""
    command = (PROGRAM, f"--query-{what}={fields}", "--format=csv,noheader,nounits")
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [[field.strip() for field in line.split(",")] for line in answer.splitlines() if line.strip()]
