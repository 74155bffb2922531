"""Processes that do tasks for another process, which outlives their crashes."""
