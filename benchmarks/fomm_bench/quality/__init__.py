"""Reconstruction quality of every backend and precision."""
