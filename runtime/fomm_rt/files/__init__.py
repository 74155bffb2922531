"""Files that are complete or not there, and interruption."""
