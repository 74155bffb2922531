"""`fomm-rt animate` timed from file to file."""
