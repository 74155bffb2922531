"""Whether engines reproduce the model."""
