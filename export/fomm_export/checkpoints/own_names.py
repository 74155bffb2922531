"""Names of the project's own checkpoints, readable without YAML or torch."""

from __future__ import annotations

OWN_NAMES = ("drawn-faces-256", "faces-256")
"""Checkpoints of drawn faces; of drawn faces and people, which is not published yet."""
