"""Speed of `fomm-rt animate` from file to file: `fomm-rt bench clip`."""
