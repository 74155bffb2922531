"""Checkpoints and configurations: published ones, the project's own, and stand-ins."""
