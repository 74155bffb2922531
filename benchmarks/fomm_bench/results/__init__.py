"""Results as values, files and tables."""
