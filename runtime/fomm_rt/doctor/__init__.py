"""What `fomm-rt doctor` finds out."""
