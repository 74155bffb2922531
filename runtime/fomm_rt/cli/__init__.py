"""The command line `fomm-rt`."""

from fomm_rt.cli.app import main

__all__ = ["main"]
