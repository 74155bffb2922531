"""Readings of the machine: environment, load, memory, CPU time, attainable rates."""
