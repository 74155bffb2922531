"""The model and the pictures that are benchmarked."""
