"""The result of a run: its types, its file, and its tables."""
