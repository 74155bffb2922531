"""Checks that engines reproduce the model."""
