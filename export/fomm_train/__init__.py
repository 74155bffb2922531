"""Training of the project's own checkpoint on drawn faces, and its measures."""
