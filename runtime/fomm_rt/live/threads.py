"""Names of threads of a live session."""

ENGINE = "fomm-rt engine"
"""Owns the animator. It is left behind if a frame does not end in time."""
