"""Writes pictures, videos and sound."""
