"""Atomic writes, locks, and interruption."""
