"""Measures of a model on faces and poses it was not trained on."""
