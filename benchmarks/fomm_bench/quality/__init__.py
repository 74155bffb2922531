"""Reconstruction quality of every backend and precision: `fomm-rt bench quality`."""
