"""Exact rearrangements of the networks that save work at inference."""
