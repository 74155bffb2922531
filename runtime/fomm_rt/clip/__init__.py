"""Whole clips: from a picture and a driving file to a result file."""
