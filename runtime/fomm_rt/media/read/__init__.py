"""Reads pictures and videos."""
