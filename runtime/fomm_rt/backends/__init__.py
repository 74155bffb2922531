"""Backends: the ways to run a model, and the choice among them."""
