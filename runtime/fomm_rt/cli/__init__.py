"""The command line, `fomm-rt`."""
