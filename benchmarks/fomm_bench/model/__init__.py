"""The model and the media of a benchmark."""
