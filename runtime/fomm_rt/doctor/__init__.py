"""Checks of the machine for `fomm-rt doctor`."""
