"""Cameras: devices, network streams, files, pictures, a test pattern."""
