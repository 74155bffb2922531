"""Pictures, videos and sound to files."""
