"""Whole clips, from files to a file."""
